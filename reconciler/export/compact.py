"""Frames without what they were taken from: text of a few rows keeps all the text alive that was read with them."""

from __future__ import annotations

from typing import Final

import polars as pl

_FEW: Final = 4
"""Of so many rows one at most is left: then to copy them costs little beside having read all, and holds little instead of much."""


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows, copied."""
    # Some of our own names have a character that Arrow's don't.
    numbered = frame.rename({name: str(at) for at, name in enumerate(frame.columns)})
    made = pl.from_arrow(numbered.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(made, pl.DataFrame)
    made.columns = frame.columns
    return made


def compact_if_few(frame: pl.DataFrame, of: int) -> pl.DataFrame:
    """The same rows, copied where they are few of so many."""
    return compact(frame) if 0 < frame.height * _FEW <= of else frame
