"""How values look in text formats: one form for each type, in CSV and in JSON.

Timestamps `2026-12-02T02:00:00.000000Z`, dates `2026-12-02`, decimals with all their places, binary as base64,
numbers as short as they can be and still mean the same.
"""

from __future__ import annotations

import polars as pl

from reconciler.datasets.columns import literal

_TIMESTAMP = "%Y-%m-%dT%H:%M:%S%.6fZ"
_DATE = "%Y-%m-%d"


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
