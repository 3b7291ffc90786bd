"""The engine: Polars reads, filters and writes in parallel and a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.destinations.base import FileSink
from reconciler.errors import AccountError
from reconciler.export.budget import USUAL, Budget
from reconciler.export.changes.job import ChangesJob, ChangesResult, Surroundings
from reconciler.export.columns_met import columns_of
from reconciler.export.compare import compare
from reconciler.export.filters import Filter, compiled
from reconciler.export.job import NO_LISTS, ExportJob, ExportResult, Interrupted, Progress, SuppressionList
from reconciler.export.keys import ROW
from reconciler.export.lists import listed
from reconciler.export.look import Compared, CompareJob, Measured
from reconciler.export.measure import measure
from reconciler.export.newest import newest
from reconciler.export.parquet_rows import check_parquet
from reconciler.export.pipeline import ExcludedCounts, Lists, keys_of, pipeline, within
from reconciler.export.plain import as_text
from reconciler.export.rows import frames
from reconciler.export.source import Choose, Counts, Source, count_text
from reconciler.export.split import Splitter, limits_of
from reconciler.export.transforms import Resolve
from reconciler.export.winners import Winners, winners
from reconciler.export.writers import Encoders, check_types, encoders, write
from reconciler.resources.dataset import TABLE_FORMATS, CsvReading, DatasetSpec
from reconciler.resources.secrets import SecretRef
from reconciler.values.mark import Ordered
from reconciler.values.pin import PinnedFile
from reconciler.values.staged import StagedFile


def _no_secrets(reference: SecretRef) -> Secret:
    raise AccountError("A101", "a secret isn't there", f"Nothing resolves {reference} here.")


@dataclass(frozen=True, slots=True)
class PolarsEngine:
    """`reconciler.export.job.Engine`. `resolve`: the secrets that transforms name. `budget`: of one call at a time.

    Polars takes the number of its own threads from POLARS_MAX_THREADS when it is loaded.
    """

    resolve: Resolve = _no_secrets
    budget: Budget = USUAL

    def inspect(self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]) -> int:
        """Parquet: footers alone. CSV: headers, and every row is counted. JSON Lines: lines are counted."""
        source = _source(dataset, access, files, (), self.budget)
        if source.format == "parquet":
            return sum(footer.rows for footer, _ in check_parquet(source))
        return sum(count_text(source, file) for file in files)

    def columns(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]
    ) -> Mapping[str, frozenset[str]]:
        """See `Engine.columns`. Parquet: footers alone. CSV: headers. JSON Lines: every line's keys."""
        return columns_of(_source(dataset, access, files, (), self.budget))

    def newest(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], column: str
    ) -> Iterator[tuple[PinnedFile, Ordered | None]]:
        """See `Engine.newest`."""
        return newest(_source(dataset, access, files, (column,), self.budget), column)

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """(rows read, rows that match)."""
        chosen = compiled(where, _declared(dataset))
        counts = Counts()
        source = _source(dataset, access, files, tuple(chosen.columns), self.budget)
        if where is None and source.format == "parquet":
            rows = self.inspect(dataset, access, files)
            return rows, rows
        matched = sum(frame.height for frame in frames(source, lambda rows, _: _filtered(rows, chosen), counts))
        return counts.rows, matched

    def export(
        self,
        job: ExportJob,
        access: Access,
        open_file: Callable[[int], FileSink],
        progress: Callable[[Progress], None],
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
    ) -> ExportResult:
        """See `Engine.export`. Rows keep the order of the pinned files, so that one pin gives the same files."""
        check_types(job.format, _schema(job))
        steps = pipeline(job, self.resolve, _listed(job, lists, self.budget), _winners(job, access, stop, self.budget))
        counts, excluded = Counts(), ExcludedCounts()
        source = _source(job.dataset, access, job.files, steps.needed, self.budget)
        rows = steps.left(frames(source, steps.apply, counts), excluded)
        with encoders(self.budget) as by:
            files, written = written_files(job, rows, counts, open_file, progress, stop, by)
        return ExportResult(counts.rows, written + excluded.total, files, excluded.sorted())

    def export_changes(self, job: ChangesJob, around: Surroundings) -> ChangesResult:
        """See `Engine.export_changes`."""
        from reconciler.export.changes.export import compare as export_changes

        return export_changes(job, around, self.resolve, self.budget)

    def measure(
        self, job: ExportJob, access: Access, stop: Callable[[], bool], lists: Mapping[str, Access] = NO_LISTS
    ) -> Measured:
        """See `Engine.measure`."""
        steps = pipeline(job, self.resolve, _listed(job, lists, self.budget), _winners(job, access, stop, self.budget))
        source = _source(job.dataset, access, job.files, steps.needed, self.budget)
        values = {key: partial(_values, of, self.budget) for key, of in _lists(job, lists).items()}
        read = partial(frames, source)
        return measure(job, steps, read, values, self.resolve, _asked(stop), self.budget)

    def compare(self, job: CompareJob, access: Access, stop: Callable[[], bool]) -> Compared:
        """See `Engine.compare`."""

        def read(files: tuple[PinnedFile, ...], needed: tuple[str, ...], choose: Choose) -> Iterator[pl.DataFrame]:
            return frames(_source(job.dataset, access, files, needed, self.budget), choose, Counts())

        return compare(job, read, _asked(stop), self.budget)


def written_files(
    job: ExportJob,
    rows: Iterator[pl.DataFrame],
    counts: Counts,
    open_file: Callable[[int], FileSink],
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    by: Encoders,
) -> tuple[tuple[StagedFile, ...], int]:
    """Writes what leaves; the files, and how many rows they hold. `counts`: of what was read, for progress."""
    schema = _schema(job)
    check_types(job.format, schema)
    watched = _Watched(rows, counts, progress, stop)
    splitter = Splitter(iter(watched), *limits_of(job.output))
    files: list[StagedFile] = []
    while splitter.more():
        files.append(_file(job, schema, splitter, watched, open_file(len(files)), by))
        splitter.finished(files[-1].size)
        watched.files = len(files)
    watched.look()
    return tuple(files), splitter.rows


def _asked(stop: Callable[[], bool]) -> Callable[[], None]:
    def look() -> None:
        if stop():
            raise Interrupted

    return look


_ListColumn = tuple[SuppressionList, Access, str]


def _lists(job: ExportJob, accesses: Mapping[str, Access]) -> dict[tuple[str, str], _ListColumn]:
    """Every list column of every suppression."""
    return {
        (each.name, match.list_): (each, accesses[each.name], match.list_)
        for each in job.suppressions
        for match in each.match
    }


def _values(of: _ListColumn, budget: Budget) -> Iterator[pl.DataFrame]:
    """A list's values as text."""
    suppression, access, name = of
    source = _source(suppression.dataset, access, suppression.files, (name,), budget)
    kind = source.types[name]
    text = column(name) if kind == pl.String else as_text(column(name), kind)
    return frames(source, _only(text), Counts())


def _listed(job: ExportJob, accesses: Mapping[str, Access], budget: Budget) -> Lists:
    """Every list column of every suppression, read whole."""
    return {key: listed(key[0], _values(of, budget), budget.values) for key, of in _lists(job, accesses).items()}


def _only(text: pl.Expr) -> Choose:
    return lambda rows, _: rows.select(text.alias("value"))


def _winners(job: ExportJob, access: Access, stop: Callable[[], bool], budget: Budget) -> Winners | None:
    """Which row of each key counts, found in a pass over the keys; None where the dataset has no key."""
    if not job.dataset.primary_key:
        return None
    needed, made = keys_of(job)
    limits = within(job)
    needed += [job.within.column] if job.within else []
    chosen = compiled(None if job.dataset.latest_by else job.where, _declared(job.dataset))
    columns = tuple(dict.fromkeys([*needed, *sorted(chosen.columns)]))
    source = _source(job.dataset, access, job.files, columns, budget)

    def keys(rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
        numbered = rows.with_row_index(ROW, offset=first)
        if limits is not None and job.within is not None:
            numbered = numbered.filter(limits & column(job.within.column).is_not_null())
        return _filtered(numbered, chosen).select(made)

    def watched() -> Iterator[pl.DataFrame]:
        for frame in frames(source, keys, Counts()):
            if stop():
                raise Interrupted
            yield frame

    return winners(watched(), budget.keys, budget.threads)


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


def _file(
    job: ExportJob,
    schema: pl.Schema,
    splitter: Splitter,
    watched: _Watched,
    sink: FileSink,
    by: Encoders | None = None,
) -> StagedFile:
    try:
        write(job.format, schema, lambda written: watched.written(splitter.file(written)), sink, by)
        return sink.finish(splitter.in_file)
    except BaseException:
        sink.abort()
        raise


def _filtered(rows: pl.LazyFrame, chosen: Filter) -> pl.LazyFrame:
    return rows if chosen.expression is None else rows.filter(chosen.expression)


def _source(
    dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], read: tuple[str, ...], budget: Budget
) -> Source:
    types = {name: polars_type(declared.type) for name, declared in dataset.columns.items()}
    table = dataset.format in TABLE_FORMATS
    optional = frozenset(name for name, declared in dataset.columns.items() if declared.optional or table)
    form = "parquet" if table else dataset.format
    reading = dataset.csv or CsvReading()
    return Source(form, access, files, types, optional, read or _cheapest(types), reading, table, budget)


def _cheapest(types: dict[str, pl.DataType]) -> tuple[str, ...]:
    """Some column to count rows by."""
    return (next((name for name, kind in types.items() if not kind.is_nested()), next(iter(types))),)


def _declared(dataset: DatasetSpec) -> dict[str, str]:
    return {name: declared.type for name, declared in dataset.columns.items()}


def _schema(job: ExportJob) -> pl.Schema:
    return pl.Schema({chosen.name: polars_type(chosen.type) for chosen in job.columns})
