"""Declared types as the engine's."""

from __future__ import annotations

from typing import assert_never

import polars as pl

from reconciler.datasets.text import TIMESTAMP
from reconciler.values.types import ColumnType, Decimal, Flat, FlatName, ListOf, Struct, parse_type

_FLAT: dict[FlatName, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": TIMESTAMP,
    "binary": pl.Binary(),
}


def polars_type(text: str) -> pl.DataType:
    """The engine's type for a text of the type language. Raises ValueError."""
    return of_type(parse_type(text))


def of_type(of: ColumnType) -> pl.DataType:
    """The engine's type."""
    match of:
        case Flat(name):
            return _FLAT[name]
        case Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case ListOf(item):
            return pl.List(of_type(item))
        case Struct(fields):
            return pl.Struct([pl.Field(name, of_type(field)) for name, field in fields])
        case _:
            assert_never(of)


def type_name(of: pl.DataType) -> str:
    """The text of the type language for one of the types above, to be shown."""
    match of:
        case pl.Decimal():
            return f"decimal({of.precision},{of.scale})"
        case pl.List():
            return f"list<{type_name(_known(of.inner))}>"
        case pl.Struct():
            return f"struct<{', '.join(f'{each.name}: {type_name(_known(each.dtype))}' for each in of.fields)}>"
        case _:
            return next(name for name, known in _FLAT.items() if known == of)


def _known(of: object) -> pl.DataType:
    assert isinstance(of, pl.DataType)
    return of
