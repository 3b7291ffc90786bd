"""Parquet files as frames that look as declared, in order, several parts at a time and never more than fits.

Polars' own streaming reads far ahead of a slow writer, by row groups and without a bound that holds (2.1). So files
are cut into parts of some row groups, or gathered from small files; each part is one query; queries run ahead within
a budget.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.parquet import Footer, footers, holds_too_long, large_batches, steps, too_long, torn
from reconciler.datasets.s3_input import object_store
from reconciler.datasets.streams import LONGEST_LINE
from reconciler.export.compact import compact_if_few
from reconciler.export.source import Choose, Counts, Source, Supplied, constants, supplied

_FILES = 256
_Entry = tuple[Footer, Supplied]


@dataclass(frozen=True, slots=True)
class _Part:
    """Neighbouring files that look the same, or `rows` of one file from `start` on.

    `size`: estimated bytes in memory. `first`: the number of its first row, counted over all files in order.
    """

    entries: tuple[_Entry, ...]
    start: int
    rows: int
    size: int
    first: int = 0

    @property
    def stored(self) -> int:
        """Bytes of the files, in proportion."""
        whole = sum(footer.rows for footer, _ in self.entries)
        return sum(footer.file.size for footer, _ in self.entries) * self.rows // max(1, whole)


def check_parquet(source: Source) -> Iterator[_Entry]:
    """Footers in order, all declared columns checked. Raises `SourceError` F104-F108, F113, F116."""
    for footer in footers(source.access, source.files, frozenset(source.read), source.budget.group):
        given = supplied(source, footer.file)
        inside = {name: kind for name, kind in source.types.items() if name not in given}
        steps(footer, inside, source.optional, lacking=source.table)
        constants(source, footer.file, tuple(given.items()))
        yield footer, tuple(given.items())


def parquet_frames(source: Source, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    """The chosen rows of all files in order. Raises `SourceError` F104-F108, F113, F116."""
    waiting: deque[tuple[_Part, Future[pl.DataFrame]]] = deque()
    pool = ThreadPoolExecutor(source.budget.workers, thread_name_prefix="reader")
    try:
        for part in _numbered(_parts(source)):
            while waiting and (part.entries[0][0].large or _ahead(waiting) + part.size > source.budget.ahead):
                yield _done(source, *waiting.popleft(), counts)
            if part.entries[0][0].large:
                yield from _large(source, part, choose, counts)
            else:
                waiting.append((part, pool.submit(_read, source, part, choose)))
        while waiting:
            yield _done(source, *waiting.popleft(), counts)
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(waiting: deque[tuple[_Part, Future[pl.DataFrame]]]) -> int:
    return sum(part.size for part, _ in waiting)


def _parts(source: Source) -> Iterator[_Part]:
    small: list[_Entry] = []
    size, most = 0, source.budget.part
    for entry in check_parquet(source):
        footer = entry[0]
        alike = not small or (_same(small[0][0], footer) and small[0][1] == entry[1])
        if small and (not alike or size + footer.size > most or len(small) >= _FILES):
            yield _whole(small, size)
            small, size = [], 0
        if footer.large or footer.size > most:
            yield from _cut(entry, most)
        elif footer.rows:
            small.append(entry)
            size += footer.size
    if small:
        yield _whole(small, size)


def _same(one: Footer, other: Footer) -> bool:
    return one.types == other.types and one.names == other.names and one.there == other.there


def _numbered(parts: Iterable[_Part]) -> Iterator[_Part]:
    first = 0
    for part in parts:
        yield replace(part, first=first)
        first += part.rows


def _whole(entries: list[_Entry], size: int) -> _Part:
    return _Part(tuple(entries), 0, sum(footer.rows for footer, _ in entries), size)


def _cut(entry: _Entry, most: int) -> Iterator[_Part]:
    """One file's row groups, some at a time: `most` bytes, or one.

    All at once where one of them is large, for then they are read page by page.
    """
    footer = entry[0]
    if footer.large:
        yield _Part((entry,), 0, footer.rows, 0)
        return
    start = rows = size = 0
    for count, bytes_ in footer.groups:
        if rows and size + bytes_ > most:
            yield _Part((entry,), start, rows, size)
            start, rows, size = start + rows, 0, 0
        rows += count
        size += bytes_
    yield _Part((entry,), start, rows, size)


def _read(source: Source, part: _Part, choose: Choose) -> pl.DataFrame:
    """In a thread of its own."""
    scan = _scan(source, part.entries)
    if part.rows < sum(footer.rows for footer, _ in part.entries):
        scan = scan.slice(part.start, part.rows)
    frame = choose(_as_declared(source, part.entries[0], scan), part.first).collect(engine="streaming")
    if part.size > LONGEST_LINE and holds_too_long(frame):
        raise too_long(max((footer for footer, _ in part.entries), key=lambda each: each.size).file)
    return compact_if_few(frame, part.rows)


def _done(source: Source, part: _Part, future: Future[pl.DataFrame], counts: Counts) -> pl.DataFrame:
    try:
        frame = future.result()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _blamed(source, part, error) from error
    counts.rows += part.rows
    counts.size += part.stored
    return frame


def _scan(source: Source, entries: tuple[_Entry, ...]) -> pl.LazyFrame:
    return pl.scan_parquet(
        [source.access.uri(footer.file.path) for footer, _ in entries],
        glob=False,
        hive_partitioning=False,
        extra_columns="ignore",
        cache=False,
        storage_options=object_store(source.access),
        credential_provider=None,
    )


def _large(source: Source, part: _Part, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
    entry = footer, given = part.entries[0]
    inside = [footer.written(name) for name in source.read if name in footer.types and name not in dict(given)]
    before, first = counts.size, part.first
    for frame in large_batches(source.access, footer.file, inside or [*footer.there][:1]):
        counts.rows += frame.height
        counts.size += footer.file.size * frame.height // footer.rows
        if holds_too_long(frame):
            raise too_long(footer.file)
        yield choose(_as_declared(source, entry, frame.lazy()), first).collect()
        first += frame.height
    counts.size = before + footer.file.size


def _as_declared(source: Source, entry: _Entry, scan: pl.LazyFrame) -> pl.LazyFrame:
    """The columns to read, with the declared names and types, in their order."""
    footer, given = entry
    inside = {name: source.types[name] for name in source.read if name not in dict(given)}
    made = steps(footer, inside, source.optional, lacking=source.table)
    found = {name: column(footer.written(name)) for name in made}
    columns = {name: (step(found[name]) if step else found[name]).alias(name) for name, step in made.items()}
    fixed = {value.meta.output_name(): value for value in constants(source, footer.file, given)}
    absent = {name: pl.lit(None, dtype=source.types[name]).alias(name) for name in inside if name not in made}
    if columns:
        return scan.select((columns | absent | fixed)[name] for name in source.read)
    # Literals alone would be one row, however many the file has.
    height = column(next(iter(footer.there))).is_null()
    return scan.select(
        pl.when(height).then(value).otherwise(value).alias(name) for name, value in (absent | fixed).items()
    ).select(column(name) for name in source.read)


def _blamed(source: Source, part: _Part, error: BaseException) -> Exception:
    """The error of the first file that can't be read by itself; Polars doesn't say which it was."""
    for entry in part.entries:
        try:
            _as_declared(source, entry, _scan(source, (entry,)).slice(part.start, part.rows)).collect(
                engine="streaming"
            )
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as found:
            return torn(entry[0].file, found if isinstance(found, Exception) else ValueError("panic"))
    return error if isinstance(error, Exception) else RuntimeError(str(error))
