"""A dataset's files as frames that all look as declared: the rows that match, the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from reconciler.export.parquet_rows import parquet_frames
from reconciler.export.source import Choose, Counts, Source, text_frames


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same rows without what they were taken from: text of a few rows keeps all the text alive that was read with them."""
    # Some of our own names have a character that Arrow's don't.
    numbered = frame.rename({name: str(at) for at, name in enumerate(frame.columns)})
    made = pl.from_arrow(numbered.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(made, pl.DataFrame)
    made.columns = frame.columns
    return made


def frames(source: Source, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    """`choose` (filter, select) applied to all files in their order, a part at a time.

    Raises `SourceError` F104-F113, F116.
    """
    counts.total = sum(file.size for file in source.files)
    if source.format == "parquet":
        yield from parquet_frames(source, choose, counts)
        return
    done = 0
    for file in source.files:
        for frame, consumed in text_frames(source, file):
            first, counts.rows = counts.rows, counts.rows + frame.height
            counts.size = done + consumed
            yield choose(frame.lazy(), first).collect()
        done += file.size
        counts.size = done
