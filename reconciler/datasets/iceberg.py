"""Apache Iceberg tables: the snapshot that a run reads, from the official library; rows are read by the engine from its Parquet files."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.datasets.base import Access, Listing, Numbered
from reconciler.datasets.iceberg_log import IcebergHistory, Table
from reconciler.datasets.iceberg_place import Source
from reconciler.datasets.problems import problem
from reconciler.datasets.tables import changed, check_declared, columns_of, unsupported
from reconciler.errors import MissingExtra
from reconciler.resources.dataset import DatasetColumn
from reconciler.values.pin import IcebergState, Pin, PinnedFile

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType

_VERSIONS = (1, 2)


@dataclass(frozen=True)
class IcebergFiles:
    """`reconciler.datasets.base.Files` of a table. `declared`: its columns, checked against the table's schema.

    Its metadata is read once, and again for every listing.
    """

    source: Source
    declared: Mapping[str, DatasetColumn]

    def listing(self, now: datetime) -> Listing:
        """The current snapshot. Raises `SourceError` F101, F104-F107, F131; `MissingExtra`."""
        self.__dict__["_table"] = table = self._open()
        snapshot = table.metadata.current_snapshot_id
        state = IcebergState(id=str(table.metadata.table_uuid), snapshot=None if snapshot is None else str(snapshot))
        files = table.live()
        pin = Pin(location=table.folder.location, files=files, table=state)
        return Listing(pin, history=IcebergHistory(table, state, frozenset(file.path for file in files)))

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths whose data file is gone or has another size."""
        return changed(self._table.folder, files)

    def access(self) -> Access:
        """The table's folder, and the numbers by which its files know the declared columns. Raises what `listing` does."""
        there = self._table.folder.access()
        schema = self._table.metadata.schema()
        mapping = self._table.metadata.name_mapping()
        aliases = {each.field_id: tuple(each.names) for each in mapping} if mapping else {}
        numbered = {}
        for name in self.declared:
            field = next((each for each in schema.fields if each.name == name), None)
            if field is not None:
                numbered[name] = Numbered(field.field_id, aliases.get(field.field_id, ()), _inside(field.field_type))
        return Access(there.root, there.settings, numbered)

    def columns(self) -> Mapping[str, frozenset[str]]:
        """All columns of the table as it was listed, with their types."""
        return columns_of(self._table.metadata.schema().as_arrow())

    @cached_property
    def _table(self) -> Table:
        return self._open()

    def _open(self) -> Table:
        try:
            from pyiceberg.table.metadata import TableMetadataUtil
        except ImportError as error:
            raise MissingExtra("iceberg", "a dataset of format iceberg") from error
        folder, name, text = self.source.current()
        location = folder.location
        try:
            data = gzip.decompress(text) if ".gz." in name or name.endswith(".gz") else text
            metadata = TableMetadataUtil.parse_raw(data.decode())
        except Exception as error:  # pydantic's, the library's and gzip's own
            raise problem("F105", f"The table at {location}: {name} is damaged, or needs a newer reader.") from error
        if metadata.format_version not in _VERSIONS:
            raise unsupported(
                location, f"has format version {metadata.format_version}, of which rows may be hidden or filled in"
            )
        self._check(location, metadata.schema())
        return Table(folder, metadata)

    def _check(self, location: str, schema: Schema) -> None:
        import pyarrow as pa

        known = [field for field in schema.fields if field.name in self.declared]
        from pyiceberg.schema import Schema as Chosen

        arrow: pa.Schema = Chosen(*known).as_arrow()
        check_declared(location, arrow, self.declared)


def _inside(kind: IcebergType) -> Mapping[str, Numbered]:
    """Of a struct, or of lists of one, its fields."""
    from pyiceberg.types import ListType, StructType

    while isinstance(kind, ListType):
        kind = kind.element_type
    if not isinstance(kind, StructType):
        return {}
    return {each.name: Numbered(each.field_id, inside=_inside(each.field_type)) for each in kind.fields}
