"""One file's frames into a staged file: row groups and pieces of text are encoded on all cores, and text is compressed meanwhile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Literal, assert_never, cast

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.problems import problem
from reconciler.destinations.base import FileSink
from reconciler.export.ahead import InOrder
from reconciler.export.budget import USUAL, Budget
from reconciler.export.csv_plain import Plain
from reconciler.export.csv_text import BOM, ENCODINGS, check, fields, header, line_end
from reconciler.export.packing import packer
from reconciler.export.pipe import Pipe
from reconciler.export.plain import MOMENTS, for_json, moments_as_text
from reconciler.export.splice import Splice
from reconciler.export.split import FRAME
from reconciler.resources.formats import CsvFormat, JsonFormat, ParquetFormat

AnyFormat = ParquetFormat | JsonFormat | CsvFormat
Blocks = Sequence[bytes]
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
    """Where row groups and text are encoded. `size`: bytes of a group in memory at most; `ahead`: how many of a file while the next one
    fills."""

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
    with nullcontext(by) if by is not None else encoders() as pool:
        pipe = _pipe(fmt, sink, pool)
        try:
            match fmt:
                case ParquetFormat():
                    _parquet(fmt, schema, frames, pipe, pool)
                case JsonFormat():
                    _json(schema, frames, pipe, pool)
                case CsvFormat():
                    _csv(fmt, schema, frames, pipe, pool)
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


def _pipe(fmt: AnyFormat, sink: FileSink, by: Encoders) -> Pipe:
    match fmt:
        case ParquetFormat():
            return Pipe(sink, ahead=True)
        case JsonFormat():
            return Pipe(sink, packer(fmt.compression, fmt.compression_level, by.pool, 2 * by.ahead), ahead=True)
        case CsvFormat():
            packed = packer(fmt.compression, fmt.compression_level, by.pool, 2 * by.ahead)
            return Pipe(sink, packed, ENCODINGS[fmt.encoding], ahead=True)
        case _:
            assert_never(fmt)


def _parquet(fmt: ParquetFormat, schema: pl.Schema, frames: Frames, pipe: Pipe, by: Encoders) -> None:
    joined = Splice()
    encoded = InOrder(partial(_encoded, fmt), lambda file: pipe.write(joined.add(file)), by.pool, by.ahead)
    for group in _groups(frames(_written(encoded, pipe)), by.size):
        encoded.add(group)
    encoded.settle()
    pipe.write(_encoded(fmt, pl.DataFrame(schema=schema)) if joined.empty else joined.end())


def _written(encoded: InOrder[Any, Any], pipe: Pipe) -> Callable[[], int]:
    def written() -> int:
        encoded.settle()
        return pipe.settled()

    return written


def _groups(frames: Iterator[pl.DataFrame], size: int) -> Iterator[pl.DataFrame]:
    """Frames as row groups: of `ROW_GROUP` rows, or of fewer that come to so many bytes."""
    held: list[pl.DataFrame] = []
    rows, bytes_ = 0, 0.0
    for frame in frames:
        rest, each = frame, int(frame.estimated_size()) / max(1, frame.height)
        while rest.height:
            given, rest = rest.head(ROW_GROUP - rows), rest.slice(ROW_GROUP - rows)
            held.append(given)
            rows, bytes_ = rows + given.height, bytes_ + each * given.height
            if rows >= ROW_GROUP or bytes_ >= size:
                yield pl.concat(held)
                held, rows, bytes_ = [], 0, 0.0
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


def _json(schema: pl.Schema, frames: Frames, pipe: Pipe, by: Encoders) -> None:
    """Piece by piece: one query for the file would read far ahead of what is written (Polars 2.1), without bound."""
    made = {name: for_json(column(name), kind) for name, kind in schema.items() if not isinstance(kind, MOMENTS)}
    changed = [value.alias(name) for name, value in made.items() if value is not None]

    def text(frame: pl.DataFrame) -> Blocks:
        out = _Collected()
        frame.with_columns(moments_as_text(frame)).lazy().with_columns(changed).sink_ndjson(out.file)
        return out.blocks

    _text(text, frames, pipe, by)


def _csv(fmt: CsvFormat, schema: pl.Schema, frames: Frames, pipe: Pipe, by: Encoders) -> None:
    """Piece by piece, as JSON is."""
    if fmt.encoding == "utf-8-bom":
        pipe.write(BOM)
    if first := header(schema.names(), fmt):
        pipe.write(first)
    texts, plain = dict(zip(schema, fields(schema, fmt), strict=True)), Plain.of(fmt)

    def text(frame: pl.DataFrame) -> Blocks:
        if (misfit := check(frame, fmt)) is not None:
            raise misfit
        simple = plain.columns(frame)
        out = _Collected()
        frame.with_columns(simple.values()).lazy().select(
            column(name) if name in simple else value for name, value in texts.items()
        ).sink_csv(
            out.file,
            include_header=False,
            separator=fmt.delimiter,
            line_terminator=line_end(fmt),
            quote_style="never",
            null_value=fmt.null_value,
        )
        return out.blocks

    _text(text, frames, pipe, by)


def _text(encode: Callable[[pl.DataFrame], Blocks], frames: Frames, pipe: Pipe, by: Encoders) -> None:
    def put(blocks: Blocks) -> None:
        for block in blocks:
            pipe.write(block)

    encoded = InOrder(encode, put, by.pool, by.ahead)
    most = by.size // 2  # text takes several times as much as what it is made of
    for frame in frames(_written(encoded, pipe)):
        rows = max(1, frame.height * most // max(1, int(frame.estimated_size()))) if most < FRAME else 0
        for piece in frame.iter_slices(rows) if rows else (frame,):
            encoded.add(piece)
    encoded.settle()


class _Collected:
    """What Polars writes, block by block: one growing buffer would be copied again and again."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.mode = "wb"

    @property
    def file(self) -> IO[bytes]:
        """Polars needs no more of a file than this offers."""
        return cast("IO[bytes]", self)

    def write(self, data: bytes | memoryview, /) -> int:
        self.blocks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """It stays as it is."""
