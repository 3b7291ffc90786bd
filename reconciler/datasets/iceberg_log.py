"""An Apache Iceberg table's files and snapshots, read through the table's own folder and nothing else."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.datasets.problems import problem
from reconciler.datasets.tables import (
    Folder,
    another_table,
    as_text,
    gone,
    history_gone,
    inside,
    moment,
    rows_taken,
    unsupported,
)
from reconciler.errors import SourceError
from reconciler.values.pin import IcebergState, PinnedFile, TableState

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestEntry, ManifestFile
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

_SCHEME = re.compile(r"^(s3a|s3n)://")
_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Change:
    """What one snapshot did. `removed`: of each data file taken away, until when it was written; None: who knows, or a delete file."""

    operation: str
    at: datetime
    added: tuple[PinnedFile, ...]
    removed: tuple[datetime | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as its current metadata file says."""

    folder: Folder
    metadata: TableMetadata

    def live(self) -> tuple[PinnedFile, ...]:
        """The data files of the current snapshot. Raises as `of`."""
        snapshot = self.metadata.current_snapshot()
        return () if snapshot is None else self.of(snapshot)

    def of(self, snapshot: Snapshot) -> tuple[PinnedFile, ...]:
        """The data files of a snapshot, oldest first. Raises `SourceError` F105, F131, F133."""
        found = []
        for manifest in self._manifests(snapshot):
            entries = self._entries(manifest)
            if _of_deletes(manifest):
                if entries:
                    raise unsupported(
                        self.folder.location,
                        "has delete files (merge-on-read): rows that are deleted and still in its data files, so that they would leave. "
                        "Rewrite its data files, or let its writers copy on write",
                    )
                continue
            for entry in entries:
                file = self._file(entry.data_file)
                found.append(((entry.sequence_number or 0, file.path), file))
        found.sort(key=lambda each: each[0])
        return tuple(file for _, file in found)

    def change(self, snapshot: Snapshot) -> Change:
        """What a snapshot added and removed. Raises `SourceError` F105, F131, F133."""
        summary = snapshot.summary
        operation = summary.operation.value if summary is not None else "unnamed"
        at = moment(snapshot.timestamp_ms)
        if operation == "replace":
            return Change(operation, at, (), ())
        added = []
        removed: list[datetime | None] = []
        for manifest in self._manifests(snapshot):
            if manifest.added_snapshot_id != snapshot.snapshot_id:
                continue
            for entry in self._entries(manifest, deleted=True):
                if entry.snapshot_id != snapshot.snapshot_id or entry.status == 0:
                    continue
                if _of_deletes(manifest):
                    removed.append(None)
                elif entry.status == 2:
                    removed.append(self._written(entry))
                else:
                    file = self._file(entry.data_file)
                    added.append(((entry.sequence_number or 0, file.path), file))
        return Change(operation, at, tuple(file for _, file in sorted(added, key=lambda each: each[0])), tuple(removed))

    def _written(self, entry: ManifestEntry) -> datetime | None:
        """When the file was added, or the next moment that is known: its own snapshot may have expired."""
        number = entry.file_sequence_number
        if not number:
            return None
        later = (each for each in self.metadata.snapshots if (each.sequence_number or 0) >= number)
        return min((moment(each.timestamp_ms) for each in later), default=None)

    def first(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot without a parent is the table's first: some writers forget the parent with what expires."""
        if (snapshot.sequence_number or 0) > 1:
            return False
        return all(each.added_snapshot_id == snapshot.snapshot_id for each in self._manifests(snapshot))

    def _manifests(self, snapshot: Snapshot) -> list[ManifestFile]:
        with _whole(self.folder.location):
            return snapshot.manifests(_folder_io(self))

    def _entries(self, manifest: ManifestFile, *, deleted: bool = False) -> list[ManifestEntry]:
        with _whole(self.folder.location):
            return manifest.fetch_manifest_entry(_folder_io(self), discard_deleted=not deleted)

    def _file(self, data: DataFile) -> PinnedFile:
        location = self.folder.location
        if data.file_format.value != "PARQUET":
            raise unsupported(location, f"has data files in {data.file_format.value}; only Parquet is read")
        values: list[tuple[str, str | None]] = []
        spec = self.metadata.specs()[data.spec_id]
        for at, field in enumerate(spec.fields):
            column = next((each for each in self.metadata.schema().fields if each.field_id == field.source_id), None)
            # Where a transformed value stands in the metadata, the column itself is in the file.
            if column is not None and str(field.transform) == "identity":
                known, text = _value(location, column.name, str(column.field_type), data.partition[at])
                values += [(column.name, text)] if known else []
        return PinnedFile(
            path=self.path(data.file_path), size=data.file_size_in_bytes, version="", partitions=tuple(values)
        )

    def path(self, uri: str) -> str:
        """A file's path below the table's folder. Raises `SourceError` F131."""
        base = _plain(self.metadata.location).rstrip("/") + "/"
        path = _plain(uri)
        if not path.startswith(base):
            raise unsupported(self.folder.location, "has files outside of its folder, which aren't read")
        return inside(self.folder.location, path.removeprefix(base))


@dataclass(frozen=True, slots=True)
class IcebergHistory:
    """`reconciler.datasets.base.History`, up to `state`. `live`: paths of the data files at `state`."""

    table: Table
    state: IcebergState
    live: frozenset[str]

    def added(self, since: TableState | datetime, expired: datetime | None = None) -> tuple[PinnedFile, ...]:
        """See `History.added`."""
        location = self.table.folder.location
        files: dict[str, PinnedFile] = {}
        for snapshot in list(self._since(since))[::-1]:
            change = self.table.change(snapshot)
            if change.removed and not _all_expired(change, expired):
                raise rows_taken(location, f"snapshot {snapshot.snapshot_id}", change.operation, len(change.removed))
            files.update({file.path: file for file in change.added})
        gone(self.table.folder, (file for path, file in files.items() if path not in self.live))
        return tuple(files.values())

    def whole(self, state: TableState) -> tuple[PinnedFile, ...]:
        """See `History.whole`."""
        then = self._earlier(state)
        if then.snapshot is None:
            return ()
        snapshot = self.table.metadata.snapshot_by_id(int(then.snapshot))
        if snapshot is None:
            raise history_gone(self.table.folder.location, f"{then} has expired")
        return self.table.of(snapshot)

    def changed_at(self) -> datetime | None:
        """See `History.changed_at`."""
        for snapshot in self._walked():
            if snapshot is None:
                return None
            if snapshot.summary is None or snapshot.summary.operation.value != "replace":
                return moment(snapshot.timestamp_ms)
        return None

    def _since(self, since: TableState | datetime) -> Iterator[Snapshot]:
        """Newest first."""
        location = self.table.folder.location
        if isinstance(since, datetime):
            for snapshot in self._walked():
                if snapshot is None:
                    raise history_gone(location, "the snapshots of that time have expired")
                if moment(snapshot.timestamp_ms) < since:
                    return
                yield snapshot
            return
        since = self._earlier(since)
        for snapshot in self._walked():
            if snapshot is not None and str(snapshot.snapshot_id) == since.snapshot:
                return
            if snapshot is None:
                break
            yield snapshot
        else:
            if since.snapshot is None:
                return
        if since.snapshot is not None and self.table.metadata.snapshot_by_id(int(since.snapshot)) is not None:
            raise another_table(location, f"it was rolled back behind {since}")
        raise history_gone(location, f"{since} has expired")

    def _earlier(self, state: TableState) -> IcebergState:
        """A state of this very table. Raises `SourceError` F134."""
        if not isinstance(state, IcebergState) or state.id != self.state.id:
            raise another_table(self.table.folder.location, f"it isn't the one that was read at {state}")
        return state

    def _walked(self) -> Iterator[Snapshot | None]:
        """From the current snapshot to the first; None where an earlier one has expired."""
        current = self.table.metadata.current_snapshot()
        while current is not None:
            yield current
            parent = current.parent_snapshot_id
            if parent is None and not self.table.first(current):
                yield None
            if parent is None:
                return
            current = self.table.metadata.snapshot_by_id(parent)
            if current is None:
                yield None


def _all_expired(change: Change, limit: datetime | None) -> bool:
    """Whether a snapshot did nothing but delete files that were written until then."""
    return (
        limit is not None
        and not change.added
        and all(written is not None and written <= limit for written in change.removed)
    )


def _of_deletes(manifest: ManifestFile) -> bool:
    return int(manifest.content) == 1


def _plain(uri: str) -> str:
    """One spelling of a location."""
    text = _SCHEME.sub("s3://", uri)
    return re.sub(r"^file:/+", "/", text)


def _value(location: str, name: str, kind: str, value: Any) -> tuple[bool, str | None]:
    """Whether metadata tells a partition column's value as text, and that text. What it doesn't tell is in the file."""
    match kind:
        case "date" if isinstance(value, int):
            return True, (_DAY + timedelta(days=value)).isoformat()
        case "timestamp" | "timestamptz" if isinstance(value, int):
            return True, (moment(0) + timedelta(microseconds=value)).isoformat()
        case "string" | "int" | "long" | "boolean" | "date":
            # An empty string is one here.
            return True, value if value == "" else as_text(location, name, value)
        case _:
            return value is None, None


class _whole:
    """What the library stumbles over is a damaged table, or one whose files are gone."""

    def __init__(self, location: str) -> None:
        self._location = location

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, SourceError) or not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise history_gone(self._location, "a metadata file that it names is gone") from error
        raise problem(
            "F105", f"The table at {self._location}: a metadata file is damaged ({type(error).__name__})."
        ) from error


def _folder_io(table: Table) -> Any:
    """The library's files, read through the table's folder: with the account's credentials, and never outside of it."""
    from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile

    class Input(InputFile):
        def __len__(self) -> int:
            return len(self._content())

        def exists(self) -> bool:
            return table.folder.read(table.path(self.location)) is not None

        def open(self, seekable: bool = True) -> InputStream:
            return io.BytesIO(self._content())

        def _content(self) -> bytes:
            found = table.folder.read(table.path(self.location))
            if found is None:
                raise FileNotFoundError(self.location)
            return found

    class Io(FileIO):
        def new_input(self, location: str) -> InputFile:
            return Input(location)

        def new_output(self, location: str) -> OutputFile:
            raise NotImplementedError

        def delete(self, location: str | InputFile | OutputFile) -> None:
            raise NotImplementedError

    return Io()
