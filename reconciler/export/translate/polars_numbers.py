"""Numbers in Polars. Exact ones are held as whole numbers of units of their last place, in 64 or 128 bits.

`12.50` of a `decimal(10,2)` is 1250. Whole numbers have no rounding and no precision of their own, and the check has seen
to it that nothing passes 38 digits, so that nothing overflows.
"""

from __future__ import annotations

import decimal

import polars as pl

from reconciler.values.types import ColumnType, Decimal
from reconciler.where.kinds import DOUBLE, FLOAT, INT, LONG, SHORT, bounds, exact

_EXACT_DIGITS = 15
"""Of a whole number that a double holds exactly, as it does the power of ten to divide it by."""


def dtype(kind: ColumnType) -> pl.DataType:
    """What numbers of a type are held in."""
    if kind in (INT, LONG):
        return pl.Int64()
    digits = exact(kind)
    if digits is None:
        return pl.Float32() if kind == FLOAT else pl.Float64()
    return pl.Int64() if digits.precision <= SHORT else pl.Int128()


def held(values: pl.Expr, kind: ColumnType) -> pl.Expr:
    """A dataset's numbers of the declared type, as they are held."""
    if isinstance(kind, Decimal):
        units = values.to_physical()
        return units.cast(pl.Int64()) if kind.precision <= SHORT else units
    return values.cast(pl.Int64()) if kind == INT else values


def literal(value: int | decimal.Decimal, kind: ColumnType) -> pl.Expr:
    """A number that is written out, in a type that holds it."""
    digits = exact(kind)
    if digits is None:
        return pl.lit(float(value), dtype=dtype(kind))
    return pl.lit(units(value, digits.scale), dtype=dtype(kind))


def units(value: int | decimal.Decimal, scale: int) -> int:
    """A number in units of the last of `scale` places."""
    return int(decimal.Decimal(value).scaleb(scale, decimal.Context(prec=80)))


def widened(values: pl.Expr, kind: ColumnType, to: ColumnType) -> pl.Expr:
    """Numbers in a type that holds them all."""
    found, wanted = exact(kind), exact(to)
    if found is None:
        return values.cast(dtype(to)) if kind != to else values
    if wanted is None:
        return _floating(values, found).cast(dtype(to)) if to != DOUBLE else _floating(values, found)
    same = values if dtype(kind) == dtype(to) else values.cast(dtype(to))
    up = wanted.scale - found.scale
    return same * pl.lit(10**up, dtype=dtype(to)) if up else same


def negative(values: pl.Expr, kind: ColumnType) -> pl.Expr:
    """With the other sign. The engine has no minus sign for 128 bits."""
    return -values if exact(kind) is None else pl.lit(0, dtype=dtype(kind)) - values


def divided(values: pl.Expr, by: pl.Expr) -> pl.Expr:
    """Divided by one number. The engine would multiply by its reciprocal, which isn't the same."""
    return values / pl.when(values.is_not_null()).then(by)


def remainder(left: pl.Expr, right: pl.Expr, kind: ColumnType) -> pl.Expr:
    """With the sign of the left side, null for zero; both in the type `kind`. The engine's own has the right side's."""
    rest = left.abs() % right.abs()
    return pl.when(right != 0).then(pl.when(left < 0).then(negative(rest, kind)).otherwise(rest))


def rounded(values: pl.Expr, kind: Decimal, places: int) -> pl.Expr:
    """To fewer places, halves away from zero; still held as `kind` is."""
    if places >= kind.scale:
        return values
    step = pl.lit(10 ** (kind.scale - places), dtype=dtype(kind))
    return (values.abs() + step // 2) // step * values.sign()


def floored(values: pl.Expr, kind: Decimal) -> pl.Expr:
    """The whole numbers below or equal, held as `kind` is."""
    return values // pl.lit(10**kind.scale, dtype=dtype(kind)) if kind.scale else values


def ceiled(values: pl.Expr, kind: Decimal) -> pl.Expr:
    """The whole numbers above or equal, held as `kind` is."""
    return negative(floored(negative(values, kind), kind), kind) if kind.scale else values


def floating_rounded(values: pl.Expr, places: int) -> pl.Expr:
    """Doubles to so many places, halves away from zero; what has no room for places stays as it is."""
    if not places:
        return values.round(0, mode="half_away_from_zero")
    moved = values * 10.0**places
    nearest = moved.round(0, mode="half_away_from_zero")
    return pl.when(moved.is_finite()).then(divided(nearest, pl.lit(10.0**places))).otherwise(values)


def fitted(values: pl.Expr, kind: Decimal, to: ColumnType) -> pl.Expr:
    """Exact numbers in a type that may be too small: rounded, and null where they don't fit."""
    wanted = exact(to)
    assert wanted is not None
    whole = values.cast(pl.Int128())
    wide = Decimal(38, kind.scale)
    up = wanted.scale - kind.scale
    if up > 0:
        room = (10**wanted.precision - 1) // 10**up
        whole = pl.when(whole.is_between(_lit(-room), _lit(room))).then(whole) * _lit(10**up)
    return _bounded(rounded(whole, wide, wanted.scale), to)


def fitted_floating(values: pl.Expr, to: ColumnType) -> pl.Expr:
    """Doubles in an exact type: rounded, and null where they don't fit or aren't numbers."""
    wanted = exact(to)
    assert wanted is not None
    moved = values * 10.0**wanted.scale if wanted.scale else values
    return _bounded(moved.round(0, mode="half_away_from_zero").cast(pl.Int128(), strict=False), to)


def digits(values: pl.Expr, kind: Decimal) -> pl.Expr:
    """Exact numbers as text, with all their places."""
    if not kind.scale:
        return values.cast(pl.String())
    text = values.abs().cast(pl.String()).str.zfill(kind.scale + 1)
    sign = pl.when(values < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return sign + text.str.head(-kind.scale) + pl.lit(".") + text.str.tail(kind.scale)


def _floating(values: pl.Expr, kind: Decimal) -> pl.Expr:
    """The nearest doubles."""
    if not kind.scale:
        return values.cast(pl.Float64())
    if kind.precision <= _EXACT_DIGITS:
        return divided(values.cast(pl.Float64()), pl.lit(10.0**kind.scale))
    return (values.cast(pl.String()) + pl.lit(f"e-{kind.scale}")).cast(pl.Float64())


def _bounded(whole: pl.Expr, to: ColumnType) -> pl.Expr:
    least, most = bounds(to)
    return pl.when(whole.is_between(_lit(least), _lit(most))).then(whole).cast(dtype(to))


def _lit(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int128())
