"""What export tests share: a sink in memory, jobs over sample data, and readers that aren't ours."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reconciler.datasets.base import Access
from reconciler.datasets.local import LocalFiles
from reconciler.errors import DestinationError
from reconciler.export.budget import Budget
from reconciler.export.job import ExportJob, ExportResult
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.dataset import CsvReading, DatasetColumn, DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files, Format, ParquetFormat, extension
from reconciler.samples.generator import COLUMNS, Row
from reconciler.values.pin import PinnedFile
from reconciler.values.staged import StagedFile

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass
class FileSink:
    """Writes to a real file; can be told to fail."""

    path: Path
    fail_after: int | None = None
    done: bool = False
    aborted: bool = False
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("wb")

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        assert not self.done
        assert not self.aborted
        self.size += len(data)
        if self.fail_after is not None and self.size > self.fail_after:
            raise DestinationError("D106", "no room", "the disk is full", permanent=False)
        self.digest.update(data)
        return self._file.write(data)

    def finish(self, rows: int) -> StagedFile:
        self.done = True
        self._file.close()
        return StagedFile(
            name=self.path.name, staged=str(self.path), rows=rows, size=self.size, sha256=self.digest.hexdigest()
        )

    def abort(self) -> None:
        self.aborted = True
        self._file.close()
        self.path.unlink(missing_ok=True)


@dataclass
class Exported:
    """An export's result and where its files are."""

    result: ExportResult
    paths: list[Path]
    sinks: list[FileSink]


def dataset(
    format: str = "parquet",
    columns: Mapping[str, str] = COLUMNS,
    optional: Iterable[str] = (),
    csv: CsvReading | None = None,
) -> DatasetSpec:
    """A declaration over the samples' columns."""
    absent = set(optional)
    made = {name: DatasetColumn(type=kind, optional=name in absent) for name, kind in columns.items()}
    return DatasetSpec.model_validate(
        {"location": "data", "format": format, "columns": made, "csv": csv},
    )


def files_of(folder: Path, format: str = "parquet") -> tuple[PinnedFile, ...]:
    """All data files below a folder."""
    return LocalFiles(folder, "data", format, timedelta(0)).listing(LATER).pin.files  # type: ignore[arg-type]


def export(
    folder: Path,
    out: Path,
    spec: DatasetSpec,
    fmt: Format | None = None,
    *,
    where: str | None = None,
    columns: Iterable[str] | Mapping[str, str] | None = None,
    output: Files | None = None,
    fail_after: int | None = None,
    stop: object = None,
    files: tuple[PinnedFile, ...] | None = None,
    lists: Mapping[str, Access] | None = None,
    threads: int | None = None,
    **rules: Any,
) -> Exported:
    """Exports a folder of data files to `out` through the engine. `rules`: the job's consent, expiry, suppressions."""
    fmt = fmt or ParquetFormat(type="parquet")
    names = columns if isinstance(columns, Mapping) else {name: name for name in columns or spec.columns}
    chosen = tuple(ExportColumn(column=old, name=new, type=spec.columns[old].type) for old, new in names.items())
    pinned = files_of(folder, spec.format) if files is None else files
    job = ExportJob(
        dataset=spec, files=pinned, where=where, columns=chosen, format=fmt, output=output or Files(), **rules
    )
    assert ExportJob.model_validate_json(job.model_dump_json()) == job, "another machine could do it"
    sinks: list[FileSink] = []

    def open_file(part: int) -> FileSink:
        assert part == len(sinks)
        sinks.append(FileSink(out / f"part-{part:05d}.{extension(fmt)}", fail_after))
        return sinks[-1]

    access = LocalFiles(folder, "data", spec.format, timedelta(0)).access()
    asked = stop if callable(stop) else lambda: False
    try:
        result = PolarsEngine(budget=Budget(threads=threads)).export(
            job, access, open_file, lambda _: None, asked, lists or {}
        )
    except BaseException:
        assert all(sink.aborted or sink.done for sink in sinks)
        raise
    return Exported(result, [sink.path for sink in sinks], sinks)


def put(folder: Path, name: str, **columns: Any) -> None:
    """A Parquet file of these columns."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def rows_of(paths: list[Path]) -> list[Row]:
    """All rows of some Parquet files."""
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def unzipped(path: Path) -> bytes:
    """A gzip file's content, checked by `gzip -t` first."""
    subprocess.run(["gzip", "-t", str(path)], check=True)
    return gzip.decompress(path.read_bytes())
