"""Our tree as the engine's expression, with SQL's three-valued logic and exact numbers.

Exact numbers are computed in 128-bit integers or 38-digit decimals; the check has seen to it that nothing overflows.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.text import TIMESTAMP as INSTANT
from reconciler.values.types import MAX_DIGITS, ColumnType, Decimal, Flat
from reconciler.where import tree as t
from reconciler.where.typecheck import DOUBLE, TIMESTAMP, approximate, common, exact, type_of

_COMPARE: dict[t.Comparison, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_COMPUTE: dict[t.Operator, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_FLOAT = Flat("float")


def expression(tree: t.Tree, types: Mapping[str, ColumnType]) -> pl.Expr:
    """The expression of a checked tree over columns of these types."""
    return _Translation(types).of(tree)


class _Translation:
    def __init__(self, types: Mapping[str, ColumnType]) -> None:
        self.types = types

    def of(self, tree: t.Tree) -> pl.Expr:
        match tree:
            case t.Column(name):
                return column(name)
            case t.Text(value) | t.Boolean(value):
                return pl.lit(value)
            case t.Number(number):
                return pl.lit(number, dtype=_dtype(type_of(tree, self.types)))
            case t.Date(day):
                return pl.lit(day, dtype=pl.Date())
            case t.Timestamp(instant):
                return pl.lit(instant, dtype=INSTANT)
            case t.And(terms):
                return _balanced(operator.and_, [self.of(each) for each in terms])
            case t.Or(terms):
                return _balanced(operator.or_, [self.of(each) for each in terms])
            case t.Not(operand):
                return ~self.of(operand)
            case t.Is(operand, value):
                found = self.of(operand)
                return found.is_null() if value is None else (found if value else ~found).fill_null(False)
            case t.Compare(sign, left, right):
                one, two = self._alike([left, right])
                return _COMPARE[sign](one, two)  # type: ignore[no-any-return]
            case t.Between(operand, low, high):
                found, least, most = self._alike([operand, low, high])
                return (found >= least) & (found <= most)
            case t.In(operand, values):
                return self._in(operand, values)
            case t.Like(operand, pattern, caseless):
                return _like(self.of(operand), pattern, caseless)
            case t.Concat(left, right):
                return self.of(left) + self.of(right)
            case t.Negate(operand):
                return self._negative(operand, type_of(tree, self.types))
            case t.Arithmetic(sign, left, right):
                return self._arithmetic(sign, tree, left, right)
            case t.Call():
                return self._call(tree)
            case _:
                assert_never(tree)

    def _alike(self, trees: Sequence[t.Tree]) -> list[pl.Expr]:
        """The operands in the type in which they are compared."""
        kinds = [type_of(each, self.types) for each in trees]
        kind = functools.reduce(_joined, kinds)
        if kind == DOUBLE and all(each == _FLOAT or _constant(tree) for tree, each in zip(trees, kinds, strict=True)):
            kind = _FLOAT  # as exact as the column: 0.1 means the float next to it
        return [self._as(tree, kind) for tree in trees]

    def _as(self, tree: t.Tree, kind: ColumnType) -> pl.Expr:
        found, of = self.of(tree), type_of(tree, self.types)
        if of == kind and not exact(kind):
            return found
        if kind == TIMESTAMP:
            return found.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        if exact(kind) or approximate(kind):
            return found.cast(_dtype(kind))
        return found

    def _in(self, operand: t.Tree, values: Sequence[t.Tree]) -> pl.Expr:
        found, *wanted = self._alike([operand, *values])
        if all(isinstance(each, t.Text) for each in values):
            return _among(found, [each.value for each in values if isinstance(each, t.Text)], pl.String())
        whole = [each.value for each in values if isinstance(each, t.Number) and isinstance(each.value, int)]
        if (
            len(whole) == len(values)
            and isinstance(of := exact(type_of(operand, self.types)), Decimal)
            and not of.scale
        ):
            return _among(found, whole, pl.Int128())
        return _balanced(operator.or_, [found == each for each in wanted])

    def _negative(self, tree: t.Tree, kind: ColumnType) -> pl.Expr:
        found = self._as(tree, kind)
        # The engine has no minus sign for 128-bit integers.
        return -found if approximate(kind) else pl.lit(0, dtype=_dtype(kind)) - found

    def _arithmetic(self, sign: t.Operator, tree: t.Tree, left: t.Tree, right: t.Tree) -> pl.Expr:
        kind = type_of(tree, self.types)
        if approximate(kind):
            return _COMPUTE[sign](self._as(left, DOUBLE), self._as(right, DOUBLE))  # type: ignore[no-any-return]
        return _COMPUTE[sign](self._as(left, kind), self._as(right, kind)).cast(_dtype(kind))  # type: ignore[no-any-return]

    def _call(self, tree: t.Call) -> pl.Expr:
        given = tree.arguments
        first = self.of(given[0])
        match tree.function:
            case "LOWER":
                return first.str.to_lowercase()
            case "UPPER":
                return first.str.to_uppercase()
            case "TRIM":
                return first.str.strip_chars(" ")
            case "LENGTH":
                return first.str.len_chars().cast(pl.Int64())
            case "COALESCE":
                return pl.coalesce(self._alike(given))
            case "STARTS_WITH":
                return first.str.starts_with(self.of(given[1]))
            case "ENDS_WITH":
                return first.str.ends_with(self.of(given[1]))
            case "CONTAINS":
                return first.str.contains(self.of(given[1]), literal=True)
            case "ABS":
                found = self._as(given[0], type_of(tree, self.types))
                negative = self._negative(given[0], type_of(tree, self.types))
                return pl.when(found < 0).then(negative).otherwise(found)
            case "YEAR":
                return first.dt.year().cast(pl.Int64())
            case "MONTH":
                return first.dt.month().cast(pl.Int64())
            case "DAY":
                return first.dt.day().cast(pl.Int64())
            case _:
                assert_never(tree.function)


def _dtype(kind: ColumnType) -> pl.DataType:
    """The engine's type to compute numbers in."""
    digits = exact(kind)
    if digits is None:
        return pl.Float32() if kind == _FLOAT else pl.Float64()
    return pl.Int128() if digits.scale == 0 else pl.Decimal(MAX_DIGITS, digits.scale)


def _joined(one: ColumnType, two: ColumnType) -> ColumnType:
    found = common(one, two)
    assert found is not None, "the check compares only what fits"
    return found


def _constant(tree: t.Tree) -> bool:
    return isinstance(tree.operand if isinstance(tree, t.Negate) else tree, t.Number)


def _balanced(join: Callable[[Any, Any], Any], terms: Sequence[pl.Expr]) -> pl.Expr:
    """All terms joined; thousands of them only a few levels deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return join(_balanced(join, terms[:middle]), _balanced(join, terms[middle:]))  # type: ignore[no-any-return]


def _among(found: pl.Expr, values: Sequence[object], of: pl.DataType) -> pl.Expr:
    """A table instead of thousands of comparisons; null for null."""
    return found.is_in(pl.lit(pl.Series(values, dtype=of)).implode())


def _like(operand: pl.Expr, pattern: str, caseless: bool) -> pl.Expr:
    if caseless:
        operand, pattern = operand.str.to_lowercase(), pattern.lower()
    written = "".join({"%": ".*", "_": "."}.get(char) or f"\\x{{{ord(char):X}}}" for char in pattern)
    return operand.str.contains(f"(?s)\\A{written}\\z")
