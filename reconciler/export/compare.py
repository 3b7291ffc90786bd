"""Keys that match several filters, now and before: one pass over the data, set against each other in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.export.budget import Budget
from reconciler.export.filters import Filter, compiled
from reconciler.export.keys import ROW, hash64, key_text
from reconciler.export.look import Compared, CompareJob, Moved
from reconciler.export.source import Choose
from reconciler.export.winners import spilling
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import duckdb

Read = Callable[[tuple[PinnedFile, ...], tuple[str, ...], Choose], Iterator[pl.DataFrame]]
"""Files, the columns to read of them, and what to make of these: frames."""

_NOW: Final = 1
_BEFORE: Final = 2
_BITS: Final = 60
"""Filters whose answers share one column."""
_AT_ONCE: Final = 200
"""Counts of one query."""


def compare(job: CompareJob, read: Read, stop: Callable[[], None], budget: Budget) -> Compared:
    """Needs the dataset's primary key. Memory doesn't grow with the data: keys are kept as digests, and spill. `stop` raises where a
    person asked to. Raises `SourceError`, and ValueError for a filter that doesn't fit the dataset."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        database = spilling(Path(folder), budget.keys, budget.threads)
        try:
            _gather(job, read, stop, database)
            return _answers(job, database)
        finally:
            database.close()


def _gather(job: CompareJob, read: Read, stop: Callable[[], None], database: duckdb.DuckDBPyConnection) -> None:
    """Table `keys`: a row for each key, with the filters that it matches now (`n0`, …) and before (`b0`, …), as bits."""
    declared = {name: each.type for name, each in job.dataset.columns.items()}
    filters = [compiled(where, declared) for where in job.filters]
    latest = job.dataset.latest_by
    types = {name: polars_type(job.dataset.columns[name].type) for name in job.dataset.primary_key}
    wanted = dict.fromkeys(
        [*types, *([latest] if latest else []), *sorted({name for each in filters for name in each.columns})]
    )
    made = _made(filters, key_text(list(types.items())), latest)
    masks = [f"m{at}" for at in range(_words(job))]
    first, fresh = 0, True
    for tag, files in _tagged(job):
        rows = 0

        def keys(frame: pl.LazyFrame, start: int) -> pl.LazyFrame:
            chosen = frame.with_row_index(ROW, offset=first + start).select(made)  # noqa: B023 - used before it changes
            matching = pl.any_horizontal([pl.col(name) != 0 for name in masks])
            return chosen.filter(pl.col("a").is_not_null() & (pl.lit(latest is not None) | matching))

        for frame in read(files, tuple(wanted), keys):
            stop()
            if frame.is_empty():
                continue
            rows = max(rows, int(frame["row"].max()) + 1 - first)  # type: ignore[arg-type]
            database.register("batch", frame.to_arrow())
            verb = "INSERT INTO rows" if not fresh else "CREATE TABLE rows AS"
            database.execute(f"{verb} SELECT *, {tag}::UTINYINT AS tag FROM batch")
            database.unregister("batch")
            fresh = False
        first += rows
    if fresh:
        nothing = ", ".join(f"0::UBIGINT AS {each}" for name in masks for each in (f"n{name[1:]}", f"b{name[1:]}"))
        database.execute(f"CREATE TABLE keys AS SELECT {nothing} LIMIT 0")
        return
    chosen = ", ".join(
        f"{_mask(name, tag, latest is not None)} AS {side}{name[1:]}"
        for name in masks
        for side, tag in (("n", _NOW), ("b", _BEFORE))
    )
    database.execute(f"CREATE TABLE keys AS SELECT {chosen} FROM rows GROUP BY a, b")
    database.execute("DROP TABLE rows")


def _made(filters: Sequence[Filter], text: pl.Expr, latest: str | None) -> list[pl.Expr]:
    """Two digests of the key, what orders its rows, and a bit for each filter that the row matches."""
    made = [hash64(text, 1).alias("a"), hash64(text, 2).alias("b"), pl.col(ROW).cast(pl.Int64).alias("row")]
    if latest is not None:
        made.append(column(latest).alias("newest"))
    for word in range(0, max(len(filters), 1), _BITS):
        bits = [
            pl.when(pl.lit(True) if each.expression is None else each.expression)
            .then(pl.lit(1 << at, dtype=pl.UInt64))
            .otherwise(pl.lit(0, dtype=pl.UInt64))
            for at, each in enumerate(filters[word : word + _BITS])
        ]
        made.append(pl.sum_horizontal(bits).alias(f"m{word // _BITS}"))
    return made


def _words(job: CompareJob) -> int:
    return (max(len(job.filters), 1) + _BITS - 1) // _BITS


def _tagged(job: CompareJob) -> Iterator[tuple[int, tuple[PinnedFile, ...]]]:
    """Files with whether they are of now, of before, or of both; those of now in their order, which decides between equal rows."""
    for kept, files in groupby(job.files, key=lambda each: each.path in job.kept):
        yield (_NOW | _BEFORE if kept else _NOW), tuple(files)
    if job.gone:
        yield _BEFORE, job.gone


def _mask(name: str, tag: int, latest: bool) -> str:
    """Which filters a key matches: by any of its rows, or by its newest one."""
    here = f"FILTER (WHERE tag & {tag} > 0)"
    if not latest:
        return f"coalesce(bit_or({name}) {here}, 0::UBIGINT)"
    newest = f"{{'known': newest IS NOT NULL, 'newest': newest, 'row': row, 'mask': {name}}}"
    return f"coalesce((max({newest}) {here}).mask, 0::UBIGINT)"


def _answers(job: CompareJob, database: duckdb.DuckDBPyConnection) -> Compared:
    conditions = [_holds("n", each) for each in range(len(job.filters))]
    for was, now in job.moves:
        before, middle, after = _holds("b", was), _holds("n", was), _holds("n", now)
        conditions += [
            before,
            f"{after} AND NOT {before} AND NOT {middle}",
            f"{after} AND NOT {before} AND {middle}",
            f"{before} AND NOT {after} AND {middle}",
            f"{before} AND NOT {after} AND NOT {middle}",
        ]
    conditions += [f"{_holds('n', one)} AND {_holds('n', other)}" for one, other in job.pairs]
    counts = iter(_counted(database, conditions))
    sizes = tuple(next(counts) for _ in job.filters)
    moves = tuple(Moved(*(next(counts) for _ in range(5))) for _ in job.moves)
    return Compared(sizes, moves, tuple(counts))


def _holds(side: str, filter_: int) -> str:
    return f"({side}{filter_ // _BITS} & {1 << filter_ % _BITS}::UBIGINT <> 0)"


def _counted(database: duckdb.DuckDBPyConnection, conditions: Sequence[str]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(conditions), _AT_ONCE):
        asked = ", ".join(f"count(*) FILTER (WHERE {each})" for each in conditions[start : start + _AT_ONCE])
        (row,) = database.execute(f"SELECT {asked} FROM keys").fetchall()
        found += row
    return found
