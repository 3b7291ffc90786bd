"""Probing for the `sftp` type: does all that an export will need, with small files, and names what the server forbids."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from reconciler.accounts.sftp_wire import MISSING, Lost, Refusal
from reconciler.destinations.base import OWNER_MARKER, ProbeReport
from reconciler.destinations.errors import failure
from reconciler.destinations.lacking import Survey
from reconciler.destinations.names import RESERVED
from reconciler.destinations.sftp_place import FOLDER_MODE, PAUSES, STAGING, SftpPlace
from reconciler.destinations.sftp_sink import SftpSink
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import StagedFile

STALE: Final = 3600
"""Seconds. A probe takes less than one: what is this much older than ours was left by one that was killed."""
PROBE: Final = "probe-"
_CONTENT: Final = b"probe\n"


def create_root(place: SftpPlace) -> list[bytes]:
    """The destination's folder, and those on the way to it; returns those that it made, from the top."""
    made: list[bytes] = []
    if place.root_is_there():
        return made
    parts = place.path().split(b"/")
    for depth in range(1, len(parts) + 1):
        path = b"/".join(parts[:depth])
        if path:
            with suppress(Refusal):  # it is there: whether the last one is shows below
                _make(place, path)
                made.append(path)
    if not place.root_is_there():
        raise failure("D102", f"{place.url()} isn't there and couldn't be created. Ask the server's operator for it.")
    return made


def _make(place: SftpPlace, path: bytes) -> None:
    place.tried(f"create the folder {_said(path)}", lambda wire: wire.make_folder(path, FOLDER_MODE))


def _unmake(place: SftpPlace, path: bytes) -> None:
    place.tried(f"remove the folder {_said(path)}", lambda wire: wire.remove_folder(path))


def _said(path: bytes) -> str:
    return path.decode("utf-8", "replace")


@contextmanager
def root_for_a_while(place: SftpPlace) -> Iterator[None]:
    """The destination's folder, which is gone again afterwards if it wasn't there."""
    made = create_root(place)
    try:
        yield
    finally:
        with suppress(Refusal, ReconcilerError):  # somebody else writes there by now, or it may not be removed
            for path in reversed(made):
                _unmake(place, path)


def probe(place: SftpPlace) -> ProbeReport:
    """Stages two files, publishes one, is refused the other, and as far as the access allows reads back, lists and deletes."""
    create_root(place)
    token = secrets.token_hex(8)
    run_id, name = f"{PROBE}{token}", f"{RESERVED}{PROBE}{token}"
    steps = ["wrote"]
    try:
        first, second = _staged(place, run_id, name), _staged(place, run_id, f"{name}-2")
        _rename(place, first.staged, name)
        _refuse_overwriting(place, second.staged, name)
        if place.readable:
            if b"".join(place.chunks(name)) != _CONTENT:
                raise failure("D110", f"{place.url(name)} was read back with another content.")
            place.entries("")
            steps.append("read back")
        place.entries(f"{STAGING}/{run_id}")
        place.remove(second.staged)
        if _removed(place, name):
            steps.append("removed a probe")
        _sweep(place, token)
    except Refusal as refusal:
        raise place.refused("probe the folder", refusal) from refusal
    finally:
        for each in (name, *(f"{STAGING}/{run_id}/{part}.staged" for part in (name, f"{name}-2"))):
            with suppress(Refusal, ReconcilerError):
                place.remove(each)
        with suppress(Refusal, ReconcilerError):
            place.prune(f"{STAGING}/{run_id}")
    return ProbeReport(tuple(steps))


def lacking(place: SftpPlace, known: str) -> list[str]:
    """See `Surveyed`: all of it in the staging area. What is known is said with the name of a file, and is left out."""
    survey, run_id = Survey(), f"{PROBE}{secrets.token_hex(8)}"
    folder = f"{STAGING}/{run_id}"
    one, two = f"{folder}/1.staged", f"{folder}/2.staged"

    def tries(what: Callable[[], object], said: str) -> None:
        def request() -> None:
            with suppress(Refusal):
                what()

        survey.tries(request, said)

    tries(lambda: _staged(place, run_id, "1"), "create files and folders")
    tries(lambda: _rename(place, one, two), "rename files")
    if place.readable:
        tries(lambda: list(place.chunks(two)), "read files")
    tries(lambda: place.entries(folder if not place.readable else ""), "list folders")
    tries(lambda: place.remove(two), "delete files")
    tries(lambda: place.remove(one), "delete files")
    tries(lambda: place.prune(folder), "remove folders")
    verb = known.partition(" ")[0]
    return [each for each in survey.lacks if each.partition(" ")[0] != verb]


def _staged(place: SftpPlace, run_id: str, name: str) -> StagedFile:
    sink = SftpSink(place, run_id, name)
    sink.write(_CONTENT)
    return sink.finish(0)


def _rename(place: SftpPlace, staged: str, name: str) -> None:
    """Again after a lost answer, unless it was done."""
    action = f"rename {staged} to {name}"
    for pause in (*PAUSES, None):
        try:
            with place.server.wire() as wire:
                return wire.rename(place.path(staged), place.path(name))
        except Lost as lost:
            if pause is None:
                raise place.unreachable(action, lost) from lost
            place.sleep(pause)
        except Refusal as refusal:
            if refusal.status == MISSING and pause != PAUSES[0] and place.status(name) is not None:
                return
            raise place.refused(action, refusal) from refusal


def _refuse_overwriting(place: SftpPlace, staged: str, name: str) -> None:
    try:
        place.tried(f"rename {staged} to {name}", lambda wire: wire.rename(place.path(staged), place.path(name)))
    except Refusal:
        return
    except DestinationError as error:
        if error.code != "D105":
            return
        raise
    raise failure("D150", f"{place.url()}: a rename over {name}, which was there, wasn't refused.")


def _removed(place: SftpPlace, name: str) -> bool:
    """A write-only folder may forbid it: then the probe stays."""
    try:
        return place.remove(name)
    except DestinationError as error:
        if place.readable or error.code != "D104":
            raise
        return False


def _sweep(place: SftpPlace, token: str) -> None:
    """Removes what killed probes and claims left, once it is surely nobody's any more. Times are the server's own."""
    areas: list[tuple[str, tuple[str, ...]]] = [(STAGING, (PROBE,))]
    if place.readable:
        areas.append(("", (f"{RESERVED}{PROBE}", f"{OWNER_MARKER}.")))
    entries = {area: place.entries(area) or [] for area, _ in areas}
    now = max((each.status.modified for each in entries[STAGING] if each.name.endswith(token.encode())), default=0)
    for area, begins in areas:
        for entry in entries[area]:
            name = entry.name.decode("utf-8", "surrogateescape")
            if name.startswith(begins) and now - entry.status.modified >= STALE:
                _remove(place, f"{area}/{name}" if area else name)


def _remove(place: SftpPlace, name: str) -> None:
    with suppress(Refusal, ReconcilerError):
        for file, _ in place.files(name):
            place.remove(file)
            place.prune(file.rpartition("/")[0])
        place.remove(name)
