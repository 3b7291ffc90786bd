"""Our tree as Polars' expression, with SQL's three-valued logic and exact numbers."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Sequence
from typing import Any, assert_never

import polars as pl

from reconciler.datasets.columns import column, literal
from reconciler.datasets.text import TIMESTAMP as INSTANT
from reconciler.datasets.text import typed
from reconciler.datasets.types import of_type
from reconciler.export.translate import polars_moments as moments
from reconciler.export.translate import polars_numbers as numbers
from reconciler.export.translate import polars_text as texts
from reconciler.values.types import ColumnType, ListOf
from reconciler.where import kinds
from reconciler.where import tree as t
from reconciler.where.kinds import compared, exact, kind_of, numeric
from reconciler.where.regex import portable
from reconciler.where.typecalls import places

_COMPARE: dict[t.Comparison, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_COMPUTE: dict[t.Operator, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def expression(tree: t.Tree) -> pl.Expr:
    """The expression of a checked tree. Exact numbers come as `polars_numbers` holds them, all else as it is."""
    match tree:
        case t.Column():
            return _column(tree)
        case t.Text() | t.Number() | t.Boolean() | t.Date() | t.Timestamp() | t.Null():
            return _constant(tree)
        case t.And(terms):
            return _balanced(operator.and_, [expression(each) for each in terms])
        case t.Or(terms):
            return _balanced(operator.or_, [expression(each) for each in terms])
        case t.Not(operand):
            return ~expression(operand)
        case t.Compare() | t.Distinct() | t.In() | t.Between() | t.Is() | t.Like():
            return _predicate(tree)
        case t.Concat(left, right):
            return expression(left) + expression(right)
        case t.Negate(operand):
            kind = kind_of(tree)
            return numbers.negative(_as(operand, kind), kind)
        case t.Arithmetic():
            return _arithmetic(tree)
        case t.Shift(operand, count, step):
            return moments.shifted(expression(operand), kind_of(operand), count, step)
        case t.Case():
            return _case(tree)
        case t.Cast():
            return _cast(tree)
        case t.Extract(part, operand):
            return moments.part(expression(operand), kind_of(operand), part)
        case t.Truncate(unit, operand):
            return moments.truncated(expression(operand), kind_of(operand), unit)
        case t.Call():
            return _call(tree)
        case _:
            assert_never(tree)


def _column(tree: t.Column) -> pl.Expr:
    found = column(tree.name)
    for field in tree.fields:
        found = found.struct.field(literal(field))
    kind = kind_of(tree)
    return numbers.held(found, kind) if numeric(kind) else found


def _constant(tree: t.Constant) -> pl.Expr:
    match tree:
        case t.Text(value) | t.Boolean(value):
            return pl.lit(value)
        case t.Number(number):
            return numbers.literal(number, kind_of(tree))
        case t.Date(day):
            return pl.lit(day, dtype=pl.Date())
        case t.Timestamp(instant):
            return pl.lit(instant, dtype=INSTANT)
        case t.Null():
            return pl.lit(None, dtype=_dtype(kind_of(tree)))
        case _:
            assert_never(tree)


def _dtype(kind: ColumnType) -> pl.DataType:
    return numbers.dtype(kind) if numeric(kind) else of_type(kind)


def _as(tree: t.Tree, kind: ColumnType) -> pl.Expr:
    """A tree's values in a type that holds them all."""
    found = kind_of(tree)
    if found == kind:
        return expression(tree)
    if kind == kinds.TIMESTAMP:
        return moments.as_time(expression(tree))
    if not numeric(kind):
        return expression(tree)
    if exact(kind) is None and kinds.constant(tree):
        return numbers.literal(_value(tree), kind)
    return numbers.widened(expression(tree), found, kind)


def _alike(trees: Sequence[t.Tree]) -> list[pl.Expr]:
    """Operands in the type in which they are compared."""
    kind = compared(trees)
    return [_as(each, kind) for each in trees]


def _predicate(tree: t.Compare | t.Distinct | t.In | t.Between | t.Is | t.Like) -> pl.Expr:
    match tree:
        case t.Is(operand, value):
            found = expression(operand)
            return found.is_null() if value is None else (found if value else ~found).fill_null(False)
        case t.Compare(sign, left, right):
            one, two = _alike([left, right])
            return _COMPARE[sign](one, two)  # type: ignore[no-any-return]
        case t.Distinct(left, right):
            one, two = _alike([left, right])
            return one.ne_missing(two)
        case t.Between(operand, low, high):
            found, least, most = _alike([operand, low, high])
            return (found >= least) & (found <= most)
        case t.In(operand, values):
            return _in(operand, values)
        case t.Like(operand, pattern, caseless):
            return texts.like(expression(operand), pattern, caseless)
        case _:
            assert_never(tree)


def _in(operand: t.Tree, values: Sequence[t.Tree]) -> pl.Expr:
    """A table instead of thousands of comparisons; null for null."""
    kind = compared([operand, *values])
    digits = exact(kind)
    given: list[object] = []
    for each in values:
        value = _value(each)
        if digits is not None:
            value = numbers.units(value, digits.scale)
        elif kind == kinds.TIMESTAMP and isinstance(each, t.Date):
            value = datetime.datetime.combine(value, datetime.time(), datetime.UTC)
        given.append(float(value) if kinds.approximate(kind) else value)
    return _as(operand, kind).is_in(pl.lit(pl.Series(given, dtype=_dtype(kind))).implode())


def _value(tree: t.Tree) -> Any:
    """What a constant says."""
    if isinstance(tree, t.Negate):
        return -_value(tree.operand)
    assert isinstance(tree, t.Text | t.Number | t.Boolean | t.Date | t.Timestamp)
    return tree.value


def _arithmetic(tree: t.Arithmetic) -> pl.Expr:
    left, right, sign = tree.left, tree.right, tree.operator
    kind = kind_of(tree)
    if kind_of(left) == kinds.DATE:
        return moments.days(expression(left), expression(right))
    if sign == "/":
        return _quotient(left, right)
    if sign == "%":
        wide = max((exact(kind_of(each)) for each in (left, right)), key=lambda each: each.precision if each else 0)
        assert wide is not None
        return numbers.remainder(_as(left, wide), _as(right, wide), wide).cast(numbers.dtype(kind))
    if sign == "*" and exact(kind) is not None:  # places add up
        one, two = (expression(each).cast(numbers.dtype(kind)) for each in (left, right))
        return one * two
    return _COMPUTE[sign](_as(left, kind), _as(right, kind))  # type: ignore[no-any-return]


def _quotient(left: t.Tree, right: t.Tree) -> pl.Expr:
    above, below = _as(left, kinds.DOUBLE), _as(right, kinds.DOUBLE)
    if below.meta.root_names():
        return pl.when(below != 0).then(above / below)
    by = pl.select(below).item()
    if not by:
        return pl.lit(None, dtype=pl.Float64())
    if above.meta.root_names():
        return numbers.divided(above, pl.lit(by, dtype=pl.Float64()))
    given = pl.select(above).item()
    return pl.lit(None if given is None else given / by, dtype=pl.Float64())


def _case(tree: t.Case) -> pl.Expr:
    kind = kind_of(tree)
    tests = [test for test, _ in tree.whens]
    if tree.operand is None:
        conditions = [expression(each) for each in tests]
    else:
        operand, *values = _alike([tree.operand, *tests])
        conditions = [operand == each for each in values]
    found = pl.lit(None, dtype=_dtype(kind)) if tree.otherwise is None else _as(tree.otherwise, kind)
    for condition, (_, result) in reversed(list(zip(conditions, tree.whens, strict=True))):
        found = pl.when(condition).then(_as(result, kind)).otherwise(found)
    return found


def _cast(tree: t.Cast) -> pl.Expr:
    found, to = kind_of(tree.operand), tree.to
    values = expression(tree.operand)
    if found == to:
        return values
    if found == kinds.STRING:
        read = typed(values, of_type(to))
        return numbers.held(read, to) if numeric(to) else read
    if to == kinds.STRING:
        if (digits := exact(found)) is not None:
            return numbers.digits(values, digits)
        return values.cast(pl.String()) if found == kinds.BOOLEAN else moments.as_text(values, found)
    if to == kinds.DATE:
        return moments.as_date(values)
    if to == kinds.TIMESTAMP:
        return moments.as_time(values)
    if found == kinds.BOOLEAN:
        return values.cast(pl.Int64())
    if exact(to) is None:
        return _as(tree.operand, to)
    if (digits := exact(found)) is not None:
        return numbers.fitted(values, digits, to)
    return numbers.fitted_floating(_as(tree.operand, kinds.DOUBLE), to)


def _call(tree: t.Call) -> pl.Expr:
    given = tree.arguments
    match tree.function:
        case "ABS" | "ROUND" | "FLOOR" | "CEIL":
            return _number_call(tree)
        case "COALESCE":
            return pl.coalesce([_as(each, kind_of(tree)) for each in given])
        case "NULLIF":
            one, two = _alike(given)
            return pl.when(one.ne_missing(two)).then(expression(given[0]))
        case "CONTAINS" if isinstance(kind := kind_of(given[0]), ListOf):
            return _list_contains(given[0], kind.item, given[1])
        case "LENGTH" if isinstance(kind_of(given[0]), ListOf):
            return expression(given[0]).list.len().cast(pl.Int64())
        case _:
            return _text_call(tree)


def _list_contains(items: t.Tree, item: ColumnType, value: t.Tree) -> pl.Expr:
    element = t.Column("", of=item)
    kind = compared([element, value])
    inner = numbers.held(pl.element(), item) if numeric(item) else pl.element()
    if item != kind:
        inner = moments.as_time(inner) if kind == kinds.TIMESTAMP else numbers.widened(inner, item, kind)
    return expression(items).list.eval(inner).list.contains(_as(value, kind), nulls_equal=False)


def _number_call(tree: t.Call) -> pl.Expr:
    operand, kind = tree.arguments[0], kind_of(tree)
    found, to = exact(kind_of(operand)), exact(kind)
    if tree.function == "ABS":
        return _as(operand, kind).abs()
    if found is None or to is None:
        values = _as(operand, kinds.DOUBLE)
        match tree.function:
            case "ROUND":
                return numbers.floating_rounded(values, places(tree))
            case "FLOOR":
                return values.floor()
            case _:
                return values.ceil()
    values = _as(operand, found)
    match tree.function:
        case "ROUND":
            values = numbers.rounded(values, found, to.scale)
        case "FLOOR":
            values = numbers.floored(values, found)
        case _:
            values = numbers.ceiled(values, found)
    return values.cast(numbers.dtype(to))


def _text_call(tree: t.Call) -> pl.Expr:
    first, *rest = [expression(each) for each in tree.arguments]
    plain: list[Any] = [each.value for each in tree.arguments[1:] if isinstance(each, t.Text | t.Number)]
    match tree.function:
        case "LOWER":
            return texts.lower(first)
        case "UPPER":
            return first.str.to_uppercase()
        case "TRIM":
            return first.str.strip_chars(" ")
        case "LTRIM":
            return first.str.strip_chars_start(" ")
        case "RTRIM":
            return first.str.strip_chars_end(" ")
        case "LENGTH":
            return first.str.len_chars().cast(pl.Int64())
        case "SUBSTRING":
            return first.str.slice(plain[0] - 1, plain[1] if len(plain) == 2 else None)
        case "LEFT":
            return first.str.head(plain[0])
        case "RIGHT":
            return first.str.tail(plain[0])
        case "REPLACE":
            return first.str.replace_all(plain[0], plain[1], literal=True)
        case "SPLIT_PART":
            return texts.split_part(first, plain[0], plain[1])
        case "CONCAT":
            return pl.concat_str([each.fill_null("") for each in (first, *rest)])
        case "STARTS_WITH":
            return first.str.starts_with(rest[0])
        case "ENDS_WITH":
            return first.str.ends_with(rest[0])
        case "CONTAINS":
            return first.str.contains(rest[0], literal=True)
        case "REGEXP_MATCHES":
            return first.str.contains(portable(plain[0]))
        case _:
            raise AssertionError(tree.function)


def _balanced(join: Callable[[Any, Any], Any], terms: Sequence[pl.Expr]) -> pl.Expr:
    """All terms joined; thousands of them only a few levels deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return join(_balanced(join, terms[:middle]), _balanced(join, terms[middle:]))  # type: ignore[no-any-return]
