"""JSON Lines files as typed batches: streamed, strict, in the order of the file.

A line is one JSON object in UTF-8; empty lines don't count. Keys that aren't declared are skipped; a declared key
that a line lacks is null there, but must be somewhere in a file unless it is optional.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from reconciler.datasets.base import Access
from reconciler.datasets.convert import convert, reading_schema
from reconciler.datasets.problems import named, problem
from reconciler.datasets.streams import LONGEST_LINE, Text, open_text
from reconciler.datasets.wanted import Wanted
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 4 * 2**20
_BLANK = b" \t\r\n"
_BLANK_LINES = re.compile(rb"\n[ \t\r\n]+")
_MISFITS = ("changed from", "Failed to convert", "too big", "decimal128")


class _Misfit(Exception):
    """Why a block of lines can't be read; holds no content."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def read_json(access: Access, file: PinnedFile, wanted: Wanted) -> Iterator[tuple[pl.DataFrame, int]]:
    """Batches of `wanted.types`, with the bytes of the file read so far. Raises `SourceError` F104-F111, F116."""
    schema = reading_schema(wanted.types)
    unseen = set(wanted.required)
    line, rows = 1, 0
    with open_text(access, file) as text:
        for block in _blocks(text, file):
            try:
                frame = _parse(block, schema, wanted)
            except _Misfit as why:
                raise _located(file, block, line, schema, wanted, why) from None
            line += block.count(b"\n")
            rows += frame.height
            if frame.height:
                unseen -= {name for name in unseen if _mentions(block, name)}
                yield frame, text.consumed
    if rows and unseen:
        raise problem("F106", f"No line of {named(file.path)} has the key {min(unseen)!r}.")


def count_lines(access: Access, file: PinnedFile) -> Iterator[tuple[int, int]]:
    """Rows per block, with the bytes of the file read so far, without looking into the lines."""
    with open_text(access, file) as text:
        for block in _blocks(text, file):
            yield _objects(block), text.consumed


def keys_of(access: Access, file: PinnedFile) -> set[str]:
    """The keys of all lines. Raises `SourceError` F104, F105, F110, F111, F116."""
    found: set[str] = set()
    with open_text(access, file) as text:
        for block in _blocks(text, file):
            if _objects(block):
                found |= _keys(block, file)
    return found


def _keys(block: bytes, file: PinnedFile) -> set[str]:
    import pyarrow as pa
    import pyarrow.json as pajson

    try:
        whole = pajson.ReadOptions(use_threads=False, block_size=len(block) + 1)
        return set(pajson.read_json(pa.BufferReader(block), read_options=whole).column_names)
    except pa.ArrowException:
        # One key with values of several types, which is fine where it isn't declared.
        lines = (line for line in block.splitlines() if line.strip())
        try:
            return {key for line in lines for key in json.loads(line)}
        except ValueError:
            raise problem("F110", f"A line of {named(file.path)} isn't one JSON object.") from None


def _blocks(text: Text, file: PinnedFile) -> Iterator[bytes]:
    """Whole lines, a few MiB at a time."""
    rest = b""
    first = True
    while data := text.read(_BLOCK):
        if first:
            data, first = data.removeprefix(b"\xef\xbb\xbf"), False
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest += data
        if len(rest) > LONGEST_LINE:
            raise problem("F110", f"A line of {named(file.path)} is longer than {LONGEST_LINE >> 20} MiB.")
    if rest:
        yield rest


def _parse(block: bytes, schema: pa.Schema, wanted: Wanted) -> pl.DataFrame:
    """Raises _Misfit."""
    import pyarrow as pa
    import pyarrow.json as pajson

    expected = _objects(block)
    if not expected:
        return pl.DataFrame(schema=dict(wanted.types))
    try:
        block.decode()
        table = pajson.read_json(
            pa.BufferReader(block),
            read_options=pajson.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except UnicodeDecodeError:
        raise _Misfit("F110", "isn't UTF-8") from None
    except pa.ArrowException as error:
        raise _said(str(error)) from None
    if wanted.types and table.num_rows != expected:
        raise _Misfit("F110", "isn't exactly one JSON object")
    if not wanted.types:
        # Rows count even where every declared column stands in the path.
        return pl.DataFrame({"": pl.repeat(None, expected, eager=True)})
    converted, path = convert(table, wanted.types)
    if converted is None:
        raise _Misfit("F109", f"has a value at {path} that isn't of the declared type")
    return converted


def _said(message: str) -> _Misfit:
    """Arrow's words without the content that they may quote: columns are declared, so their names may be said."""
    if any(hint in message for hint in _MISFITS):
        column = message.partition("Column(/")[2].partition(")")[0].replace("/", ".")
        return _Misfit("F109", f"has a value{f' at {column}' if column else ''} that isn't of the declared type")
    if "specified twice" in message:
        return _Misfit("F108", "has a key twice")
    return _Misfit("F110", "isn't exactly one JSON object")


def _located(file: PinnedFile, block: bytes, first: int, schema: pa.Schema, wanted: Wanted, why: _Misfit) -> Exception:
    """The error with its line, found by halving: what a line means doesn't depend on the others."""
    lines = block.split(b"\n")
    low, high = 0, len(lines)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _parse(b"\n".join(lines[low:middle]) + b"\n", schema, wanted)
            low = middle
        except _Misfit as found:
            high, why = middle, found
    try:
        _parse(lines[low] + b"\n", schema, wanted)
    except _Misfit as found:
        why = found
    return problem(why.code, f"Line {first + low} of {named(file.path)} {why}.")


def _objects(block: bytes) -> int:
    """Lines that aren't blank."""
    lines = _BLANK_LINES.sub(b"\n", block).strip(_BLANK)
    return lines.count(b"\n") + 1 if lines else 0


def _mentions(block: bytes, name: str) -> bool:
    """Whether the key occurs: as text, or with everything beyond ASCII escaped."""
    return json.dumps(name, ensure_ascii=False).encode() in block or json.dumps(name).encode() in block
