"""Parquet's types as declared ones, and the type that several files' columns widen to; by the rules of `fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.datasets.infer_types import NoType
from reconciler.values.types import MAX_DIGITS, ColumnType, Decimal, Flat, FlatName, ListOf, Struct

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS: Final[dict[FlatName, int]] = {"int": 10, "long": 20}
_WIDER: Final[dict[frozenset[FlatName], FlatName]] = {
    frozenset({"int", "long"}): "long",
    frozenset({"int", "double"}): "double",
    frozenset({"int", "float"}): "double",
    frozenset({"float", "double"}): "double",
}


def column_type(of: pa.DataType) -> ColumnType | None:
    """The declared type that holds it; None for Arrow's null type. Raises `NoType`."""
    import pyarrow.types as pat

    if pat.is_dictionary(of):
        return column_type(of.value_type)
    if pat.is_null(of):
        return None
    if pat.is_decimal(of):
        if of.precision > MAX_DIGITS or not 0 <= of.scale <= of.precision:
            raise NoType(f"it is {of}, and decimals have at most {MAX_DIGITS} digits")
        return Decimal(of.precision, of.scale)
    if pat.is_list(of) or pat.is_large_list(of) or pat.is_fixed_size_list(of):
        return ListOf(column_type(of.value_type) or Flat("string"))
    if pat.is_struct(of):
        return _struct(of)
    return _flat(of)


def type_text(of: pa.DataType) -> tuple[str, ...]:
    """The declared type that holds it, as text, or Arrow's name for what none holds; nothing for the null type."""
    try:
        found = column_type(of)
    except NoType:
        return (str(of),)
    return () if found is None else (str(found),)


def widened(one: ColumnType | None, other: ColumnType | None) -> ColumnType | None:
    """The type that both fit; None where both are unknown. Raises `NoType`."""
    match one, other:
        case (None, known) | (known, None):
            return known
        case ListOf(first), ListOf(second):
            return ListOf(widened(first, second) or Flat("string"))
        case Struct(), Struct():
            return _common(one, other)
        case Flat(first), Flat(second) if first != second and frozenset({first, second}) in _WIDER:
            return Flat(_WIDER[frozenset({first, second})])
        case (Decimal() | Flat(), Decimal() | Flat()) if one != other:
            return _decimal(one, other)
    if one == other:
        return one
    raise NoType(f"it is {one} in one file and {other} in another")


def _flat(of: pa.DataType) -> ColumnType:
    import pyarrow.types as pat

    if pat.is_integer(of):
        bits = of.bit_width + pat.is_unsigned_integer(of)
        return Flat("int") if bits <= 32 else Flat("long") if bits <= 64 else Decimal(20, 0)
    checks: tuple[tuple[FlatName, tuple[str, ...]], ...] = (
        ("string", ("string", "large_string", "string_view")),
        ("boolean", ("boolean",)),
        ("float", ("float16", "float32")),
        ("double", ("float64",)),
        ("date", ("date",)),
        ("timestamp", ("timestamp",)),
        ("binary", ("binary", "large_binary", "binary_view", "fixed_size_binary")),
    )
    for name, kinds in checks:
        if any(getattr(pat, f"is_{kind}")(of) for kind in kinds):
            return Flat(name)
    raise NoType(f"it is {str(of)[:60]}, which no declared type holds")


def _struct(of: pa.DataType) -> Struct:
    fields = [of.field(index) for index in range(of.num_fields)]
    if not fields:
        raise NoType("it is a struct without fields")
    return Struct(tuple((each.name, column_type(each.type) or Flat("string")) for each in fields))


def _common(one: Struct, other: Struct) -> Struct:
    """The fields that both have: a declared field must be in every file."""
    known = dict(other.fields)
    fields = [(name, widened(of, known[name]) or Flat("string")) for name, of in one.fields if name in known]
    if not fields:
        raise NoType("its structs have no field in common")
    return Struct(tuple(fields))


def _decimal(one: Decimal | Flat, other: Decimal | Flat) -> Decimal:
    wanted = [each if isinstance(each, Decimal) else _whole(each) for each in (one, other)]
    if any(each is None for each in wanted) or not any(isinstance(each, Decimal) for each in (one, other)):
        raise NoType(f"it is {one} in one file and {other} in another")
    sizes = [each for each in wanted if each is not None]
    scale = max(each.scale for each in sizes)
    before = max(each.precision - each.scale for each in sizes)
    if before + scale > MAX_DIGITS:
        raise NoType(f"it is {one} in one file and {other} in another, which together have too many digits")
    return Decimal(before + scale, scale)


def _whole(of: Flat) -> Decimal | None:
    return Decimal(_DIGITS[of.name], 0) if of.name in _DIGITS else None
