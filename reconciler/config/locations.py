"""Where data lies, and what lies in what: ledger, destinations and datasets must not contain one another.

A relative path is below the project and stays there, links followed; an absolute one is taken as it is. Case and Unicode composition
don't tell local folders apart, since not every file system does.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reconciler.catalog.base import LOCAL_STORE, Folder
from reconciler.config.governance import Labelled
from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path as DataPath
from reconciler.diagnostics import Source, diagnose
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.dataset import CatalogLocation
from reconciler.resources.project import LedgerSpec
from reconciler.resources.resource import Account, Dataset, Destination, Project
from reconciler.values.fold import folded

Role = Literal["ledger", "destination", "dataset"]
_OVERLAPS: dict[frozenset[Role], str] = {
    frozenset({"destination"}): "P102",
    frozenset({"ledger", "destination"}): "P103",
    frozenset({"dataset", "destination"}): "P104",
    frozenset({"ledger", "dataset"}): "P111",
}
_NOWHERE = "/project"
_INNERMOST = 3
"""Of one kind that a folder lies in."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder: `store` tells file systems, endpoints and buckets apart, `segments` are its path there as it is compared.

    `written`: the same, as it is written.
    """

    store: tuple[str, ...]
    segments: tuple[str, ...]
    written: tuple[str, ...]
    role: Role
    name: str
    entry: Entry | None
    path: DataPath


def check_locations(index: Index, root: Path | None) -> None:
    """Reports paths that escape (P101), folders in one another (P102-P104, P111), and the same data under other labels (R154). `root` None:
    text only."""
    places = sorted(_places(index, root), key=lambda place: (place.store, place.segments, place.role, place.name))
    above: dict[Role, list[Place]] = {}
    for place in places:
        for role, outer in above.items():
            while outer and not _contains(outer[-1], place):
                outer.pop()
            if frozenset({role, place.role}) in _OVERLAPS:
                # The ledger's are told each at its own place, others' all at one: the innermost will do there.
                for each in outer if place.role == "ledger" else outer[-_INNERMOST:]:
                    _overlap(index, each, place)
        above.setdefault(place.role, []).append(place)
    _labels(index, [place for place in places if place.role == "dataset"])


def _labels(index: Index, datasets: list[Place]) -> None:
    """`datasets`: sorted by where they lie, so that what contains one comes before it."""
    above: list[tuple[Place, Labelled]] = []
    for place in datasets:
        while above and not _contains(above[-1][0], place):
            above.pop()
        known = Labelled(above[-1][1] if above else None)
        known.add(index, place.name)
        above.append((place, known))


def _contains(outer: Place, inner: Place) -> bool:
    return outer.store == inner.store and inner.segments[: len(outer.segments)] == outer.segments


def _overlap(index: Index, outer: Place, inner: Place) -> None:
    code = _OVERLAPS[frozenset({outer.role, inner.role})]
    at, other = (inner, outer) if inner.entry is not None and inner.role != "ledger" else (outer, inner)
    if at.entry is None:
        return
    same = outer.segments == inner.segments
    relation = "is the same folder as" if same else "lies inside of" if at is inner else "contains"
    whose = "the ledger's" if other.role == "ledger" else f"that of {other.role} {other.name}"
    where = f" ({other.entry.place})" if other.entry is not None else ""
    also = ""
    if inner.written[: len(outer.written)] != outer.written:
        also = " Case and Unicode composition don't tell folders apart: some file systems ignore them."
    index.report(code, at.entry, at.path, f"This folder {relation} {whose}{where}.{also} Move one of them.")


def _places(index: Index, root: Path | None) -> Iterator[Place]:
    project = next((each for each in index.all(Project)), None)
    ledger = project[1].spec.ledger if project else LedgerSpec()
    signed_in = index.get(Account, ledger.account) if ledger.account else None
    own = ledger.account_of(signed_in.spec if signed_in else None)
    yield from _place(
        index, root, "ledger", "", project[0] if project else None, ("spec", "ledger", "url"), ledger.url, own
    )
    for entry, destination in index.all(Destination):
        spec = destination.spec
        signed_in = index.get(Account, spec.account_name) if spec.account_name else None
        folder = spec.connection.folder(signed_in.spec.realm if signed_in else "")
        path: DataPath = ("spec", "connection", folder.key)
        yield from _place(index, root, "destination", entry.name, entry, path, folder, None)
    for entry, dataset in index.all(Dataset):
        named = index.get(Account, dataset.spec.account) if dataset.spec.account else None
        account_spec = named.spec if named else None
        location = dataset.spec.location
        if isinstance(location, CatalogLocation):
            # Where it lies, the catalogue alone knows; two of one table are the same data.
            realm = account_spec.realm if account_spec is not None else ""
            table = (location.table,)
            yield Place((location.catalog, realm), table, table, "dataset", entry.name, entry, ("spec", "location"))
            continue
        yield from _place(index, root, "dataset", entry.name, entry, ("spec", "location"), location, account_spec)


def _place(
    index: Index,
    root: Path | None,
    role: Role,
    name: str,
    entry: Entry | None,
    path: DataPath,
    location: str | Folder,
    account: AccountSpec | None,
) -> Iterator[Place]:
    try:
        if isinstance(location, Folder):
            store, segments = _of_folder(location, root)
        else:
            store, segments = resolve(location, root, account)
    except ValueError as error:
        if entry is not None:
            index.report("P101", entry, path, str(error))
        else:
            # The ledger's default place, which no document names.
            index.findings.add(diagnose("P101", Source("."), f"{location}: {error}"))
        return
    compared = tuple(map(folded, segments)) if store == LOCAL_STORE else segments
    yield Place(store, compared, segments, role, name, entry, path)


def _of_folder(folder: Folder, root: Path | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same of a destination's folder. Raises ValueError: what is wrong."""
    if folder.store == LOCAL_STORE:
        return resolve(folder.path, root)
    return folder.store, _key_segments(folder.path)


def resolve(
    location: str, root: Path | None, account: AccountSpec | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Store and path segments of a path, a `file://` or an `s3://` location. Raises ValueError: what is wrong."""
    if location.startswith("s3://"):
        bucket, _, key = location.removeprefix("s3://").partition("/")
        if not bucket:
            raise ValueError("The location names no bucket. Write s3://BUCKET/FOLDER/.")
        return ("s3", account.realm if account is not None else "", bucket), _key_segments(key)
    path = location.removeprefix("file://")
    if "://" in path:
        raise ValueError("Only local paths and s3:// locations can be read and written by this version.")
    if path.startswith("~"):
        raise ValueError("A ~ isn't replaced by a home directory. Write the path out.")
    if "\0" in path or not path:
        raise ValueError("This isn't a path.")
    return LOCAL_STORE, tuple(each for each in _local(path, root).split("/") if each)


def _key_segments(key: str) -> tuple[str, ...]:
    trimmed = key.removesuffix("/")
    segments = tuple(trimmed.split("/")) if trimmed else ()
    if any(each in ("", ".", "..") for each in segments) or "\\" in key:
        raise ValueError("A path in a store has no empty part, no '.', no '..' and no backslash.")
    return segments


def _local(path: str, root: Path | None) -> str:
    """The real path, absolute. A relative one must stay below the project, as written and where it really leads."""
    if posixpath.isabs(path):
        return os.path.realpath(path) if root is not None else posixpath.normpath(path)
    normal = posixpath.normpath(path)
    if normal == ".." or normal.startswith("../"):
        raise ValueError("The relative path leads out of the project. Write one inside of it, or an absolute path.")
    if root is None:
        return posixpath.normpath(posixpath.join(_NOWHERE, normal))
    base = os.path.realpath(root)
    real = os.path.realpath(os.path.join(base, normal))
    if real != base and not real.startswith(base.rstrip("/") + "/"):
        raise ValueError(
            "The path leads out of the project through a symbolic link. Write an absolute path if that is meant."
        )
    return real
