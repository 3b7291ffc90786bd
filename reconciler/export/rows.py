"""A dataset's files as frames that all look as declared: the rows that match, the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from reconciler.export.compact import compact_if_few
from reconciler.export.parquet_rows import parquet_frames
from reconciler.export.source import Choose, Counts, Source, text_frames


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
            yield compact_if_few(choose(frame.lazy(), first).collect(), frame.height)
        done += file.size
        counts.size = done
