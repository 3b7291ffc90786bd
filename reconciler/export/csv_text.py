"""Rows as CSV fields. Every field is made here, quotes included, so that all of a format's options mean what they say.

docs/formats.md says how each type looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.problems import problem
from reconciler.errors import SourceError
from reconciler.export.plain import as_text
from reconciler.resources.formats import CsvFormat

ENCODINGS: Mapping[str, str] = {
    "utf-8": "utf-8",
    "utf-8-bom": "utf-8",
    "utf-16le": "utf-16-le",
    "iso-8859-1": "iso-8859-1",
    "windows-1252": "cp1252",
}
BOM = b"\xef\xbb\xbf"
_FORMULA = "^[=+@\t\r-]"
_IN_NUMBERS = re.compile(r"[0-9A-Za-z+.:/=-]")


def fields(schema: pl.Schema, fmt: CsvFormat) -> list[pl.Expr]:
    """One text column per column, without nulls, quoted where needed. Raises `SourceError` F112 for nested types."""
    return [_field(name, kind, fmt) for name, kind in schema.items()]


def header(names: list[str], fmt: CsvFormat) -> bytes:
    """The first line, in UTF-8. Raises `SourceError` F114."""
    if not fmt.header:
        return b""
    for name in names:
        if unencodable(name, fmt):
            raise problem("F114", f"The column name {name!r} has a character that {fmt.encoding} doesn't have.")
    row = pl.DataFrame({str(index): [name] for index, name in enumerate(names)})
    plain = fmt.model_copy(update={"formulas": "raw"})
    texts = row.select(fields(row.schema, plain)).row(0)
    return (fmt.delimiter.join(texts) + line_end(fmt)).encode()


def bare(fmt: CsvFormat) -> bool:
    """Whether numbers, dates and booleans never need quotes: they do where a delimiter, a quote or a reserved word has their characters."""
    return not _IN_NUMBERS.search(fmt.delimiter + fmt.quote + (fmt.escape or "") + fmt.null_value + fmt.empty_value)


def line_end(fmt: CsvFormat) -> str:
    """What ends each line."""
    return "\r\n" if fmt.line_ending == "crlf" else "\n"


def check(frame: pl.DataFrame, fmt: CsvFormat) -> SourceError | None:
    """What in a frame can't be written: a character beyond the encoding, or a row that would be an empty line."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    if (pattern := _beyond(fmt)) and texts:
        found = frame.select(column(name).str.contains(pattern).any() for name in texts).row(0, named=True)
        for name in (name for name in texts if found[name]):
            return problem("F114", f"The column {name!r} holds a character that {fmt.encoding} doesn't have.")
    if frame.width == 1:
        only = frame.to_series()
        if (not fmt.null_value and only.null_count()) or (not fmt.empty_value and (only.cast(pl.String) == "").any()):
            return problem(
                "F115", f"{only.name!r} is the only column, and in some row there would be nothing to write."
            )
    return None


def unencodable(text: str, fmt: CsvFormat) -> bool:
    """Whether the encoding lacks one of the characters."""
    try:
        text.encode(ENCODINGS[fmt.encoding])
    except UnicodeEncodeError:
        return True
    return False


def _beyond(fmt: CsvFormat) -> str | None:
    """A pattern of the characters that a one-byte encoding lacks; None: it has all."""
    codec = ENCODINGS[fmt.encoding]
    if codec.startswith("utf-"):
        return None
    known = [ord(char) for code in range(256) if (char := bytes([code]).decode(codec, "ignore"))]
    return "[^" + "".join(rf"\x{{{code:X}}}" for code in known) + "]"


def _field(name: str, kind: pl.DataType, fmt: CsvFormat) -> pl.Expr:
    if kind.is_nested():
        raise problem("F112", f"{name!r} is a list, struct or map: CSV has no form for it.")
    text = column(name) if kind == pl.String else as_text(column(name), kind)
    if kind == pl.String and fmt.formulas == "neutralise":
        text = pl.when(text.str.contains(_FORMULA)).then("'" + text).otherwise(text)
    if kind in (pl.String, pl.Binary) or not bare(fmt):
        text = pl.when(text == "").then(pl.lit(fmt.empty_value)).otherwise(_quoted(text, fmt))
    return text.fill_null(fmt.null_value).alias(name)


def _quoted(text: pl.Expr, fmt: CsvFormat) -> pl.Expr:
    """In quotes where it holds what ends a field or line, has space around it, or looks like null or empty."""
    special = "".join(re.escape(char) for char in {fmt.delimiter, fmt.quote, fmt.escape or fmt.quote})
    needs = text.str.contains(rf"[{special}\r\n]|^\s|\s$")
    for reserved in {fmt.null_value, fmt.empty_value} - {""}:
        needs = needs | (text == reserved)
    escape = fmt.escape or fmt.quote
    inside = text
    if fmt.escape and fmt.escape != fmt.quote:
        inside = inside.str.replace_all(fmt.escape, fmt.escape * 2, literal=True)
    inside = inside.str.replace_all(fmt.quote, escape + fmt.quote, literal=True)
    return pl.when(needs).then(fmt.quote + inside + fmt.quote).otherwise(text)
