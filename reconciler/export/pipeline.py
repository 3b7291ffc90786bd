"""What happens to a part's rows: which match, which of these must not leave and why, and how the others look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from reconciler.datasets.columns import column
from reconciler.export.filters import Filter, compiled
from reconciler.export.job import ExportJob
from reconciler.export.transforms import Resolve, empty, leaving
from reconciler.values.excluded import EXCLUDED, Excluded

_STATUS = "\0status"
"""No column that leaves has a control character in its name."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One job's steps. `needed`: columns to read. `excludes`: whether any matching row may have to stay."""

    needed: tuple[str, ...]
    chosen: Filter
    out: tuple[pl.Expr, ...]
    required: tuple[pl.Expr, ...]

    @property
    def excludes(self) -> bool:
        """Whether rows are looked at one by one; else frames pass as they are."""
        return bool(self.required)

    def apply(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Matching rows as they leave; with a status behind where some may have to stay."""
        if self.chosen.expression is not None:
            rows = rows.filter(self.chosen.expression)
        rows = rows.select(self.out)
        if not self.excludes:
            return rows
        return rows.with_columns(_status({"missing": pl.any_horizontal(self.required)}).alias(_STATUS))

    def left(self, frames: Iterator[pl.DataFrame], counts: ExcludedCounts) -> Iterator[pl.DataFrame]:
        """Frames without the rows that must stay, which are counted."""
        for frame in frames:
            if not self.excludes:
                yield frame
                continue
            counts.note(frame[_STATUS])
            yield frame.filter(pl.col(_STATUS) == 0).drop(_STATUS)


@dataclass(slots=True)
class ExcludedCounts:
    """Rows that matched and stayed, by reason."""

    by_reason: dict[Excluded, int] = field(default_factory=dict)

    def note(self, status: pl.Series) -> None:
        """Adds a frame's."""
        for code, rows in status.value_counts().iter_rows():
            if code:
                reason = EXCLUDED[code - 1]
                self.by_reason[reason] = self.by_reason.get(reason, 0) + rows

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_reason.values())


def pipeline(job: ExportJob, resolve: Resolve) -> Pipeline:
    """The steps of a job. Raises `AccountError` where a secret of a transform is missing."""
    declared = {name: each.type for name, each in job.dataset.columns.items()}
    chosen = compiled(job.where, declared)
    needed = {each.column: None for each in job.columns if each.column is not None}
    needed |= dict.fromkeys(sorted(chosen.columns))
    # Constants alone would be one row, however many match.
    needed = needed or dict.fromkeys(list(declared)[:1])
    out = [leaving(each, declared.get(each.column or ""), resolve) for each in job.columns]
    if all(each.column is None for each in job.columns):
        count = column(next(iter(needed))).is_null()
        out = [
            pl.when(count).then(each).otherwise(each).alias(of.name) for each, of in zip(out, job.columns, strict=True)
        ]
    required = tuple(empty(each) for each in job.columns if each.required)
    return Pipeline(tuple(needed), chosen, tuple(out), required)


def _status(reasons: dict[Excluded, pl.Expr]) -> pl.Expr:
    """The number of the first reason that applies, 0 for none."""
    made = pl.lit(0, dtype=pl.UInt8)
    for reason in reversed(EXCLUDED):
        if reason in reasons:
            code = pl.lit(EXCLUDED.index(reason) + 1, dtype=pl.UInt8)
            made = pl.when(reasons[reason].fill_null(False)).then(code).otherwise(made)
    return made
