"""What tests of tables share: a lake of Apache Iceberg, and rows read through the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary

from reconciler.datasets.base import Files, History
from reconciler.datasets.open import open_dataset
from reconciler.export.job import ExportJob
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files as Output
from reconciler.resources.formats import ParquetFormat
from reconciler.values.pin import PinnedFile
from tests.export.support import FileSink, rows_of
from tests.servers.s3 import S3Server

NOW = datetime(2100, 1, 1, tzinfo=UTC)
COLUMNS = {"id": "string", "n": "long", "day": "date"}
_number = count()


def spec(format: str, location: str | Path, columns: Mapping[str, str] | None = None, **more: Any) -> DatasetSpec:
    """A declaration over a table."""
    declared = {name: {"type": kind} for name, kind in (columns or COLUMNS).items()}
    return DatasetSpec.model_validate({"location": str(location), "format": format, "columns": declared, **more})


def opened(format: str, location: str | Path, columns: Mapping[str, str] | None = None) -> Files:
    """A local table."""
    return open_dataset(spec(format, location, columns), root=Path("/"), session=lambda: pytest.fail("no account"))


def history(files: Files) -> History:
    """Of the table as it is now."""
    found = files.listing(NOW).history
    assert found is not None
    return found


def read(
    files: Files, pinned: Iterable[PinnedFile], out: Path, columns: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The rows of some data files, through the engine."""
    declared = columns or COLUMNS
    job = ExportJob(
        dataset=spec("delta", "t", declared),
        files=tuple(pinned),
        where=None,
        columns=tuple(ExportColumn(column=name, name=name, type=kind) for name, kind in declared.items()),
        format=ParquetFormat(type="parquet"),
        output=Output(),
    )
    paths: list[Path] = []

    def open_file(part: int) -> FileSink:
        paths.append(out / f"{next(_number)}.parquet")
        return FileSink(paths[-1])

    PolarsEngine().export(job, files.access(), open_file, lambda _: None, lambda: False)
    return rows_of(paths)


def ids(rows: list[dict[str, Any]]) -> str:
    """One letter a row."""
    return "".join(row["id"] for row in rows)


SCHEMA = pa.schema([("id", pa.string()), ("n", pa.int64()), ("day", pa.date32())])


class Lake:
    """A table in a catalogue, and the hint that a catalogue of folders keeps."""

    def __init__(self, catalog: Catalog, put: Callable[[str, bytes], object], schema: pa.Schema = SCHEMA) -> None:
        self.catalog = catalog
        self.catalog.create_namespace_if_not_exists("crm")
        self.table: Table = self.catalog.create_table("crm.people", schema=schema)
        self.location = self.table.metadata.location
        self._put = put
        self.hint()

    def hint(self) -> None:
        self._put("metadata/version-hint.text", self.table.metadata_location.rsplit("/", 1)[1].encode())

    def append(self, people: str, day: str = "2054-12-01", **more: Any) -> None:
        columns = {"id": list(people), "n": list(range(len(people))), "day": [date.fromisoformat(day)] * len(people)}
        for name, value in more.items():
            columns[name] = [value] * len(people)
        self.table.append(pa.table(columns, schema=self.table.schema().as_arrow()))
        self.hint()

    def commit(self, operation: Operation, added: list[DataFile], removed: list[DataFile]) -> None:
        """A snapshot that the library has no word for, such as a compaction's."""
        with self.table.transaction() as transaction, transaction.update_snapshot().overwrite() as update:
            told = update._summary
            update._summary = lambda properties: Summary(operation, **told(properties).additional_properties)
            for file in removed:
                update.delete_data_file(file)
            for file in added:
                update.append_data_file(file)
        self.hint()

    def data_files(self) -> list[DataFile]:
        return [task.file for task in self.table.scan().plan_files()]

    def compact(self) -> None:
        """All rows in one file, as `rewrite_data_files` does it."""
        before = self.data_files()
        rows = self.table.scan().to_arrow()
        self.commit(Operation.REPLACE, self.written(rows), before)

    def written(self, rows: pa.Table) -> list[DataFile]:
        """Data files that no snapshot has yet."""
        return list(_dataframe_to_data_files(self.table.metadata, rows, self.table.io))


def local_lake(folder: Path, schema: pa.Schema = SCHEMA) -> Lake:
    """In a folder, with its hint."""

    def put(name: str, content: bytes) -> None:
        (folder / "crm/people" / name).write_bytes(content)

    folder.mkdir(parents=True, exist_ok=True)
    return Lake(SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}"), put, schema)


def s3_options(server: S3Server) -> dict[str, str]:
    """How the library's own files reach a store."""
    return {
        "s3.endpoint": server.endpoint,
        "s3.access-key-id": server.access_key,
        "s3.secret-access-key": server.secret_key,
        "s3.region": server.region,
    }
