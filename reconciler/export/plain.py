"""How values look in text formats: one form for each type, in CSV and in JSON.

Timestamps `2026-12-02T02:00:00.000000Z`, dates `2026-12-02`, decimals with all their places, binary as base64,
numbers as short as they can be and still mean the same.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from reconciler.datasets.columns import column, literal

_TIMESTAMP = "%Y-%m-%dT%H:%M:%S%.6fZ"
_DATE = "%Y-%m-%d"
MOMENTS = (pl.Date, pl.Datetime)
_DAYS = 2**17
"""Of a table of days, about 350 years: where they lie further apart, each is made by itself."""
_YEAR_1 = -62_135_596_800_000_000
"""Microseconds since 1970, as below."""
_YEAR_10000 = 253_402_300_800_000_000


def as_text(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """A flat column as text; null stays null."""
    match kind:
        case pl.Datetime():
            return column.dt.convert_time_zone("UTC").dt.to_string(_TIMESTAMP)
        case pl.Date():
            return column.dt.to_string(_DATE)
        case pl.Binary():
            return column.bin.encode("base64")
        case _:
            return column.cast(pl.String)


def moments_as_text(frame: pl.DataFrame) -> list[pl.Series]:
    """The flat dates and timestamps of a frame, as `as_text` makes them, for less than half the time."""
    return [_moments(each) for each in frame if isinstance(each.dtype, MOMENTS)]


def _moments(values: pl.Series) -> pl.Series:
    whole = values.to_physical()
    first, last = whole.min(), whole.max()
    match values.dtype, first, last:
        case pl.Date(), int(), int() if last - first < _DAYS:
            days = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date)
            return days.dt.to_string(_DATE).gather((whole - first).cast(pl.UInt32)).alias(values.name)
        case pl.Datetime(time_unit="us"), int(), int() if first >= _YEAR_1 and last < _YEAR_10000:
            return _timestamps(whole).alias(values.name)
        case _:
            assert isinstance(values.dtype, pl.DataType)
            return values.to_frame().select(as_text(column(values.name), values.dtype)).to_series()


def _timestamps(microseconds: pl.Series) -> pl.Series:
    """Arrow's text of times without a zone has 26 characters, a space in the middle of them."""
    array = microseconds.cast(pl.Datetime("us")).to_arrow(compat_level=pl.CompatLevel.oldest())
    text = pc.binary_replace_slice(pc.cast(array, pa.large_string()), 10, 11, "T")
    made = pl.from_arrow(pc.binary_replace_slice(text, 26, 26, "Z"))
    assert isinstance(made, pl.Series)
    return made


def for_json(column: pl.Expr, kind: pl.DataType) -> pl.Expr | None:
    """A column as the JSON writer should see it, however deep; None: as it is."""
    match kind:
        case pl.Datetime() | pl.Date() | pl.Binary() | pl.Decimal():
            return as_text(column, kind)
        case pl.List():
            inner = for_json(pl.element(), _type(kind.inner))
            return None if inner is None else column.list.eval(inner)
        case pl.Struct():
            return _struct(column, kind)
        case _:
            return None


def _struct(column: pl.Expr, kind: pl.Struct) -> pl.Expr | None:
    made = {field.name: for_json(column.struct.field(literal(field.name)), _type(field.dtype)) for field in kind.fields}
    if not any(expression is not None for expression in made.values()):
        return None
    fields = [
        (column.struct.field(literal(name)) if expression is None else expression).alias(name)
        for name, expression in made.items()
    ]
    return pl.when(column.is_not_null()).then(pl.struct(fields))


def _type(kind: object) -> pl.DataType:
    assert isinstance(kind, pl.DataType)
    return kind
