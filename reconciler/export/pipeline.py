"""What happens to a part's rows: which match, which of these must not leave and why, and how the others look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.export.compact import compact_if_few
from reconciler.export.filters import Filter, compiled
from reconciler.export.job import ExportJob
from reconciler.export.keys import ROW, hash64, key_text
from reconciler.export.lists import Listed
from reconciler.export.transforms import Resolve, as_matched, empty, leaving
from reconciler.resources.exclusions import ConsentRule, ExpiryRule
from reconciler.values.excluded import EXCLUDED, Excluded
from reconciler.values.mark import read_mark

_STATUS = "\0status"
_MET = "\0met"
"""No column that leaves has a control character in its name."""
Lists = Mapping[tuple[str, str], Listed]
"""By suppression and list column."""


class Keeps(Protocol):
    """Which row of each key counts (`reconciler.export.winners`)."""

    @property
    def all(self) -> bool:
        """Whether every row does."""
        ...

    def counts(self) -> pl.Expr:
        """By the row's number."""
        ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One job's steps. `needed`: columns to read. `reasons`: why a matching row stays, over the dataset's columns.

    `latest`: the newest row of each key is chosen before the filter sees any (`latestBy`), else after.
    """

    needed: tuple[str, ...]
    chosen: Filter
    out: tuple[pl.Expr, ...]
    reasons: Mapping[Excluded, pl.Expr]
    required: tuple[pl.Expr, ...]
    latest: bool
    within: pl.Expr | None
    keeps: Keeps | None = None

    @property
    def excludes(self) -> bool:
        """Whether rows are looked at one by one; else frames pass as they are."""
        return bool(self.reasons or self.required or (self._deduplicates and not self.latest))

    @property
    def _deduplicates(self) -> bool:
        return self.keeps is not None and not self.keeps.all

    def apply(self, rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
        """Matching rows as they leave; with a status behind where some may have to stay. `first`: the first row's number."""
        if self._deduplicates:
            rows = rows.with_row_index(ROW, offset=first)
        for each in self._matching():
            rows = rows.filter(each)
        return self._leaving(rows)

    def apply_now(self, rows: pl.DataFrame, first: int) -> pl.DataFrame:
        """`apply` to rows in memory, of which few match: to take these by their places costs a seventh of Polars' filter (2.1)."""
        if self._deduplicates:
            rows = rows.with_row_index(ROW, offset=first)
        if conditions := self._matching():
            # Beside the rows, for a condition without a column has no length of its own.
            met = rows.with_columns(pl.all_horizontal(conditions).alias(_MET))[_MET]
            rows = rows[met.arg_true()]
        return self._leaving(rows.lazy()).collect()

    def _matching(self) -> list[pl.Expr]:
        found = [] if self.within is None else [self.within]
        if self._deduplicates and self.latest and self.keeps is not None:
            found.append(self.keeps.counts() | self.reasons["missing"])
        if self.chosen.expression is not None:
            found.append(self.chosen.expression)
        return found

    def _leaving(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        if not self.excludes:
            return rows.select(self.out)
        reasons = dict(self.reasons)
        if self._deduplicates and not self.latest and self.keeps is not None:
            reasons["duplicate"] = ~self.keeps.counts()
        made = rows.select(*self.out, status(reasons).alias(_STATUS))
        if self.required:
            missing = pl.lit(EXCLUDED.index("missing") + 1, dtype=pl.UInt8)
            also = (pl.col(_STATUS) == 0) & pl.any_horizontal(self.required)
            made = made.with_columns(pl.when(also).then(missing).otherwise(pl.col(_STATUS)).alias(_STATUS))
        return made

    def left(self, frames: Iterator[pl.DataFrame], counts: ExcludedCounts) -> Iterator[pl.DataFrame]:
        """Frames without the rows that must stay, which are counted."""
        for frame in frames:
            if not self.excludes:
                yield frame
                continue
            counts.note(frame[_STATUS])
            yield compact_if_few(frame.filter(pl.col(_STATUS) == 0).drop(_STATUS), frame.height)


@dataclass(slots=True)
class ExcludedCounts:
    """Rows that matched and stayed, by reason."""

    by_reason: dict[Excluded, int] = field(default_factory=dict)

    def note(self, found: pl.Series) -> None:
        """Adds a frame's."""
        for code, rows in found.value_counts().iter_rows():
            if code:
                reason = EXCLUDED[code - 1]
                self.by_reason[reason] = self.by_reason.get(reason, 0) + rows

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_reason.values())

    def sorted(self) -> dict[Excluded, int]:
        """In the order of the reasons."""
        return {reason: self.by_reason[reason] for reason in EXCLUDED if reason in self.by_reason}


def pipeline(job: ExportJob, resolve: Resolve, lists: Lists, keeps: Keeps | None = None) -> Pipeline:
    """The steps of a job. Raises `AccountError` where a secret of a transform is missing."""
    declared = {name: each.type for name, each in job.dataset.columns.items()}
    chosen = compiled(job.where, declared)
    needed = {each.column: None for each in job.columns if each.column is not None}
    needed |= dict.fromkeys(sorted(chosen.columns))
    needed |= dict.fromkeys(job.dataset.primary_key)
    needed |= dict.fromkeys(rule.column for rule in (job.consent, job.expiry) if rule is not None)
    needed |= dict.fromkeys([job.within.column] if job.within else [])
    needed |= dict.fromkeys(match.column for each in job.suppressions for match in each.match)
    # Constants alone would be one row, however many match.
    needed = needed or dict.fromkeys(list(declared)[:1])
    out = [leaving(each, declared.get(each.column or ""), resolve) for each in job.columns]
    if all(each.column is None for each in job.columns):
        count = column(next(iter(needed))).is_null()
        out = [
            pl.when(count).then(each).otherwise(each).alias(of.name) for each, of in zip(out, job.columns, strict=True)
        ]
    required = tuple(empty(each) for each in job.columns if each.required)
    reasons = _reasons(job, declared, resolve, lists)
    return Pipeline(
        tuple(needed), chosen, tuple(out), reasons, required, job.dataset.latest_by is not None, within(job), keeps
    )


def keys_of(job: ExportJob) -> tuple[list[str], list[pl.Expr]]:
    """The columns to read, and what to make of them, to find which row of each key counts (`reconciler.export.winners`)."""
    types = {name: polars_type(job.dataset.columns[name].type) for name in job.dataset.primary_key}
    text = key_text(list(types.items()))
    latest = job.dataset.latest_by
    newest = pl.lit(None, dtype=pl.Boolean) if latest is None else column(latest)
    made = [hash64(text, 1).alias("a"), hash64(text, 2).alias("b"), newest.alias("newest"), pl.col(ROW)]
    return [*types, *([latest] if latest is not None else [])], made


def within(job: ExportJob) -> pl.Expr | None:
    """Whether a row belongs to this run by its column; those without a value do, to be counted. None: all do."""
    if job.within is None:
        return None
    kind = job.dataset.columns[job.within.column].type.strip().lower()
    value, dtype = column(job.within.column), polars_type(kind)
    if job.within.upto is None:
        return value.is_null()
    inside = value <= pl.lit(read_mark(job.within.upto, kind), dtype=dtype)
    if job.within.after is not None:
        limit = pl.lit(read_mark(job.within.after, kind), dtype=dtype)
        inside &= value >= limit if job.within.including else value > limit
    return inside | value.is_null()


def status(reasons: Mapping[Excluded, pl.Expr]) -> pl.Expr:
    """The number of the first reason that applies, 0 for none."""
    made = pl.lit(0, dtype=pl.UInt8)
    for reason in reversed(EXCLUDED):
        if reason in reasons:
            code = pl.lit(EXCLUDED.index(reason) + 1, dtype=pl.UInt8)
            made = pl.when(reasons[reason].fill_null(True)).then(code).otherwise(made)
    return made


def _reasons(job: ExportJob, declared: Mapping[str, str], resolve: Resolve, lists: Lists) -> dict[Excluded, pl.Expr]:
    """Each is true where the row must stay; null counts as true: what can't be told doesn't leave."""
    found: dict[Excluded, pl.Expr] = {}
    if job.expiry is not None:
        found["expired"] = _expired(job.expiry, polars_type(declared[job.expiry.column]))
    if job.consent is not None:
        found["consent"] = _without_consent(job.consent)
    hits = [
        lists[each.name, match.list_].holds(as_matched(match, declared[match.column], resolve))
        for each in job.suppressions
        for match in each.match
    ]
    if hits:
        found["suppressed"] = pl.any_horizontal(hits)
    needed = [*job.dataset.primary_key, *([job.within.column] if job.within else [])]
    if needed:
        found["missing"] = pl.any_horizontal([column(name).is_null() for name in needed])
    return found


def _expired(rule: ExpiryRule, kind: pl.DataType) -> pl.Expr:
    """A date expires with its whole day over: its last instant must lie at or before the limit."""
    value = column(rule.column)
    if kind == pl.Date:
        return value <= pl.lit((rule.before - timedelta(days=1)).date())
    return value <= pl.lit(rule.before, dtype=kind)


def _without_consent(rule: ConsentRule) -> pl.Expr:
    if not rule.values:
        return pl.lit(True)
    return ~column(rule.column).is_in(list(rule.values))
