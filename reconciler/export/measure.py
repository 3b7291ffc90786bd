"""What an export would count, without writing it; and whether anybody on a suppression's list would leave."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from reconciler.export.budget import Budget
from reconciler.export.job import ExportJob
from reconciler.export.look import Measured
from reconciler.export.pipeline import ExcludedCounts, Pipeline
from reconciler.export.shapes import shape
from reconciler.export.source import Choose, Counts
from reconciler.export.transforms import Resolve, as_matched
from reconciler.export.winners import spilling

if TYPE_CHECKING:
    import duckdb

_VALUE = "\0value{}"
"""No column that leaves has a control character in its name."""


def measure(
    job: ExportJob,
    steps: Pipeline,
    read: Callable[[Choose, Counts], Iterator[pl.DataFrame]],
    lists: Mapping[tuple[str, str], Callable[[], Iterator[pl.DataFrame]]],
    resolve: Resolve,
    stop: Callable[[], None],
    budget: Budget,
    samples: int = 0,
) -> Measured:
    """`lists`: the values of each suppression's columns, as frames of one text column. `stop` raises where a person asked to.

    Who is listed is found by DuckDB over MD5 digests of the values as text: by other means than those that keep rows back.
    """
    matches = [(each.name, match) for each in job.suppressions for match in each.match]
    declared = {name: each.type for name, each in job.dataset.columns.items()}
    values = [
        as_matched(match, declared[match.column], resolve).alias(_VALUE.format(at))
        for at, (_, match) in enumerate(matches)
    ]
    counts, excluded, rows = Counts(), ExcludedCounts(), 0
    shown: list[dict[str, str | None]] = []
    asked = replace(steps, out=(*steps.out, *values))
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        database = spilling(Path(folder), budget.keys, budget.threads)
        try:
            _create(database, len(matches))
            for frame in steps.left(read(asked.apply, counts), excluded):
                stop()
                rows += frame.height
                shown += _shapes(frame.select(each.name for each in job.columns), samples - len(shown))
                if matches:
                    _insert(
                        database, frame.select(pl.col(_VALUE.format(at)).alias(f"v{at}") for at in range(len(matches)))
                    )
            listed = _listed(database, [(name, match.list_) for name, match in matches], lists, stop) if rows else {}
        finally:
            database.close()
    found = {each.name: listed.get(each.name, 0) for each in job.suppressions}
    return Measured(counts.rows, rows, excluded.sorted(), found, tuple(shown))


def _shapes(frame: pl.DataFrame, most: int) -> list[dict[str, str | None]]:
    """The first rows' shapes."""
    return [{name: shape(value) for name, value in row.items()} for row in frame.head(max(0, most)).to_dicts()]


def _create(database: duckdb.DuckDBPyConnection, matches: int) -> None:
    if matches:
        columns = ", ".join(f"v{at} UHUGEINT" for at in range(matches))
        database.execute(f"CREATE TABLE leaving ({columns})")


def _insert(database: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> None:
    database.register("batch", frame.to_arrow())
    database.execute(
        f"INSERT INTO leaving SELECT {', '.join(f'md5_number({name})' for name in frame.columns)} FROM batch"
    )
    database.unregister("batch")


def _listed(
    database: duckdb.DuckDBPyConnection,
    matches: list[tuple[str, str]],
    lists: Mapping[tuple[str, str], Callable[[], Iterator[pl.DataFrame]]],
    stop: Callable[[], None],
) -> dict[str, int]:
    """Rows that leave with a value on a list, by suppression."""
    tables = {key: f"list{at}" for at, key in enumerate(dict.fromkeys(matches))}
    for key, table in tables.items():
        database.execute(f"CREATE TABLE {table} (value UHUGEINT)")
        for frame in lists[key]():
            stop()
            database.register("batch", frame.rename({frame.columns[0]: "value"}).to_arrow())
            database.execute(f"INSERT INTO {table} SELECT md5_number(value) FROM batch WHERE value IS NOT NULL")
            database.unregister("batch")
    found = {}
    for name in dict.fromkeys(name for name, _ in matches):
        held = " OR ".join(
            f"v{at} IN (SELECT value FROM {tables[key]})" for at, key in enumerate(matches) if key[0] == name
        )
        (row,) = database.execute(f"SELECT count(*) FROM leaving WHERE {held}").fetchall()
        found[name] = int(row[0])
    return found
