"""CSV files as typed batches: streamed, strict, in the order of the file.

Fields are told apart by pyarrow; what they mean is decided by `text.parse`. A field without quotes that equals
`nullValue` is null; one in quotes is text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.problems import named, problem
from reconciler.datasets.streams import LONGEST_LINE, Text, open_text
from reconciler.datasets.text import first_misfit, parse
from reconciler.datasets.wanted import Wanted
from reconciler.errors import SourceError
from reconciler.resources.dataset import CsvReading
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import pyarrow as pa

_HEADER = 2**20
_ROW = re.compile(r"Row #(\d+)")
_COLUMN = re.compile(r"CSV column #(\d+)")


def read_csv(
    access: Access, file: PinnedFile, wanted: Wanted, reading: CsvReading
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Batches of `wanted.types`, with the bytes of the file read so far. Raises `SourceError` F105-F111, F116."""
    header, any_rows = csv_header(access, file, reading)
    _check(file, header, wanted)
    if not any_rows:
        return
    present = [name for name in header if name in wanted.types]
    with open_text(access, file) as text:
        row = 2
        for batch in _records(text, file, present or header[:1], reading):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            columns = [
                _typed(file, frame[name], kind, row)
                if name in present
                else pl.repeat(None, frame.height, dtype=kind, eager=True).alias(name)
                for name, kind in wanted.types.items()
            ]
            yield (pl.DataFrame(columns) if columns else frame), text.consumed
            row += frame.height


def csv_header(access: Access, file: PinnedFile, reading: CsvReading) -> tuple[list[str], bool]:
    """The names in the first line, and whether anything follows it. Raises `SourceError` F105, F110."""
    with open_text(access, file) as text:
        start = _start(text)
    if not start:
        raise problem("F105", f"{named(file.path)} is empty: it doesn't even have a header.")
    # What isn't UTF-8 further down is found, with its row, when the rows are read.
    decoded = start.decode("utf-8-sig", "surrogateescape")
    lines = io.StringIO(decoded, newline="")
    try:
        header = next(csv.reader(lines, delimiter=reading.delimiter, quotechar=reading.quote, strict=True))
    except (csv.Error, StopIteration) as error:
        raise problem("F110", f"The header of {named(file.path)} isn't a CSV record of at most 1 MiB.") from error
    if any("\ud800" <= char <= "\udfff" for name in header for char in name):
        raise problem("F105", f"The header of {named(file.path)} isn't UTF-8.")
    return header, bool(lines.read(1))


def _start(text: Text) -> bytes:
    pieces = bytearray()
    while len(pieces) < _HEADER and (data := text.read(_HEADER - len(pieces))):
        pieces += data
    return bytes(pieces)


def _check(file: PinnedFile, header: list[str], wanted: Wanted) -> None:
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise problem("F108", f"{named(file.path)} has the column {name!r} twice.")
        seen.add(name)
    for name in sorted(wanted.required - seen):
        raise problem("F106", f"{named(file.path)} has no column {name!r} in its header.")


def _records(text: Text, file: PinnedFile, read: list[str], reading: CsvReading) -> Iterator[pa.RecordBatch]:
    """The columns `read` as text. Errors are said without the text that arrow quotes in them."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    misfit: list[str] = []

    def remember(row: pacsv.InvalidRow) -> str:
        misfit.append(
            f"row {row.number} of {named(file.path)} has {row.actual_columns} fields, not {row.expected_columns}"
        )
        return "error"

    paired = _Paired(text, reading.quote)
    try:
        yield from pacsv.open_csv(
            pa.PythonFile(paired, mode="r"),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=LONGEST_LINE),
            parse_options=pacsv.ParseOptions(
                delimiter=reading.delimiter,
                quote_char=reading.quote,
                newlines_in_values=True,
                invalid_row_handler=remember,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(read, pa.string()),
                include_columns=read,
                null_values=[reading.null_value],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except SourceError:
        raise
    except (pa.ArrowException, UnicodeDecodeError, KeyError) as error:
        raise _said(file, str(error), misfit) from None
    if paired.open:
        raise problem(
            "F110", f"A quote in {named(file.path)} is never closed, or stands inside a field without quotes."
        )


def _said(file: PinnedFile, message: str, misfit: list[str]) -> SourceError:
    """An arrow error without the content that it may quote."""
    if misfit:
        return problem("F110", f"Line {misfit[0]} (the header is row 1).".replace("Line row", "Row"))
    row = _ROW.search(message)
    place = f"Row {row[1]} of {named(file.path)} (the header is row 1)" if row else f"A row of {named(file.path)}"
    if "UTF8" in message:
        column = _COLUMN.search(message)
        where = f", field {int(column[1]) + 1}" if column else ""
        return problem("F110", f"{place}{where}, isn't UTF-8.")
    if "straddling" in message:
        return problem("F110", f"A row of {named(file.path)} is longer than {LONGEST_LINE >> 20} MiB.")
    return problem("F110", f"{place} isn't a CSV record.")


def _typed(file: PinnedFile, text: pl.Series, kind: pl.DataType, first: int) -> pl.Series:
    if kind not in (pl.String, pl.Binary):
        # Writers that put every field in quotes have no other way to say null.
        text = text.replace("", None)
    parsed = parse(text, kind)
    index = first_misfit(text, parsed)
    if index is not None:
        place = f"Row {first + index} of {named(file.path)} (the header is row 1)"
        raise problem("F109", f"{place}: the field {text.name!r} isn't {_called(kind)}.")
    return parsed


def _called(kind: pl.DataType) -> str:
    return {"Int32": "an int", "Int64": "a long", "Float32": "a float", "Float64": "a double"}.get(
        str(kind), f"a {str(kind).split('(')[0].lower().replace('datetime', 'timestamp')}"
    )


class _Paired:
    """Notices a file with an odd number of quotes: pyarrow would take everything after the last one as text."""

    def __init__(self, text: Text, quote: str) -> None:
        self._text = text
        self._quote = quote.encode()
        self.open = False
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        data = self._text.read(size)
        self.open ^= bool(data.count(self._quote) % 2)
        return data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """`open_text` closes the file."""
