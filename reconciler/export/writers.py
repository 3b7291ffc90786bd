"""One file's frames through Polars' streaming sinks, which serialise and compress on all cores, into a staged file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import IO, Literal, assert_never, cast

import polars as pl
from polars.io.plugins import register_io_source

from reconciler.datasets.problems import problem
from reconciler.destinations.base import FileSink
from reconciler.export.csv_text import BOM, ENCODINGS, check, fields, header, line_end
from reconciler.export.pipe import Pipe, compressor
from reconciler.export.plain import for_json
from reconciler.resources.formats import CsvFormat, JsonFormat, ParquetFormat

AnyFormat = ParquetFormat | JsonFormat | CsvFormat
Frames = Callable[[Callable[[], int]], Iterator[pl.DataFrame]]
"""Given a function that says how many bytes are written, one file's frames."""

ROW_GROUP = 122_880
_PARQUET: Mapping[str, Literal["uncompressed", "snappy", "gzip", "zstd"]] = {"none": "uncompressed", "snappy": "snappy", "gzip": "gzip", "zstd": "zstd"}


def write(fmt: AnyFormat, schema: pl.Schema, frames: Frames, sink: FileSink, *, stepwise: bool = False) -> None:
    """Writes a whole file, even where there are no frames; the sink is neither finished nor aborted.

    `stepwise`: text is written frame by frame, so that `frames` knows how much is written; slower, for there is less to do at once.
    Raises what the sink and `frames` raise, as it is, and `SourceError` F112, F114, F115.
    """
    pipe = _pipe(fmt, schema, sink)
    failed: list[BaseException] = []

    def read(*_asked: object) -> Iterator[pl.DataFrame]:
        try:
            for frame in frames(lambda: pipe.written):
                if pipe.failure is not None:
                    return
                if isinstance(fmt, CsvFormat) and (misfit := check(frame, fmt)) is not None:
                    raise misfit
                yield frame
        except BaseException as error:
            failed.append(error)
            raise

    file = cast("IO[bytes]", pipe)
    try:
        if stepwise and not isinstance(fmt, ParquetFormat):
            for frame in read():
                _sink(fmt, schema, frame.lazy(), file)
        else:
            _sink(fmt, schema, register_io_source(read, schema=schema), file)
    except BaseException as error:
        pipe.refuse()
        raise (pipe.failure or (failed[0] if failed else error)) from None
    pipe.end()


def check_types(fmt: AnyFormat, schema: pl.Schema) -> None:
    """Raises `SourceError` F112 where a column has no form in the format, F114 where a column's name has none."""
    if isinstance(fmt, CsvFormat):
        fields(schema, fmt)
        header(schema.names(), fmt)
    elif isinstance(fmt, ParquetFormat) and any(isinstance(kind, pl.Struct) and not kind.fields for kind in schema.values()):
        raise problem("F112", "A struct without fields has no form in Parquet.")


def _pipe(fmt: AnyFormat, schema: pl.Schema, sink: FileSink) -> Pipe:
    match fmt:
        case ParquetFormat():
            return Pipe(sink)
        case JsonFormat():
            return Pipe(sink, compressor(fmt.compression))
        case CsvFormat():
            pipe = Pipe(sink, compressor(fmt.compression), ENCODINGS[fmt.encoding], BOM if fmt.encoding == "utf-8-bom" else b"")
            if first := header(schema.names(), fmt):
                pipe.write(first)
            return pipe
        case _:
            assert_never(fmt)


def _sink(fmt: AnyFormat, schema: pl.Schema, rows: pl.LazyFrame, file: IO[bytes]) -> None:
    match fmt:
        case ParquetFormat():
            rows.sink_parquet(file, compression=_PARQUET[fmt.compression], row_group_size=ROW_GROUP)
        case JsonFormat():
            made = {name: for_json(pl.col(name), kind) for name, kind in schema.items()}
            rows.with_columns(value.alias(name) for name, value in made.items() if value is not None).sink_ndjson(file)
        case CsvFormat():
            rows.select(fields(schema, fmt)).sink_csv(
                file,
                include_header=False,
                separator=fmt.delimiter,
                line_terminator=line_end(fmt),
                quote_style="never",
            )
        case _:
            assert_never(fmt)
