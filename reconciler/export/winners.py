"""Of several rows with one key, the one that counts: found in a first pass over the keys alone, spilling to disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from reconciler.export.keys import ROW

if TYPE_CHECKING:
    import duckdb

_CHUNK = 4_194_304
"""Rows whose verdicts are made at once."""


class Winners:
    """`keep`: by row number, the last one for all rows beyond; None: every row has a key of its own."""

    def __init__(self, keep: pl.Series | None) -> None:
        self._keep = keep

    @property
    def all(self) -> bool:
        """Whether no key came twice."""
        return self._keep is None

    @property
    def size(self) -> int:
        """Bytes that it takes, about: a bit a row."""
        return 0 if self._keep is None else len(self._keep) // 8

    def counts(self) -> pl.Expr:
        """Whether the row with this number is its key's."""
        keep = self._keep
        if keep is None:
            return pl.lit(True)
        beyond = len(keep) - 1

        def of(rows: pl.Series) -> pl.Series:
            # Other filters may be applied together with this one: then rows are looked up that the pass over the keys didn't come to.
            return keep.gather(rows.clip(upper_bound=beyond))

        return pl.col(ROW).map_batches(of, return_dtype=pl.Boolean, is_elementwise=True)


def winners(frames: Iterator[pl.DataFrame], memory: int, threads: int | None = None) -> Winners:
    """The newest row of each key, the last one of equals. `memory`: bytes, beyond which it spills; `threads`: None: one a processor.

    Frames have `a` and `b` (two hashes of the key, null where it has no value), `newest` (what orders rows; null: older
    than all) and the row's number.
    """
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        database = spilling(Path(folder), memory, threads)
        try:
            return _winners(database, frames)
        finally:
            database.close()


def spilling(folder: Path, memory: int, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory that spills into the folder (made for its owner alone) and reaches nothing else."""
    import duckdb

    database = duckdb.connect(
        config={
            "memory_limit": f"{memory}B",
            **({} if threads is None else {"threads": str(threads)}),
            "temp_directory": str(folder),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    database.execute("SET enable_external_access = false; SET lock_configuration = true")
    return database


def _winners(database: duckdb.DuckDBPyConnection, frames: Iterator[pl.DataFrame]) -> Winners:
    made, last = False, -1
    for frame in frames:
        if frame.is_empty():
            continue
        last = max(last, int(frame[ROW].max()))  # type: ignore[arg-type]
        database.register("batch", frame.rename({ROW: "row"}).to_arrow())
        verb = "INSERT INTO keys" if made else "CREATE TABLE keys AS"
        database.execute(f"{verb} SELECT a, b, newest, row FROM batch WHERE a IS NOT NULL")
        database.unregister("batch")
        made = True
    if not made:
        return Winners(None)
    total, different = _one(
        database, "SELECT count(*), (SELECT count(*) FROM (SELECT 1 FROM keys GROUP BY a, b)) FROM keys"
    )
    if total == different:
        return Winners(None)
    found = database.sql(
        "SELECT max({'known': newest IS NOT NULL, 'newest': newest, 'row': row}).row AS row FROM keys GROUP BY a, b ORDER BY 1"
    )
    return Winners(_mask(_series(found), last + 2))


def _one(database: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int]:
    rows: list[tuple[int, int]] = database.execute(query).fetchall()
    return rows[0]


def _series(found: duckdb.DuckDBPyRelation) -> Iterator[pl.Series]:
    reader: Any = found.to_arrow_reader(1_000_000)
    for batch in reader:
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        yield frame["row"]


def _mask(kept: Iterator[pl.Series], rows: int) -> pl.Series:
    """One bit a row. `kept`: row numbers, ascending."""
    parts: list[pl.Series] = []
    waiting = pl.Series("row", [], dtype=pl.Int64)
    for start in range(0, rows, _CHUNK):
        end = min(start + _CHUNK, rows)
        while waiting.is_empty() or int(waiting[-1]) < end:
            more = next(kept, None)
            if more is None:
                break
            waiting = pl.concat([waiting, more.cast(pl.Int64)])
        at = int(waiting.search_sorted(end, side="left"))
        part = pl.repeat(False, end - start, dtype=pl.Boolean, eager=True)
        parts.append(part.scatter(waiting.head(at) - start, True) if at else part)
        waiting = waiting.slice(at)
    return pl.concat(parts, rechunk=True)
