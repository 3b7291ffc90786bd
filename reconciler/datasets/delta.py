"""Delta Lake tables: the state that a run reads, from the official library; rows are read by the engine from its Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from reconciler.datasets.base import Access, Listing
from reconciler.datasets.delta_log import DeltaHistory, deletion_vectors
from reconciler.datasets.problems import absent, problem
from reconciler.datasets.s3_input import object_store
from reconciler.datasets.tables import Folder, as_text, changed, check_declared, columns_of, inside, moment, unsupported
from reconciler.errors import MissingExtra
from reconciler.resources.dataset import DatasetColumn
from reconciler.values.pin import DeltaState, Pin, PinnedFile

if TYPE_CHECKING:
    from deltalake import DeltaTable

_FEATURES = frozenset(
    {
        "deletionVectors",
        "columnMapping",
        "timestampNtz",
        "typeWidening",
        "typeWidening-preview",
        "v2Checkpoint",
        "vacuumProtocolCheck",
    }
)
"""What a table may ask of its readers. Of deletion vectors and mapped columns, that none is in use is looked up."""


@dataclass(frozen=True, slots=True)
class DeltaFiles:
    """`reconciler.datasets.base.Files` of a table. `declared`: its columns, checked against the table's schema."""

    folder: Folder
    declared: Mapping[str, DatasetColumn]
    _there: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def listing(self, now: datetime) -> Listing:
        """The newest version. Raises `SourceError` F101, F104-F107, F131; `MissingExtra`."""
        table = self._open()
        state = DeltaState(id=str(table.metadata().id), version=table.version())
        self._check(table)
        files, modified = self._live(table)
        pin = Pin(location=self.folder.location, files=files, table=state)
        history = DeltaHistory(self.folder, state, frozenset(modified), self._written, self._past)
        return Listing(pin, modified=modified, history=history)

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths whose data file is gone or has another size."""
        return changed(self.folder, files)

    def access(self) -> Access:
        """The table's folder."""
        return self.folder.access()

    def columns(self) -> Mapping[str, frozenset[str]]:
        """All columns of the version that was listed, with their types."""
        return self._there

    def _written(self, version: int) -> Mapping[str, datetime]:
        return self._live(self._open(version))[1]

    def _past(self, version: int) -> tuple[PinnedFile, ...]:
        table = self._open(version)
        self._check_whole(table)
        return self._live(table)[0]

    def _open(self, version: int | None = None) -> DeltaTable:
        try:
            from deltalake import DeltaTable
            from deltalake.exceptions import DeltaError, TableNotFoundError
        except ImportError as error:
            raise MissingExtra("delta", "a dataset of format delta") from error
        # Says first, and in our words, that the store refuses.
        self.folder.read("_delta_log/_last_checkpoint")
        access = self.folder.access()
        try:
            return DeltaTable(access.uri(""), version=version, storage_options=object_store(access))
        except TableNotFoundError as error:
            raise absent(f"There is no Delta Lake table at {self.folder.location}.") from error
        except (DeltaError, OSError, ValueError) as error:
            # The library's words may hold anything.
            said = f"The table at {self.folder.location} can't be opened ({type(error).__name__})"
            detail = f"{said}: its log is damaged, or it uses what the library can't read (partitions with mapped columns, newer features)."
            raise problem("F105", detail) from error

    def _check(self, table: DeltaTable) -> None:
        import pyarrow as pa

        location = self.folder.location
        if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            raise unsupported(
                location, "maps its columns to other names in its files (delta.columnMapping.mode), which isn't read"
            )
        features = frozenset(table.protocol().reader_features or ())
        if unknown := sorted(features - _FEATURES):
            raise unsupported(location, f"asks of its readers what this version doesn't know: {', '.join(unknown)}")
        self._check_whole(table)
        schema = pa.schema(table.schema().to_arrow())
        check_declared(location, schema, self.declared)
        self._there.clear()
        self._there.update(columns_of(schema))

    def _check_whole(self, table: DeltaTable) -> None:
        if "deletionVectors" in (table.protocol().reader_features or ()) and _deletes(table):
            raise deletion_vectors(self.folder.location)

    def _live(self, table: DeltaTable) -> tuple[tuple[PinnedFile, ...], dict[str, datetime]]:
        """The data files, oldest first, and when each was written."""
        found = []
        location = self.folder.location
        names = table.metadata().partition_columns
        for batch in _batches(table.get_add_actions()):
            kept = ["path", "size_bytes", "modification_time", *(["partition"] if names else [])]
            for row in batch.select(kept).to_pylist():
                values = tuple((name, as_text(location, name, row["partition"][name])) for name in names)
                path = inside(location, unquote(row["path"]))
                file = PinnedFile(path=path, size=row["size_bytes"], version="", partitions=values)
                found.append((moment(row["modification_time"]), path, file))
        found.sort(key=lambda each: each[:2])
        return tuple(file for _, _, file in found), {path: at for at, path, _ in found}


def _deletes(table: DeltaTable) -> bool:
    """Whether some file isn't to be read whole. One that is marked so and can't be looked at counts too."""
    from deltalake.exceptions import DeltaError

    try:
        return any(len(batch) for batch in _batches(table.deletion_vectors()))
    except DeltaError:
        return True


def _batches(found: Any) -> Iterable[Any]:
    import pyarrow as pa

    return pa.RecordBatchReader.from_stream(found)  # type: ignore[no-any-return]
