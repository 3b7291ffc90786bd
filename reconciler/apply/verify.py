"""Destinations against the ledger: what was recorded is read back and hashed again; nothing is changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from reconciler.apply.recorded import runs_of
from reconciler.destinations.base import Destination
from reconciler.errors import AccountError, DestinationError, MissingExtra
from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, RunRecord, StagedRecord
from reconciler.resources.effective import EffectiveDestination
from reconciler.stores.ledger import Ledger

Problem = Literal["missing", "changed", "unknown", "leftover"]
Open = Callable[[EffectiveDestination], Destination]
_ABSENT = "D131"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that isn't as recorded. `name` is relative to the destination's path, `where` for people."""

    problem: Problem
    flow: str | None
    run_id: str | None
    name: str
    where: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """One recorded run. `checked`: files read back, the manifest included; None at a write-only destination."""

    run: RunRecord
    checked: int | None
    findings: tuple[Finding, ...]


def recorded(ledger: Ledger, head: FlowHead) -> Iterator[RunRecord]:
    """A flow's exported runs, oldest first under each of its names."""
    return (run for run in runs_of(ledger, head) if run.outcome == "exported")


def given_way(ledger: Ledger, head: FlowHead) -> frozenset[str]:
    """Ids of a flow's runs whose file a later run replaced."""
    return frozenset(each for run in runs_of(ledger, head) for each in run.replaced or ())


def verify_run(run: RunRecord, where: EffectiveDestination, connect: Open) -> Verified:
    """Reads every file of a run back, `where` they are reached today. Raises `DestinationError`, `AccountError` where that can't be
    told, as without permission or network: that is no finding."""
    destination = connect(where)
    if not destination.capabilities.readable:
        return Verified(run, None, ())
    found = []
    for file in run.files:
        read = _hash(destination, file.path)
        if read is None:
            found.append(_finding("missing", run, destination, file.path))
        elif read != (file.size, file.sha256):
            same = read[0] == file.size
            detail = "another content of the same size" if same else f"{read[0]:,} bytes instead of {file.size:,}"
            found.append(_finding("changed", run, destination, file.path, detail))
    if run.manifest is not None and (problem := manifest_problem(run, run.manifest, destination)) is not None:
        detail = "doesn't list what was recorded" if problem == "changed" else ""
        found.append(_finding(problem, run, destination, run.manifest, detail))
    return Verified(run, len(run.files) + (run.manifest is not None), tuple(found))


def manifest_problem(run: RunRecord, name: str, destination: Destination) -> Literal["missing", "changed"] | None:
    """Whether a run's manifest is there and says what was recorded. Raises `DestinationError` where that can't be told."""
    content = _content(destination, name)
    if content is None:
        return "missing"
    return None if _lists(content, run) else "changed"


def unknown(ledger: Ledger, runs: list[tuple[RunRecord, EffectiveDestination]], connect: Open) -> Iterator[Finding]:
    """Files in the folders of these runs, each reached where it says, that no run of the ledger put there."""
    listed: dict[tuple[str, str], Finding] = {}
    folders = {(_root(where, connect), run.folder): (run, where) for run, where in runs}
    for (root, folder), (run, where) in folders.items():
        destination = connect(where)
        if destination.capabilities.readable:
            for each in destination.list(f"{folder}/"):
                listed[root, each.name] = _finding("unknown", run, destination, each.name, run_id=False)
    mine = {(_root(where, connect), name) for run, where in runs for name in _names(run)}
    strangers = listed.keys() - mine
    if strangers:
        # Read after listing, so that whatever a runner published meanwhile is known by now; staged before recorded,
        # since that is the order in which a finished run goes from one to the other.
        strangers -= set(_publishing(ledger, connect))
        strangers -= set(_all_recorded(ledger, connect))
    yield from (listed[each] for each in sorted(strangers))


def leftovers(ledger: Ledger, destination: EffectiveDestination, connect: Open) -> Iterator[Finding]:
    """What waits staged at a destination and belongs to no open run."""
    opened = connect(destination)
    if not opened.capabilities.readable:
        return
    first = set(opened.staged())
    if not first:
        return
    heads = ledger.actual().flows.values()
    mine: set[str] = set()
    for run_id in sorted(head.open.run_id for head in heads if head.open is not None):
        mine |= set(opened.staged(run_id))
    # Listed again: what was published or discarded since the first time is nobody's leftover.
    for name in sorted((first & set(opened.staged())) - mine):
        yield Finding("leftover", None, None, name, opened.location(name), "staged, and no open run's")


def _names(run: RunRecord) -> Iterator[str]:
    yield from (file.path for file in run.files)
    if run.manifest is not None:
        yield run.manifest


def _publishing(ledger: Ledger, connect: Open) -> Iterator[tuple[str, str]]:
    for head in ledger.actual().flows.values():
        yield from _of_open(ledger, head, connect)


def _of_open(ledger: Ledger, head: FlowHead, connect: Open) -> Iterator[tuple[str, str]]:
    if head.open is None or head.open.phase != "publishing":
        return
    staged = ledger.read(StagedRecord, keys.staged(head.open.run_id))
    if staged is None:
        return
    root = _root(head.open.spec.destination, connect)
    manifest = (staged.document.manifest,) if staged.document.manifest else ()
    yield from ((root, file.name) for file in (*staged.document.files, *manifest))


def _all_recorded(ledger: Ledger, connect: Open) -> Iterator[tuple[str, str]]:
    for key, _ in ledger.store.list(keys.RUNS):
        found = ledger.read(RunRecord, key)
        if found is not None:
            root = _root(found.document.spec.destination, connect)
            yield from ((root, name) for name in _names(found.document))


def _root(destination: EffectiveDestination, connect: Open) -> str:
    """What tells a destination's files from another's; also of one that can't be opened here any more, as without its account."""
    try:
        return connect(destination).location()
    except (DestinationError, AccountError, MissingExtra):
        return destination.spec.connection.url()


def _hash(destination: Destination, name: str) -> tuple[int, str] | None:
    """Size and SHA-256 of what is there, in bounded memory; None where nothing is."""
    size, digest = 0, hashlib.sha256()
    try:
        for chunk in destination.read(name):
            size += len(chunk)
            digest.update(chunk)
    except DestinationError as error:
        if error.code == _ABSENT:
            return None
        raise
    return size, digest.hexdigest()


def _content(destination: Destination, name: str) -> bytes | None:
    try:
        return b"".join(destination.read(name))
    except DestinationError as error:
        if error.code == _ABSENT:
            return None
        raise


def _lists(content: bytes, run: RunRecord) -> bool:
    """Whether a manifest says what the ledger recorded. The ledger keeps no hash of it, so its content is compared."""
    from pydantic import ValidationError

    from reconciler.values.manifest import Manifest

    try:
        manifest = Manifest.model_validate(json.loads(content))
    except (ValueError, ValidationError):
        return False
    named = (*manifest.files, *(manifest.removed_files or ()))
    listed = [(f"{run.folder}/{each.path}", each.rows, each.size, each.sha256) for each in named]
    expected = [(each.path, each.rows, each.size, each.sha256) for each in run.files]
    said = (manifest.run_id, manifest.kind, manifest.slot, manifest.rows, manifest.size)
    return listed == expected and said == (run.run_id, run.kind, run.slot, run.rows, run.size)


def _finding(
    problem: Problem, run: RunRecord, destination: Destination, name: str, detail: str = "", *, run_id: bool = True
) -> Finding:
    return Finding(problem, run.flow, run.run_id if run_id else None, name, destination.location(name), detail)
