"""One file's frames into a staged file: Parquet's row groups are encoded on all cores, text is serialised while it is compressed."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal, assert_never, cast

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.problems import problem
from reconciler.destinations.base import FileSink
from reconciler.export.budget import USUAL, Budget
from reconciler.export.csv_plain import Plain
from reconciler.export.csv_text import BOM, ENCODINGS, check, fields, header, line_end
from reconciler.export.pipe import Pipe, compressor
from reconciler.export.plain import MOMENTS, for_json, moments_as_text
from reconciler.export.splice import Splice
from reconciler.resources.formats import CsvFormat, JsonFormat, ParquetFormat

AnyFormat = ParquetFormat | JsonFormat | CsvFormat
Frames = Callable[[Callable[[], int]], Iterator[pl.DataFrame]]
"""Given a function that says how many bytes are written, one file's frames."""

ROW_GROUP = 122_880
_LEVELS = {"gzip": 3, "zstd": 2}
"""Of Parquet. Measured on prospects: gzip 3 takes two thirds of 6's time for 3 % more bytes, zstd 2 three quarters of 3's for 2 %."""
_PARQUET: Mapping[str, Literal["uncompressed", "snappy", "gzip", "zstd"]] = {
    "none": "uncompressed",
    "snappy": "snappy",
    "gzip": "gzip",
    "zstd": "zstd",
}


@dataclass(frozen=True, slots=True)
class Encoders:
    """Where row groups are encoded. `size`: bytes of one in memory at most; `ahead`: how many of a file while the next one fills."""

    pool: Executor
    size: int
    ahead: int


@contextmanager
def encoders(budget: Budget = USUAL) -> Iterator[Encoders]:
    """For as many files at once as there are jobs. Many keep all cores busy with one each."""
    pool = ThreadPoolExecutor(budget.workers, thread_name_prefix="encoder")
    try:
        yield Encoders(pool, budget.encoding, budget.workers if budget.jobs == 1 else 0)
    finally:
        pool.shutdown(cancel_futures=True)


def write(fmt: AnyFormat, schema: pl.Schema, frames: Frames, sink: FileSink, by: Encoders | None = None) -> None:
    """Writes a whole file, even where there are no frames; the sink is neither finished nor aborted. `by`: shared with other files.

    Raises what the sink and `frames` raise, as it is, and `SourceError` F112, F114, F115.
    """
    pipe = _pipe(fmt, sink)
    try:
        match fmt:
            case ParquetFormat() if by is None:
                with encoders() as alone:
                    _parquet(fmt, schema, frames, pipe, alone)
            case ParquetFormat():
                assert by is not None
                _parquet(fmt, schema, frames, pipe, by)
            case JsonFormat():
                _json(schema, frames(pipe.settled), pipe)
            case CsvFormat():
                _csv(fmt, schema, frames(pipe.settled), pipe)
            case _:
                assert_never(fmt)
    except BaseException as error:
        original = pipe.failure or error
        pipe.refuse()
        raise original from None
    pipe.end()


def check_types(fmt: AnyFormat, schema: pl.Schema) -> None:
    """Raises `SourceError` F112 where a column has no form in the format, F114 where a column's name has none."""
    if isinstance(fmt, CsvFormat):
        fields(schema, fmt)
        header(schema.names(), fmt)
    elif isinstance(fmt, ParquetFormat) and any(
        isinstance(kind, pl.Struct) and not kind.fields for kind in schema.values()
    ):
        raise problem("F112", "A struct without fields has no form in Parquet.")


def _pipe(fmt: AnyFormat, sink: FileSink) -> Pipe:
    match fmt:
        case ParquetFormat():
            return Pipe(sink, ahead=True)
        case JsonFormat():
            return Pipe(sink, compressor(fmt.compression, fmt.compression_level), ahead=True)
        case CsvFormat():
            return Pipe(sink, compressor(fmt.compression, fmt.compression_level), ENCODINGS[fmt.encoding], ahead=True)
        case _:
            assert_never(fmt)


def _parquet(fmt: ParquetFormat, schema: pl.Schema, frames: Frames, pipe: Pipe, by: Encoders) -> None:
    """Row groups are encoded while the next are read, and the one before is hashed and written."""
    joined = Splice()
    waiting: deque[Future[bytes]] = deque()

    def settle(most: int) -> None:
        while len(waiting) > most:
            pipe.write(joined.add(waiting.popleft().result()))

    def written() -> int:
        settle(0)
        return pipe.settled()

    for group in _groups(frames(written), by.size):
        settle(max(0, by.ahead - 1))
        waiting.append(by.pool.submit(_encoded, fmt, group))
        if not by.ahead:
            settle(0)
    settle(0)
    pipe.write(_encoded(fmt, pl.DataFrame(schema=schema)) if joined.empty else joined.end())


def _groups(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Frames as row groups: of `ROW_GROUP` rows, or of fewer that come to so many bytes."""
    held: list[pl.DataFrame] = []
    rows = bytes_ = 0
    for frame in frames:
        rest = frame
        while rest.height:
            given, rest = rest.head(ROW_GROUP - rows), rest.slice(ROW_GROUP - rows)
            held.append(given)
            rows, bytes_ = rows + given.height, bytes_ + int(given.estimated_size())
            if rows >= ROW_GROUP or bytes_ >= size:
                yield pl.concat(held)
                held, rows, bytes_ = [], 0, 0
    if held:
        yield pl.concat(held)


def _encoded(fmt: ParquetFormat, group: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    level = fmt.compression_level or _LEVELS.get(fmt.compression)
    group.rechunk().write_parquet(
        out,
        compression=_PARQUET[fmt.compression],
        compression_level=level,
        row_group_size=max(1, group.height),
    )
    return out.getvalue()


def _json(schema: pl.Schema, frames: Iterator[pl.DataFrame], pipe: Pipe) -> None:
    """Frame by frame: one query for the file would read far ahead of what is written (Polars 2.1), without bound."""
    made = {name: for_json(column(name), kind) for name, kind in schema.items() if not isinstance(kind, MOMENTS)}
    changed = [value.alias(name) for name, value in made.items() if value is not None]
    for frame in frames:
        frame.with_columns(moments_as_text(frame)).lazy().with_columns(changed).sink_ndjson(_file(pipe))


def _csv(fmt: CsvFormat, schema: pl.Schema, frames: Iterator[pl.DataFrame], pipe: Pipe) -> None:
    """Frame by frame, as JSON is."""
    if fmt.encoding == "utf-8-bom":
        pipe.write(BOM)
    if first := header(schema.names(), fmt):
        pipe.write(first)
    texts, plain = dict(zip(schema, fields(schema, fmt), strict=True)), Plain.of(fmt)
    for frame in frames:
        if (misfit := check(frame, fmt)) is not None:
            raise misfit
        simple = plain.columns(frame)
        frame.with_columns(simple.values()).lazy().select(
            column(name) if name in simple else text for name, text in texts.items()
        ).sink_csv(
            _file(pipe),
            include_header=False,
            separator=fmt.delimiter,
            line_terminator=line_end(fmt),
            quote_style="never",
            null_value=fmt.null_value,
        )


def _file(pipe: Pipe) -> IO[bytes]:
    """Polars needs no more of a file than a pipe offers."""
    return cast("IO[bytes]", pipe)
