"""Apache Iceberg tables: the snapshot that a run reads, from the official library; rows are read by the engine from its Parquet files."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.datasets.base import Access, Listing, Numbered
from reconciler.datasets.iceberg_log import IcebergHistory, Table
from reconciler.datasets.problems import problem
from reconciler.datasets.tables import Folder, changed, check_declared, columns_of, unsupported
from reconciler.errors import MissingExtra
from reconciler.resources.dataset import DatasetColumn
from reconciler.values.pin import IcebergState, Pin, PinnedFile

if TYPE_CHECKING:
    from pyiceberg.schema import Schema
    from pyiceberg.types import IcebergType

_HINT = "metadata/version-hint.text"
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,250}\.metadata\.json")
_VERSIONS = (1, 2)


@dataclass(frozen=True)
class IcebergFiles:
    """`reconciler.datasets.base.Files` of a table. `declared`: its columns, checked against the table's schema.

    Its metadata is read once, and again for every listing.
    """

    folder: Folder
    declared: Mapping[str, DatasetColumn]

    def listing(self, now: datetime) -> Listing:
        """The current snapshot. Raises `SourceError` F101, F104-F107, F131; `MissingExtra`."""
        self.__dict__["_table"] = table = self._open()
        snapshot = table.metadata.current_snapshot_id
        state = IcebergState(id=str(table.metadata.table_uuid), snapshot=None if snapshot is None else str(snapshot))
        files = table.live()
        pin = Pin(location=self.folder.location, files=files, table=state)
        return Listing(pin, history=IcebergHistory(table, state, frozenset(file.path for file in files)))

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths whose data file is gone or has another size."""
        return changed(self.folder, files)

    def access(self) -> Access:
        """The table's folder, and the numbers by which its files know the declared columns. Raises what `listing` does."""
        there = self.folder.access()
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
        name, text = self._metadata()
        location = self.folder.location
        try:
            data = gzip.decompress(text) if ".gz." in name or name.endswith(".gz") else text
            metadata = TableMetadataUtil.parse_raw(data.decode())
        except Exception as error:  # pydantic's, the library's and gzip's own
            raise problem("F105", f"The table at {location}: {name} is damaged, or needs a newer reader.") from error
        if metadata.format_version not in _VERSIONS:
            raise unsupported(
                location, f"has format version {metadata.format_version}, of which rows may be hidden or filled in"
            )
        self._check(metadata.schema())
        return Table(self.folder, metadata)

    def _metadata(self) -> tuple[str, bytes]:
        """The current metadata file's path and content."""
        hint = self.folder.read(_HINT)
        if hint is None:
            raise problem(
                "F101",
                f"There is no {_HINT} at {self.folder.location}: it isn't an Apache Iceberg table, or its catalogue alone knows which "
                "of its metadata files is the current one, and guessing might read what was never committed.",
            )
        text = hint.decode("utf-8", "replace").strip()
        if not text.isascii() or not text.isdigit():
            if not _NAMED.fullmatch(text):
                raise problem("F105", f"The table at {self.folder.location}: {_HINT} names no metadata file.")
            found = self.folder.read(f"metadata/{text}")
            if found is None:
                raise problem(
                    "F105", f"The table at {self.folder.location}: the metadata file that {_HINT} names is gone."
                )
            return f"metadata/{text}", found
        return self._newest(int(text))

    def _newest(self, version: int) -> tuple[str, bytes]:
        """The hint is written after the commit, so it may lag behind: later versions are looked for."""
        best = self._numbered(version)
        if best is None:
            raise problem("F105", f"The table at {self.folder.location}: metadata of version {version} is gone.")
        while (later := self._numbered(version + 1)) is not None:
            best, version = later, version + 1
        return best

    def _numbered(self, version: int) -> tuple[str, bytes] | None:
        for ending in (".metadata.json", ".gz.metadata.json", ".metadata.json.gz"):
            path = f"metadata/v{version}{ending}"
            if (found := self.folder.read(path)) is not None:
                return path, found
        return None

    def _check(self, schema: Schema) -> None:
        import pyarrow as pa

        location = self.folder.location
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
