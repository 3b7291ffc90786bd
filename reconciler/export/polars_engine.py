"""The engine: Polars reads, filters and writes in parallel and a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.datasets.types import polars_type
from reconciler.destinations.base import FileSink
from reconciler.errors import AccountError
from reconciler.export.filters import Filter, compiled
from reconciler.export.job import ExportJob, ExportResult, Interrupted, Progress
from reconciler.export.parquet_rows import check_parquet
from reconciler.export.pipeline import ExcludedCounts, pipeline
from reconciler.export.rows import frames
from reconciler.export.source import Counts, Source, count_text
from reconciler.export.split import Splitter
from reconciler.export.transforms import Resolve
from reconciler.export.writers import check_types, write
from reconciler.resources.dataset import CsvReading, DatasetSpec
from reconciler.resources.secrets import SecretRef
from reconciler.values.pin import PinnedFile
from reconciler.values.staged import StagedFile


def _no_secrets(reference: SecretRef) -> Secret:
    raise AccountError("A101", "a secret isn't there", f"Nothing resolves {reference} here.")


@dataclass(frozen=True, slots=True)
class PolarsEngine:
    """`reconciler.export.job.Engine`. `resolve`: the secrets that transforms name."""

    resolve: Resolve = _no_secrets

    def inspect(self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]) -> int:
        """Parquet: footers alone. CSV: headers, and every row is counted. JSON Lines: lines are counted."""
        source = _source(dataset, access, files, ())
        if source.format == "parquet":
            return sum(footer.rows for footer, _ in check_parquet(source))
        return sum(count_text(source, file) for file in files)

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """(rows read, rows that match)."""
        if where is None and dataset.format == "parquet":
            rows = self.inspect(dataset, access, files)
            return rows, rows
        chosen = compiled(where, _declared(dataset))
        counts = Counts()
        source = _source(dataset, access, files, tuple(chosen.columns))
        matched = sum(frame.height for frame in frames(source, lambda rows: _filtered(rows, chosen), counts))
        return counts.rows, matched

    def export(
        self,
        job: ExportJob,
        access: Access,
        open_file: Callable[[int], FileSink],
        progress: Callable[[Progress], None],
        stop: Callable[[], bool],
    ) -> ExportResult:
        """See `Engine.export`. Rows keep the order of the pinned files, so that one pin gives the same files."""
        schema = _schema(job)
        check_types(job.format, schema)
        steps = pipeline(job, self.resolve)
        counts, excluded = Counts(), ExcludedCounts()
        source = _source(job.dataset, access, job.files, steps.needed)
        rows = steps.left(frames(source, steps.apply, counts), excluded)
        watched = _Watched(rows, counts, progress, stop)
        splitter = Splitter(iter(watched), job.output.max_rows, job.output.max_bytes)
        files: list[StagedFile] = []
        while splitter.more():
            files.append(_file(job, schema, splitter, watched, open_file(len(files))))
            splitter.finished(files[-1].size)
            watched.files = len(files)
        watched.look()
        return ExportResult(counts.rows, splitter.rows + excluded.total, tuple(files), excluded.by_reason)


def write_empty(job: ExportJob, sink: FileSink) -> StagedFile:
    """A file with the format's header or schema and no rows, finished; the sink is aborted on any error."""
    schema = _schema(job)
    try:
        write(job.format, schema, lambda _written: iter(()), sink)
        return sink.finish(0)
    except BaseException:
        sink.abort()
        raise


@dataclass(slots=True)
class _Watched:
    """Frames on their way, as read and as written: `stop` is asked and `progress` told between them."""

    frames: Iterator[pl.DataFrame]
    counts: Counts
    progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    files: int = 0
    rows: int = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        self.look()
        for frame in self.frames:
            self.look()
            yield frame
        self.look()

    def written(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Frames on their way to a file."""
        for frame in frames:
            self.look()
            self.rows += frame.height
            yield frame

    def look(self) -> None:
        """Raises `Interrupted`."""
        if self.stop():
            raise Interrupted
        self.progress(Progress(self.rows, self.counts.size, self.counts.total, self.files))


def _file(job: ExportJob, schema: pl.Schema, splitter: Splitter, watched: _Watched, sink: FileSink) -> StagedFile:
    try:
        write(job.format, schema, lambda written: watched.written(splitter.file(written)), sink)
        return sink.finish(splitter.in_file)
    except BaseException:
        sink.abort()
        raise


def _filtered(rows: pl.LazyFrame, chosen: Filter) -> pl.LazyFrame:
    return rows if chosen.expression is None else rows.filter(chosen.expression)


def _source(dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], read: tuple[str, ...]) -> Source:
    types = {name: polars_type(declared.type) for name, declared in dataset.columns.items()}
    optional = frozenset(name for name, declared in dataset.columns.items() if declared.optional)
    return Source(dataset.format, access, files, types, optional, read or _cheapest(types), dataset.csv or CsvReading())


def _cheapest(types: dict[str, pl.DataType]) -> tuple[str, ...]:
    """Some column to count rows by."""
    return (next((name for name, kind in types.items() if not kind.is_nested()), next(iter(types))),)


def _declared(dataset: DatasetSpec) -> dict[str, str]:
    return {name: declared.type for name, declared in dataset.columns.items()}


def _schema(job: ExportJob) -> pl.Schema:
    return pl.Schema({chosen.name: polars_type(chosen.type) for chosen in job.columns})
