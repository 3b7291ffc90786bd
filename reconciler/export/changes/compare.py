"""A part of the keys: which row of each counts, and how it differs from what the snapshot says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from reconciler.export.changes.digests import ROW_DIGEST, A, B
from reconciler.export.changes.spill import BUCKET
from reconciler.export.pipeline import ExcludedCounts
from reconciler.values.changed import GONE, Gone
from reconciler.values.excluded import EXCLUDED

NUMBER: Final = "\x01row"
"""The row's, as `ROW`, but for names that foreign code can take."""
STATUS: Final = "\x01t"
"""0: the row may leave; else why it doesn't: the place of the reason in EXCLUDED, from 1, or OUTSIDE."""
NEWEST: Final = "\x01newest"
OUTSIDE: Final = len(EXCLUDED) + 1
"""The filter doesn't keep it."""
ADDED, CHANGED, _UNCHANGED = 1, 2, 3
_BEFORE: Final = 255
"""Instead of a status: a row of the snapshot."""
_LEFT: Final = 10
"""Added to the status of a row whose key the snapshot has and that doesn't leave."""
_GONE: Final = 100


@dataclass(slots=True)
class Found:
    """Over all parts. `duplicates`: rows that matched and aren't the one of their key, by status."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: dict[Gone, int] = field(default_factory=dict)
    matched: int = 0
    excluded: ExcludedCounts = field(default_factory=ExcludedCounts)

    def note(self, statuses: pl.Series) -> None:
        """Rows that count, or have no key, by status."""
        kept = statuses.filter(statuses != OUTSIDE)
        self.matched += kept.len()
        self.excluded.note(kept)

    def note_losers(self, statuses: pl.Series) -> None:
        """Rows of keys for which another row counts."""
        duplicate = EXCLUDED.index("duplicate") + 1
        self.note(
            pl.select(pl.when(statuses == 0).then(pl.lit(duplicate, dtype=pl.UInt8)).otherwise(statuses)).to_series()
        )

    def sorted_removed(self) -> dict[Gone, int]:
        """In the order of the reasons."""
        return {reason: self.removed[reason] for reason in GONE if reason in self.removed}


def counting(frames: Iterator[pl.DataFrame], latest: bool, found: Found) -> pl.DataFrame | None:
    """The one row of each key, sorted by digest; None where there is none. `latest`: the newest, whether it matches or not, else the newest
    that matches; the last one of equals.

    However often a key comes, only some parts' worth of rows are held.
    """
    held: list[pl.DataFrame] = []
    for frame in frames:
        held.append(frame)
        if sum(each.height for each in held) > 3 * BUCKET:
            held = [_one_each(pl.concat(held), latest, found)]
    if not held:
        return None
    rows = _one_each(pl.concat(held), latest, found)
    found.note(rows[STATUS])
    return rows


def _one_each(rows: pl.DataFrame, latest: bool, found: Found) -> pl.DataFrame:
    ordered = rows.sort(A)
    if not _repeats(ordered):
        return ordered
    order = [pl.col(A), pl.col(B)]
    if not latest:
        order.append(pl.col(STATUS) != OUTSIDE)
    if NEWEST in rows.columns:
        order += [pl.col(NEWEST).is_not_null(), pl.col(NEWEST)]
    ordered = rows.sort(*order, NUMBER)
    loses = (pl.col(A) == pl.col(A).shift(-1)) & (pl.col(B) == pl.col(B).shift(-1))
    marked = ordered.with_columns(loses.fill_null(False).alias("\x01loses"))
    if not latest:
        found.note_losers(marked.filter("\x01loses")[STATUS])
    return marked.filter(~pl.col("\x01loses")).drop("\x01loses")


def _repeats(ordered: pl.DataFrame) -> bool:
    """Whether neighbours have the same first half: equal keys, or, once in a very long while, different ones."""
    return bool((ordered[A] == ordered[A].shift(-1)).any())


def compared(rows: pl.DataFrame | None, before: pl.DataFrame, found: Found) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(`row`, `operation`) of those that are new or changed; (`at`, `reason`, a place in GONE) of those that left.

    `rows`: see `counting`; `before`: of the snapshot, both sorted.
    """
    both = _merged(rows, before)
    follows = ((pl.col("a") == pl.col("a").shift(-1)) & (pl.col("b") == pl.col("b").shift(-1))).fill_null(False)
    paired = both.select("i", "r", "t", follows.alias("follows"))
    paired = paired.with_columns(_of_the_other("t").alias("other t"), _of_the_other("r").alias("other r"))
    alone, other = pl.col("other t").is_null(), pl.col("other t")
    here = pl.when(alone).then(_u8(ADDED)).when(pl.col("other r") != pl.col("r")).then(_u8(CHANGED))
    then = pl.when(alone).then(_u8(_GONE)).when(other != 0).then(other + _u8(_LEFT))
    code = (
        pl.when(pl.col("t") == 0)
        .then(here.otherwise(_u8(_UNCHANGED)))
        .when(pl.col("t") == _BEFORE)
        .then(then.otherwise(_u8(0)))
        .otherwise(_u8(0))
    )
    told = paired.select("i", code.alias("code"))
    for number, rows_ in told["code"].value_counts().iter_rows():
        _count(found, number, rows_)
    new = told.filter(pl.col("code").is_between(ADDED, CHANGED)).select(
        pl.col("i").alias("row"), pl.col("code").alias("operation")
    )
    left = told.filter(pl.col("code") > _LEFT).select(
        pl.col("i").alias("at"), pl.col("code").replace_strict(_PLACES, return_dtype=pl.UInt8).alias("reason")
    )
    return new, left


def _of_the_other(name: str) -> pl.Expr:
    """Of the neighbour with the same key; null where there is none."""
    value = pl.col(name)
    return pl.when("follows").then(value.shift(-1)).when(pl.col("follows").shift(1)).then(value.shift(1))


def _u8(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt8)


def _merged(rows: pl.DataFrame | None, before: pl.DataFrame) -> pl.DataFrame:
    place = pl.get_index_type()
    old = before.select("a", "b", "r", pl.col("at").cast(place).alias("i"), _u8(_BEFORE).alias("t"))
    if rows is None:
        return old
    new = rows.select(
        pl.col(A).alias("a"),
        pl.col(B).alias("b"),
        pl.col(ROW_DIGEST).alias("r"),
        pl.col(NUMBER).cast(place).alias("i"),
        pl.col(STATUS).alias("t"),
    )
    if _repeats(rows) or bool((old["a"] == old["a"].shift(-1)).any()):
        return pl.concat([new, old]).sort("a", "b")
    return new.merge_sorted(old, key="a")


def _count(found: Found, code: int, rows: int) -> None:
    match code:
        case 0:
            return
        case 1:
            found.added += rows
        case 2:
            found.changed += rows
        case 3:
            found.unchanged += rows
        case _:
            reason = GONE[_PLACES[code]]
            found.removed[reason] = found.removed.get(reason, 0) + rows


def _reason(status: int) -> Gone:
    if status == OUTSIDE:
        return "filter"
    reason = EXCLUDED[status - 1]
    assert reason != "duplicate"  # the row that counts isn't one
    return reason


_PLACES: Final = {_LEFT + status: GONE.index(_reason(status)) for status in (1, 2, 3, 4, OUTSIDE)} | {
    _GONE: GONE.index("gone")
}
