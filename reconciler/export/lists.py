"""Suppression lists in memory: eight bytes a value, looked up by binary search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from reconciler.datasets.problems import problem
from reconciler.export.keys import hash64


@dataclass(frozen=True, slots=True)
class Listed:
    """The hashes of a list's values, sorted. Two values share a hash by a chance of one in 2^64: then one row too many stays."""

    hashes: pl.Series

    def holds(self, text: pl.Expr) -> pl.Expr:
        """Whether the text is listed; false for null."""
        if self.hashes.is_empty():
            return pl.lit(False)

        def found(hashes: pl.Series) -> pl.Series:
            at = self.hashes.search_sorted(hashes.fill_null(0), side="left").clip(upper_bound=self.hashes.len() - 1)
            return (self.hashes.gather(at) == hashes.fill_null(0)) & hashes.is_not_null()

        return hash64(text).map_batches(found, return_dtype=pl.Boolean, is_elementwise=True)


def listed(name: str, frames: Iterator[pl.DataFrame], most: int) -> Listed:
    """The values of frames of one text column, at most so many. `name`: the suppression's, for the error F121."""
    parts: list[pl.Series] = []
    size = 0
    for frame in frames:
        text = pl.col(frame.columns[0])
        part = frame.select(hash64(text)).to_series().drop_nulls().unique()
        parts.append(part.rename("hash"))
        size += part.len()
        if size > most:
            detail = (
                f"Suppression {name} has more than {most:,} values, for which engine.memory of the Project has no room."
            )
            raise problem("F121", detail)
    return Listed(pl.concat(parts).unique().sort() if parts else pl.Series("hash", [], dtype=pl.UInt64))
