"""What of a dataset, and of the lists of a job, an engine reads, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.export.budget import Budget
from reconciler.export.filters import Filter, compiled
from reconciler.export.job import ExportJob, Interrupted, SuppressionList
from reconciler.export.keys import ROW
from reconciler.export.lists import listed
from reconciler.export.pipeline import Lists, keys_of, within
from reconciler.export.plain import as_text
from reconciler.export.rows import frames
from reconciler.export.source import Choose, Counts, Source
from reconciler.export.winners import Winners, winners
from reconciler.resources.dataset import TABLE_FORMATS, CsvReading, DatasetSpec
from reconciler.values.pin import PinnedFile


def source_of(
    dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], read: tuple[str, ...], budget: Budget
) -> Source:
    """How a dataset's files are read. `read`: the columns; none: one by which rows can be counted."""
    types = {name: polars_type(declared.type) for name, declared in dataset.columns.items()}
    table = dataset.format in TABLE_FORMATS
    optional = frozenset(name for name, declared in dataset.columns.items() if declared.optional or table)
    form = "parquet" if table else dataset.format
    reading = dataset.csv or CsvReading()
    return Source(form, access, files, types, optional, read or _cheapest(types), reading, table, budget)


def _cheapest(types: dict[str, pl.DataType]) -> tuple[str, ...]:
    """Some column to count rows by."""
    return (next((name for name, kind in types.items() if not kind.is_nested()), next(iter(types))),)


def declared_types(dataset: DatasetSpec) -> dict[str, str]:
    """Of each declared column, its type's text."""
    return {name: declared.type for name, declared in dataset.columns.items()}


def filtered(rows: pl.LazyFrame, chosen: Filter) -> pl.LazyFrame:
    """The rows that match."""
    return rows if chosen.expression is None else rows.filter(chosen.expression)


def asked(stop: Callable[[], bool]) -> Callable[[], None]:
    """Raises `Interrupted` once `stop` says so."""

    def look() -> None:
        if stop():
            raise Interrupted

    return look


ListColumn = tuple[SuppressionList, Access, str]
"""A list, how to read it, and a column of it."""


def list_columns(job: ExportJob, accesses: Mapping[str, Access]) -> dict[tuple[str, str], ListColumn]:
    """Every list column of every suppression."""
    return {
        (each.name, match.list_): (each, accesses[each.name], match.list_)
        for each in job.suppressions
        for match in each.match
    }


def list_values(of: ListColumn, budget: Budget) -> Iterator[pl.DataFrame]:
    """A list's values as text."""
    suppression, access, name = of
    source = source_of(suppression.dataset, access, suppression.files, (name,), budget)
    kind = source.types[name]
    text = column(name) if kind == pl.String else as_text(column(name), kind)
    return frames(source, _only(text), Counts())


def listed_of(job: ExportJob, accesses: Mapping[str, Access], budget: Budget) -> Lists:
    """Every list column of every suppression, read whole."""
    return {
        key: listed(key[0], list_values(of, budget), budget.values) for key, of in list_columns(job, accesses).items()
    }


def _only(text: pl.Expr) -> Choose:
    return lambda rows, _: rows.select(text.alias("value"))


def winners_of(job: ExportJob, access: Access, stop: Callable[[], bool], budget: Budget) -> Winners | None:
    """Which row of each key counts, found in a pass over the keys; None where the dataset has no key."""
    if not job.dataset.primary_key:
        return None
    needed, made = keys_of(job)
    limits = within(job)
    needed += [job.within.column] if job.within else []
    chosen = compiled(None if job.dataset.latest_by else job.where, declared_types(job.dataset))
    columns = tuple(dict.fromkeys([*needed, *sorted(chosen.columns)]))
    source = source_of(job.dataset, access, job.files, columns, budget)

    def keys(rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
        numbered = rows.with_row_index(ROW, offset=first)
        if limits is not None and job.within is not None:
            numbered = numbered.filter(limits & column(job.within.column).is_not_null())
        return filtered(numbered, chosen).select(made)

    def watched() -> Iterator[pl.DataFrame]:
        for frame in frames(source, keys, Counts()):
            if stop():
                raise Interrupted
            yield frame

    return winners(watched(), budget.keys, budget.threads)
