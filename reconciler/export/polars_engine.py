"""The engine: Polars reads, filters and writes in parallel and a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import polars as pl

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.destinations.base import FileSink
from reconciler.errors import AccountError
from reconciler.export.budget import USUAL, Budget
from reconciler.export.changes.job import ChangesJob, ChangesResult, Surroundings
from reconciler.export.columns_met import columns_of
from reconciler.export.compare import compare
from reconciler.export.filters import compiled
from reconciler.export.job import NO_LISTS, ExportJob, ExportResult, Progress
from reconciler.export.look import Compared, CompareJob, Measured
from reconciler.export.measure import measure
from reconciler.export.newest import newest
from reconciler.export.parquet_rows import check_parquet
from reconciler.export.pipeline import ExcludedCounts, pipeline
from reconciler.export.reading import (
    asked,
    declared_types,
    filtered,
    list_columns,
    list_values,
    listed_of,
    source_of,
    winners_of,
)
from reconciler.export.rows import frames
from reconciler.export.source import Choose, Counts, count_text
from reconciler.export.transforms import Resolve
from reconciler.export.writers import check_types, encoders
from reconciler.export.written import schema_of, written_files
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.secrets import SecretRef
from reconciler.values.mark import Ordered
from reconciler.values.pin import PinnedFile


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
        source = source_of(dataset, access, files, (), self.budget)
        if source.format == "parquet":
            return sum(footer.rows for footer, _ in check_parquet(source))
        return sum(count_text(source, file) for file in files)

    def columns(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]
    ) -> Mapping[str, frozenset[str]]:
        """See `Engine.columns`. Parquet: footers alone. CSV: headers. JSON Lines: every line's keys."""
        return columns_of(source_of(dataset, access, files, (), self.budget))

    def newest(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], column: str
    ) -> Iterator[tuple[PinnedFile, Ordered | None]]:
        """See `Engine.newest`."""
        return newest(source_of(dataset, access, files, (column,), self.budget), column)

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """(rows read, rows that match)."""
        chosen = compiled(where, declared_types(dataset))
        counts = Counts()
        source = source_of(dataset, access, files, tuple(chosen.columns), self.budget)
        if where is None and source.format == "parquet":
            rows = self.inspect(dataset, access, files)
            return rows, rows
        matched = sum(frame.height for frame in frames(source, lambda rows, _: filtered(rows, chosen), counts))
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
        check_types(job.format, schema_of(job))
        steps = pipeline(
            job, self.resolve, listed_of(job, lists, self.budget), winners_of(job, access, stop, self.budget)
        )
        counts, excluded = Counts(), ExcludedCounts()
        source = source_of(job.dataset, access, job.files, steps.needed, self.budget)
        rows = steps.left(frames(source, steps.apply, counts), excluded)
        with encoders(self.budget) as by:
            files, written = written_files(job, rows, counts, open_file, progress, stop, by)
        return ExportResult(counts.rows, written + excluded.total, files, excluded.sorted())

    def export_changes(self, job: ChangesJob, around: Surroundings) -> ChangesResult:
        """See `Engine.export_changes`."""
        from reconciler.export.changes.export import compare as export_changes

        return export_changes(job, around, self.resolve, self.budget)

    def measure(
        self,
        job: ExportJob,
        access: Access,
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
        samples: int = 0,
    ) -> Measured:
        """See `Engine.measure`."""
        steps = pipeline(
            job, self.resolve, listed_of(job, lists, self.budget), winners_of(job, access, stop, self.budget)
        )
        source = source_of(job.dataset, access, job.files, steps.needed, self.budget)
        values = {key: partial(list_values, of, self.budget) for key, of in list_columns(job, lists).items()}
        read = partial(frames, source)
        return measure(job, steps, read, values, self.resolve, asked(stop), self.budget, samples)

    def compare(self, job: CompareJob, access: Access, stop: Callable[[], bool]) -> Compared:
        """See `Engine.compare`."""

        def read(files: tuple[PinnedFile, ...], needed: tuple[str, ...], choose: Choose) -> Iterator[pl.DataFrame]:
            return frames(source_of(job.dataset, access, files, needed, self.budget), choose, Counts())

        return compare(job, read, asked(stop), self.budget)
