"""Whether a Parquet file's type fits a declared one, and how to get from one to the other without loss.

What is widened: integers to larger ones and to doubles that hold them exactly, float to double, decimals to more
digits, every way to store text, bytes and lists to the plain one, timestamps of any unit and zone to UTC microseconds
(none: taken as UTC). Fields that aren't declared are dropped from structs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import polars as pl

from reconciler.datasets.columns import literal
from reconciler.datasets.infer_arrow import type_text
from reconciler.datasets.types import type_name

if TYPE_CHECKING:
    import pyarrow as pa

Step = Callable[[pl.Expr], pl.Expr]
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}


class Unfit(Exception):
    """`path` of the column or nested field, `found` the file's type there (None: the field is missing), `declared` ours; as text."""

    def __init__(self, path: str, found: pa.DataType | None, declared: pl.DataType) -> None:
        super().__init__(path)
        self.path = path
        self.found = None if found is None else "".join(type_text(found))
        self.declared = type_name(declared)


def fit(found: pa.DataType, declared: pl.DataType, path: str, *, lacking: bool = False) -> Step | None:
    """What makes a column of the type `found` one of the declared type; None: it is already. Raises `Unfit`.

    `lacking`: a field that a struct lacks is null.
    """
    import pyarrow.types as pat

    if pat.is_dictionary(found):
        fit(found.value_type, declared, path, lacking=lacking)
        return _cast(declared)
    if pat.is_null(found):
        return _cast(declared)
    match declared:
        case pl.List():
            return _list(found, declared, path, lacking)
        case pl.Struct():
            return _struct(found, declared, path, lacking)
        case pl.Datetime():
            if pat.is_timestamp(found):
                return _utc(found.tz, found.unit)
        case _:
            if _same(found, declared):
                return None
            if _widens(found, declared):
                return _cast(declared)
    raise Unfit(path, found, declared)


def _cast(declared: pl.DataType) -> Step:
    return lambda column: column.cast(declared)


def _utc(zone: str | None, unit: str) -> Step | None:
    if zone == "UTC" and unit == "us":
        return None
    if zone is None:
        return lambda column: column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return lambda column: column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")


def _same(found: pa.DataType, declared: pl.DataType) -> bool:
    import pyarrow.types as pat

    match declared:
        case pl.String():
            return bool(pat.is_string(found) or pat.is_large_string(found) or pat.is_string_view(found))
        case pl.Binary():
            return bool(
                pat.is_binary(found)
                or pat.is_large_binary(found)
                or pat.is_binary_view(found)
                or pat.is_fixed_size_binary(found)
            )
        case pl.Boolean():
            return bool(pat.is_boolean(found))
        case pl.Date():
            return bool(pat.is_date32(found))
        case pl.Int32():
            return bool(pat.is_int32(found))
        case pl.Int64():
            return bool(pat.is_int64(found))
        case pl.Float32():
            return bool(pat.is_float32(found))
        case pl.Float64():
            return bool(pat.is_float64(found))
        case pl.Decimal():
            return bool(
                pat.is_decimal(found) and (found.precision, found.scale) == (declared.precision, declared.scale)
            )
        case _:
            return False


def _widens(found: pa.DataType, declared: pl.DataType) -> bool:
    import pyarrow.types as pat

    whole = pat.is_integer(found)
    bits = found.bit_width if whole else 0
    # An unsigned integer needs one bit more.
    needed = bits + bool(whole and pat.is_unsigned_integer(found))
    match declared:
        case pl.Int32():
            return whole and needed <= 32
        case pl.Int64():
            return whole and needed <= 64
        case pl.Float32():
            return bool(pat.is_float16(found)) or (whole and needed <= 17)
        case pl.Float64():
            return bool(pat.is_float16(found) or pat.is_float32(found)) or (whole and needed <= 33)
        case pl.Date():
            return bool(pat.is_date64(found))
        case pl.Decimal():
            before = (declared.precision or 38) - declared.scale
            if pat.is_decimal(found):
                return bool(found.scale <= declared.scale and found.precision - found.scale <= before)
            return whole and _DIGITS[bits] <= before
        case _:
            return False


def _list(found: pa.DataType, declared: pl.List, path: str, lacking: bool) -> Step | None:
    import pyarrow.types as pat

    fixed = pat.is_fixed_size_list(found)
    if not (fixed or pat.is_list(found) or pat.is_large_list(found)):
        raise Unfit(path, found, declared)
    inner = declared.inner
    assert isinstance(inner, pl.DataType)
    step = fit(found.value_type, inner, f"{path}[]", lacking=lacking)
    if step is None:
        return (lambda column: column.arr.to_list()) if fixed else None
    plain: Step = (lambda column: column.arr.to_list()) if fixed else (lambda column: column)
    return lambda column: plain(column).list.eval(step(pl.element()))


def _struct(found: pa.DataType, declared: pl.Struct, path: str, lacking: bool) -> Step | None:
    import pyarrow.types as pat

    if not pat.is_struct(found):
        raise Unfit(path, found, declared)
    steps: dict[str, Step | None] = {}
    absent: dict[str, pl.DataType] = {}
    for field in declared.fields:
        index = found.get_field_index(field.name)
        assert isinstance(field.dtype, pl.DataType)
        if index < 0 and not lacking:
            raise Unfit(f"{path}.{field.name}", None, declared)
        if index < 0:
            absent[field.name], steps[field.name] = field.dtype, None
            continue
        steps[field.name] = fit(found.field(index).type, field.dtype, f"{path}.{field.name}", lacking=lacking)
    if not any(steps.values()) and [found.field(index).name for index in range(found.num_fields)] == list(steps):
        return None

    def rebuild(column: pl.Expr) -> pl.Expr:
        fields = [
            (
                pl.lit(None, dtype=absent[name])
                if name in absent
                else _stepped(column.struct.field(literal(name)), step)
            ).alias(name)
            for name, step in steps.items()
        ]
        return pl.when(column.is_not_null()).then(pl.struct(fields))

    return rebuild


def _stepped(column: pl.Expr, step: Step | None) -> pl.Expr:
    return column if step is None else step(column)
