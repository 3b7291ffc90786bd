"""The greatest value of a column in each file: from statistics where they tell, else from the column."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.parquet import statistics_of
from reconciler.export.rows import frames
from reconciler.export.source import Counts, Source, constants, supplied
from reconciler.values.mark import Ordered, rank
from reconciler.values.pin import PinnedFile

_AT_ONCE = 8


def newest(source: Source, name: str) -> Iterator[tuple[PinnedFile, Ordered | None]]:
    """Each file with the greatest value of the column in it; None where it has none. Raises `SourceError` F104-F113, F116."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="newest") as pool:
        yield from zip(source.files, pool.map(lambda file: _of(source, file, name), source.files), strict=True)


def _of(source: Source, file: PinnedFile, name: str) -> Ordered | None:
    given = supplied(source, file)
    if name in given:
        (made,) = constants(source, file, ((name, given[name]),))
        return _value(pl.select(made).item())
    if source.format == "parquet":
        known, greatest = statistics_of(source.access, file, name)
        if known and (greatest is None or isinstance(greatest, datetime | date | int)):
            return _value(greatest)
    best: Ordered | None = None
    alone = replace(source, files=(file,), read=(name,))
    for frame in frames(alone, lambda rows, _: rows.select(column(name).max().alias("max")), Counts()):
        value = _value(frame.item())
        if value is not None and (best is None or rank(value) > rank(best)):
            best = value
    return best


def _value(found: Any) -> Ordered | None:
    if isinstance(found, datetime):
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    assert found is None or isinstance(found, date | int)
    return found
