"""What JSON gave, made what was declared, however deep: texts parsed, integers narrowed.

At arrow's level, leaf by leaf.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from reconciler.datasets.text import first_misfit, parse

if TYPE_CHECKING:
    import pyarrow as pa


class _Misfit(Exception):
    """At which path."""


def reading_schema(types: Mapping[str, pl.DataType]) -> pa.Schema:
    """What the JSON reader is asked for: what has no form of its own in JSON comes as text."""
    import pyarrow as pa

    return pa.schema([(name, _read_as(kind)) for name, kind in types.items()])


def convert(table: pa.Table, types: Mapping[str, pl.DataType]) -> tuple[pl.DataFrame | None, str]:
    """The declared columns, or None and the path of a value that doesn't fit."""
    import pyarrow as pa

    columns = {}
    try:
        for name, kind in types.items():
            column = table.column(name).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = pa.concat_arrays(column.chunks)
            columns[name] = _array(column, kind, name)
    except _Misfit as path:
        return None, str(path)
    frame = pl.from_arrow(pa.table(columns), schema_overrides=dict(types))
    assert isinstance(frame, pl.DataFrame)
    return frame, ""


def _read_as(kind: pl.DataType) -> pa.DataType:
    import pyarrow as pa

    match kind:
        case pl.List():
            return pa.list_(_read_as(_inner(kind)))
        case pl.Struct():
            return pa.struct([(field.name, _read_as(_resolved(field.dtype))) for field in kind.fields])
        case pl.Boolean():
            return pa.bool_()
        case pl.Int32() | pl.Int64():
            return pa.int64()
        case pl.Float32() | pl.Float64():
            return pa.float64()
        case pl.Decimal():
            # From numbers and from texts, exactly: arrow refuses what it would have to round.
            return pa.decimal128(kind.precision or 38, kind.scale)
        case _:
            return pa.string()


def _array(array: pa.Array, kind: pl.DataType, path: str) -> pa.Array:
    import pyarrow as pa

    match kind:
        case pl.List():
            values = _array(array.values, _inner(kind), f"{path}[]")
            return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null())
        case pl.Struct():
            fields = [
                _array(array.field(index), _resolved(field.dtype), f"{path}.{field.name}")
                for index, field in enumerate(kind.fields)
            ]
            return pa.StructArray.from_arrays(fields, names=[field.name for field in kind.fields], mask=array.is_null())
        case pl.String() | pl.Boolean() | pl.Int64() | pl.Float64() | pl.Decimal():
            return array
        case _:
            return _checked(array, kind, path)


def _checked(array: pa.Array, kind: pl.DataType, path: str) -> pa.Array:
    before = pl.Series("value", array)
    after = parse(before, kind) if before.dtype == pl.String else before.cast(kind, strict=False)
    if first_misfit(before, after) is not None:
        raise _Misfit(path)
    return after.to_arrow()


def _inner(kind: pl.List) -> pl.DataType:
    return _resolved(kind.inner)


def _resolved(kind: object) -> pl.DataType:
    assert isinstance(kind, pl.DataType)
    return kind
