"""What is read of a dataset, and its CSV and JSON Lines files as frames that look as declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.columns import column
from reconciler.datasets.csv import count_records, read_csv
from reconciler.datasets.json import count_lines, read_json
from reconciler.datasets.names import partitions, without
from reconciler.datasets.problems import named, problem
from reconciler.datasets.text import parse
from reconciler.datasets.wanted import Wanted
from reconciler.export.budget import USUAL, Budget
from reconciler.resources.dataset import CsvReading
from reconciler.values.pin import PinnedFile

Supplied = tuple[tuple[str, str | None], ...]
"""Columns and their texts that a file's path gives."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is read.

    `format`: of the files. `types`: all declared columns; `optional`: those that a file may lack; `read`: those that are needed, at
    least one. `table`: the files are a table's, whose schema was checked; what an older one lacks is null. `budget`: what reading
    ahead may take.
    """

    format: str
    access: Access
    files: tuple[PinnedFile, ...]
    types: Mapping[str, pl.DataType]
    optional: frozenset[str]
    read: tuple[str, ...]
    csv: CsvReading
    table: bool = False
    budget: Budget = USUAL


@dataclass(slots=True)
class Counts:
    """What was read so far: rows, and bytes of the files."""

    rows: int = 0
    size: int = 0
    total: int = 0


Choose = Callable[[pl.LazyFrame, int], pl.LazyFrame]
"""Filter and select, applied to every part; with the number of the part's first row, counted over all files in order."""


def text_frames(source: Source, file: PinnedFile) -> Iterator[tuple[pl.DataFrame, int]]:
    """One CSV or JSON Lines file, columns supplied by its path included, with the bytes read so far."""
    given = supplied(source, file)
    wanted = _wanted(source, given)
    opened = (
        read_csv(source.access, file, wanted, source.csv)
        if source.format == "csv"
        else read_json(source.access, file, wanted)
    )
    fixed = constants(source, file, tuple(given.items()))
    for frame, consumed in opened:
        yield frame.with_columns(fixed).select(column(name) for name in source.read), consumed


def count_text(source: Source, file: PinnedFile) -> int:
    """Rows of one CSV or JSON Lines file. Raises what reading it does, but for values of another type."""
    given = supplied(source, file)
    constants(source, file, tuple(given.items()))
    if source.format == "csv":
        return count_records(source.access, file, _wanted(source, given), source.csv)
    return sum(rows for rows, _ in count_lines(source.access, file))


def _wanted(source: Source, given: Mapping[str, str | None]) -> Wanted:
    inside = {name: source.types[name] for name in source.read if name not in given}
    # Rows count even where all that is asked for stands in the path.
    types = inside or {name: kind for name, kind in source.types.items() if name not in given}
    return Wanted(types, frozenset(source.types) - source.optional - set(given))


def supplied(source: Source, file: PinnedFile) -> Mapping[str, str | None]:
    given = partitions(file.path) if file.partitions is None else dict(file.partitions)
    return {name: value for name, value in given.items() if name in source.types}


def constants(source: Source, file: PinnedFile, given: Supplied) -> list[pl.Expr]:
    """Columns that the path supplies. Raises `SourceError` F113."""
    made = []
    for name, value in given:
        kind = source.types[name]
        if kind.is_nested():
            where = named(without(file.path, name))
            raise problem("F113", f"{where}: {name!r} is declared as a nested type, which no path can hold.")
        typed = parse(pl.Series(name, [value], dtype=pl.String), kind)
        if value is not None and typed.null_count():
            where = named(without(file.path, name))
            raise problem("F113", f"{where}: what the path says of {name!r} isn't of the declared type.")
        made.append(pl.lit(typed.to_list()[0], dtype=kind).alias(name))
    return made
