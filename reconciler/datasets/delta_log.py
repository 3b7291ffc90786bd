"""The history of a Delta Lake table: its commits, one JSON file each, from the newest backwards.

The library reads states; which files came with a commit, and whether they hold new rows or old ones in a new shape, stands in the
commit alone (`dataChange`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from reconciler.datasets.problems import problem
from reconciler.datasets.tables import (
    Folder,
    another_table,
    gone,
    history_gone,
    inside,
    moment,
    rows_taken,
    unsupported,
)
from reconciler.errors import SourceError
from reconciler.values.pin import DeltaState, PinnedFile, TableState


@dataclass(frozen=True, slots=True)
class Commit:
    """One version. `added`, `removed` (paths): files whose rows came or went; rewriting the same rows is neither."""

    version: int
    at: datetime | None
    operation: str
    added: tuple[PinnedFile, ...]
    removed: tuple[str, ...]
    table: str | None


@dataclass(slots=True)
class DeltaHistory:
    """`reconciler.datasets.base.History`, up to `state`. `live`: paths of the data files at `state`.

    `written`: when each data file of a version was written; `past`: the files, to be read. Both raise `SourceError` where that isn't
    known any more.
    """

    folder: Folder
    state: DeltaState
    live: frozenset[str]
    written: Callable[[int], Mapping[str, datetime]]
    past: Callable[[int], tuple[PinnedFile, ...]]
    _read: dict[int, Commit] = field(default_factory=dict)

    def added(self, since: TableState | datetime, expired: datetime | None = None) -> tuple[PinnedFile, ...]:
        """See `History.added`."""
        commits = list(self._since(since))[::-1]
        for commit in commits:
            self._check(commit, expired)
        files = {file.path: file for commit in commits for file in commit.added}
        gone(self.folder, (file for path, file in files.items() if path not in self.live))
        return tuple(files.values())

    def whole(self, state: TableState) -> tuple[PinnedFile, ...]:
        """See `History.whole`."""
        then = self._earlier(state)
        try:
            return self.past(then.version)
        except SourceError as error:
            if error.code != "F105":
                raise
            raise history_gone(self.folder.location, f"{then} isn't in its log any more") from error

    def changed_at(self) -> datetime | None:
        """See `History.changed_at`."""
        for version in range(self.state.version, -1, -1):
            commit = self._commit(version)
            if commit is None:
                return None
            if commit.added or commit.removed:
                return commit.at
        return None

    def _since(self, since: TableState | datetime) -> Iterator[Commit]:
        """Newest first."""
        if not isinstance(since, datetime):
            for version in range(self.state.version, self._earlier(since).version, -1):
                yield self._needed(version)
            return
        for version in range(self.state.version, -1, -1):
            commit = self._needed(version)
            if commit.at is None:
                raise history_gone(self.folder.location, f"version {version} doesn't say when it was made")
            if commit.at < since:
                return
            yield commit

    def _earlier(self, state: TableState) -> DeltaState:
        """A state of this very table. Raises `SourceError` F134."""
        if not isinstance(state, DeltaState) or state.id != self.state.id or state.version > self.state.version:
            raise another_table(self.folder.location, f"it isn't the one that was read at {state}")
        return state

    def _check(self, commit: Commit, expired: datetime | None) -> None:
        location = self.folder.location
        if commit.table is not None and commit.table != self.state.id:
            raise another_table(location, f"it was replaced by another at version {commit.version}")
        if commit.removed and not self._expired(commit, expired):
            raise rows_taken(location, f"version {commit.version}", commit.operation, len(commit.removed))

    def _expired(self, commit: Commit, limit: datetime | None) -> bool:
        """Whether a commit did nothing but delete files that were written until then."""
        if limit is None or commit.added:
            return False
        try:
            written = self.written(commit.version - 1)
        except SourceError:
            return False
        return all(path in written and written[path] <= limit for path in commit.removed)

    def _needed(self, version: int) -> Commit:
        commit = self._commit(version)
        if commit is None:
            raise history_gone(self.folder.location, f"what version {version} did isn't in its log any more")
        return commit

    def _commit(self, version: int) -> Commit | None:
        if version not in self._read:
            text = self.folder.read(f"_delta_log/{version:020d}.json")
            if text is None:
                return None
            self._read[version] = parse(self.folder.location, version, text)
        return self._read[version]


def parse(location: str, version: int, text: bytes) -> Commit:
    """A commit's text. Raises `SourceError` F105, F131."""
    at, operation, table = None, "", None
    added: list[PinnedFile] = []
    removed: list[str] = []
    try:
        for line in text.splitlines():
            action: dict[str, Any] = json.loads(line) if line.strip() else {}
            if info := action.get("commitInfo"):
                time = info.get("inCommitTimestamp", info.get("timestamp"))
                at = moment(int(time)) if time is not None else None
                operation = _word(info.get("operation"))
            elif metadata := action.get("metaData"):
                table = str(metadata["id"])
            elif (add := action.get("add")) and add.get("dataChange", True):
                added.append(_added(location, add))
            elif (remove := action.get("remove")) and remove.get("dataChange", True):
                removed.append(inside(location, unquote(str(remove["path"]))))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise problem("F105", f"The table at {location}: version {version} of its log is damaged.") from error
    return Commit(version, at, operation, tuple(added), tuple(removed), table)


def _added(location: str, add: dict[str, Any]) -> PinnedFile:
    if add.get("deletionVector"):
        raise deletion_vectors(location)
    given = add["partitionValues"].items()
    values = tuple((str(name), str(value) if value not in (None, "") else None) for name, value in given)
    path = inside(location, unquote(str(add["path"])))
    return PinnedFile(path=path, size=int(add["size"]), version="", partitions=values)


def deletion_vectors(location: str) -> Exception:
    """The error of files that aren't to be read whole."""
    return unsupported(
        location,
        "has deletion vectors: rows that are deleted and still in its files, so that they would leave. Write them out (REORG TABLE … "
        "APPLY (PURGE)), and set delta.enableDeletionVectors to false",
    )


def _word(operation: object) -> str:
    """What a writer calls it, for a message: letters and spaces alone."""
    return "".join(each for each in str(operation or "unnamed") if each.isalpha() or each == " ")[:40]
