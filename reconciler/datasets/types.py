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
