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
from reconciler.datasets.names import twin
from reconciler.datasets.problems import named, problem
from reconciler.datasets.streams import LONGEST_LINE, Text, open_text
from reconciler.datasets.text import first_misfit, parse
from reconciler.datasets.wanted import Wanted
from reconciler.errors import SourceError
from reconciler.resources.dataset import CsvReading
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import pyarrow.csv as pacsv

_BOM = b"\xef\xbb\xbf"
_HEADER = 2**20
_BLOCK = 4 * 2**20
_ROW = re.compile(r"Row #(\d+)")


def read_csv(
    access: Access, file: PinnedFile, wanted: Wanted, reading: CsvReading
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Batches of `wanted.types`, with the bytes of the file read so far. Raises `SourceError` F104-F111, F116."""
    row = 2
    for header, block, consumed in _blocks(access, file, wanted, reading):
        present = [name for name in header if name in wanted.types]
        frame = _records(file, block, header, present or header[:1], reading, row)
        columns = [
            _typed(file, frame[name], kind, row)
            if name in present
            else pl.repeat(None, frame.height, dtype=kind, eager=True).alias(name)
            for name, kind in wanted.types.items()
        ]
        yield (pl.DataFrame(columns) if columns else frame), consumed
        row += frame.height


def count_records(access: Access, file: PinnedFile, wanted: Wanted, reading: CsvReading) -> int:
    """Checks the header and counts the rows, not what is in them. Raises `SourceError` F104-F111, F116."""
    rows = 0
    for header, block, _ in _blocks(access, file, wanted, reading):
        rows += _records(file, block, header, header[:1], reading, rows + 2).height
    return rows


def header_of(access: Access, file: PinnedFile, wanted: Wanted, reading: CsvReading) -> list[str]:
    """The names of all columns. Raises `SourceError` F104-F106, F108, F110, F111, F116."""
    quote = reading.quote.encode()
    with open_text(access, file) as text:
        for block in _whole_records(text, file, quote):
            header = _header(file, block[: _first_end(block, quote)], reading)
            _check(file, header, wanted)
            if not wanted.types.keys() & set(header):
                # The first line may be somebody's.
                raise problem("F106", f"{named(file.path)} has none of the declared columns in its header.")
            return header
    raise _empty(file)


def _empty(file: PinnedFile) -> SourceError:
    return problem("F105", f"{named(file.path)} is empty: it doesn't even have a header.")


def _blocks(
    access: Access, file: PinnedFile, wanted: Wanted, reading: CsvReading
) -> Iterator[tuple[list[str], bytes, int]]:
    """The header's names, whole records a few MiB at a time, and the bytes read so far. No rows: none."""
    header: list[str] | None = None
    with open_text(access, file) as text:
        for block in _whole_records(text, file, reading.quote.encode()):
            if header is None:
                end = _first_end(block, reading.quote.encode())
                header = _header(file, block[:end], reading)
                _check(file, header, wanted)
                block = block[end:]
            if block.strip(b"\r\n"):
                yield header, block, text.consumed
    if header is None:
        raise _empty(file)


def _whole_records(text: Text, file: PinnedFile, quote: bytes) -> Iterator[bytes]:
    """Cuts after line ends that aren't in quotes: before those, the number of quotes is even."""
    rest = b""
    first = True
    while data := text.read(_BLOCK):
        if first:
            data, first = data.removeprefix(_BOM), False
        rest += data
        if cut := _last_end(rest, quote):
            yield rest[:cut]
            rest = rest[cut:]
        if len(rest) > LONGEST_LINE:
            raise problem("F110", f"A row of {named(file.path)} is longer than {LONGEST_LINE >> 20} MiB.")
    if rest.count(quote) % 2:
        raise problem("F110", f"A quote in {named(file.path)} is never closed, or stands in a field without quotes.")
    if rest:
        yield rest


def _last_end(block: bytes, quote: bytes) -> int:
    """Just after the last line end outside of quotes; 0: none."""
    quotes = block.count(quote)
    end = len(block)
    while (cut := block.rfind(b"\n", 0, end) + 1) and (quotes := quotes - block.count(quote, cut, end)) % 2:
        end = cut - 1
    return cut


def _first_end(block: bytes, quote: bytes) -> int:
    """Just after the first line end outside of quotes, or the end."""
    start = quotes = 0
    while cut := block.find(b"\n", start) + 1:
        quotes += block.count(quote, start, cut)
        if quotes % 2 == 0:
            return cut
        start = cut
    return len(block)


def _header(file: PinnedFile, line: bytes, reading: CsvReading) -> list[str]:
    if len(line) > _HEADER:
        raise problem("F110", f"The header of {named(file.path)} is longer than 1 MiB.")
    try:
        lines = io.StringIO(line.decode(), newline="")
        found = list(csv.reader(lines, delimiter=reading.delimiter, quotechar=reading.quote, strict=True))
    except UnicodeDecodeError:
        raise problem("F105", f"The header of {named(file.path)} isn't UTF-8.") from None
    except csv.Error:
        raise problem("F110", f"The header of {named(file.path)} isn't a CSV record.") from None
    if len(found) != 1 or not found[0]:
        raise problem("F110", f"The header of {named(file.path)} isn't one line that ends with a line feed.")
    return found[0]


def _check(file: PinnedFile, header: list[str], wanted: Wanted) -> None:
    """What is missing first: in a file without a header, the first line is somebody's, so that no name of it is repeated."""
    for name in sorted(wanted.required - set(header)):
        raise problem("F106", f"{named(file.path)} has no column {name!r} in its header.")
    if twice := twin(header):
        name = header[twice[0]]
        called = f" {name!r}" if name in wanted.types or name in wanted.required else ""
        raise problem(
            "F108", f"{named(file.path)} names a column{called} twice: columns {twice[0] + 1} and {twice[1] + 1}."
        )


def _records(
    file: PinnedFile, block: bytes, header: list[str], read: list[str], reading: CsvReading, first: int
) -> pl.DataFrame:
    """The columns `read` as text. Errors are said without the text that arrow quotes in them."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    misfit: list[pacsv.InvalidRow] = []

    def remember(row: pacsv.InvalidRow) -> str:
        misfit.append(row)
        return "error"

    if block.startswith(_BOM):
        block = (
            _BOM + block
        )  # arrow takes one away at the start of whatever it is given, and this one is somebody's text
    try:
        table = pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=header),
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
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _said(file, str(error), misfit, first) from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _said(file: PinnedFile, message: str, misfit: list[pacsv.InvalidRow], first: int) -> SourceError:
    """An arrow error without the content that it may quote. Arrow counts rows in a block from 1."""
    found = _ROW.search(message)
    number = misfit[0].number if misfit else int(found[1]) if found else None
    place = f"A row of {named(file.path)}"
    if number is not None:
        place = f"Row {first + number - 1} of {named(file.path)} (the header is row 1)"
    if misfit:
        return problem("F110", f"{place} has {misfit[0].actual_columns} fields, not {misfit[0].expected_columns}.")
    return problem("F110", f"{place} isn't {'UTF-8' if 'UTF8' in message else 'a CSV record'}.")


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
