"""Our tree as DuckDB's SQL: names in quotes, values bound, never a word of the user's text."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from reconciler.export.translate import duckdb_values as values
from reconciler.export.translate.lowered import lowered
from reconciler.values.types import ColumnType, Decimal, ListOf
from reconciler.where import kinds
from reconciler.where import tree as t
from reconciler.where.kinds import compared, exact, kind_of, numeric
from reconciler.where.patterns import written
from reconciler.where.regex import portable
from reconciler.where.typecalls import places


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression in brackets, and the values of its parameters by name (`$w1` is `w1`), as DuckDB binds them."""

    text: str
    parameters: Mapping[str, str | int | float | bool]


def sql(tree: t.Tree, prefix: str = "w") -> Sql:
    """The SQL of a checked tree over columns named and typed as declared; `prefix` begins its parameters' names.

    Exact numbers come as decimals and times without a zone, in UTC.
    """
    writer = _Writer(prefix)
    return Sql(f"({writer.of(tree)})", writer.parameters)


class _Writer:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.parameters: dict[str, str | int | float | bool] = {}

    def of(self, tree: t.Tree) -> str:
        match tree:
            case t.Column():
                return self._column(tree)
            case t.Text() | t.Number() | t.Boolean() | t.Date() | t.Timestamp() | t.Null():
                return self._constant(tree)
            case t.And(terms):
                return _balanced("AND", [self.of(each) for each in terms])
            case t.Or(terms):
                return _balanced("OR", [self.of(each) for each in terms])
            case t.Not(operand):
                return f"(NOT {self.of(operand)})"
            case t.Compare() | t.Distinct() | t.In() | t.Between() | t.Is() | t.Like():
                return f"({self._predicate(tree)})"
            case t.Concat(left, right):
                return f"({self.of(left)} || {self.of(right)})"
            case t.Negate(operand):
                return f"(-{self._as(operand, kind_of(tree))})"
            case t.Arithmetic():
                return f"({self._arithmetic(tree)})"
            case t.Shift(operand, count, step):
                return values.shifted(self.of(operand), kind_of(operand), count, step)
            case t.Case():
                return self._case(tree)
            case t.Cast():
                return self._cast(tree)
            case t.Extract(part, operand):
                return values.part(self.of(operand), kind_of(operand), part)
            case t.Truncate(unit, operand):
                return values.truncated(self.of(operand), kind_of(operand), unit)
            case t.Call():
                return self._call(tree)
            case _:
                assert_never(tree)

    def _bound(self, value: str | int | float | bool, of: str) -> str:
        name = f"{self.prefix}{len(self.parameters) + 1}"
        self.parameters[name] = value
        return f"CAST(${name} AS {of})"

    def _column(self, tree: t.Column) -> str:
        found = values.identifier(tree.name)
        for field in tree.fields:
            found = f"struct_extract({found}, {values.text(field)})"
        return values.held(found, kind_of(tree))

    def _constant(self, tree: t.Constant) -> str:
        match tree:
            case t.Text(text):
                return self._bound(text, "VARCHAR")
            case t.Boolean(truth):
                return self._bound(truth, "BOOLEAN")
            case t.Number(number):
                text = str(number) if isinstance(number, int) else format(number, "f")  # never by way of a float
                return self._bound(text, values.name(kind_of(tree)))
            case t.Date(day):
                return self._bound(day.isoformat(), "DATE")
            case t.Timestamp(instant):
                naive = instant.astimezone(datetime.UTC).replace(tzinfo=None)
                return self._bound(naive.isoformat(" "), "TIMESTAMP")
            case t.Null():
                return f"CAST(NULL AS {values.name(kind_of(tree))})"
            case _:
                assert_never(tree)

    def _as(self, tree: t.Tree, kind: ColumnType) -> str:
        """A tree's values in a type that holds them all."""
        found = kind_of(tree)
        if found == kind:
            return self.of(tree)
        if exact(kind) is None and numeric(kind) and kinds.constant(tree):
            number = tree.operand if isinstance(tree, t.Negate) else tree
            assert isinstance(number, t.Number)
            value = float(-number.value if isinstance(tree, t.Negate) else number.value)
            return f"CAST({self._bound(value, 'DOUBLE')} AS {values.name(kind)})"
        return _converted(self.of(tree), found, kind)

    def _alike(self, trees: Sequence[t.Tree]) -> list[str]:
        kind = compared(trees)
        return [self._as(each, kind) for each in trees]

    def _predicate(self, tree: t.Compare | t.Distinct | t.In | t.Between | t.Is | t.Like) -> str:
        match tree:
            case t.Is(operand, value):
                return f"{self.of(operand)} IS {'NULL' if value is None else str(value).upper()}"
            case t.Compare(sign, left, right):
                return f" {sign} ".join(self._alike([left, right]))
            case t.Distinct(left, right):
                return " IS DISTINCT FROM ".join(self._alike([left, right]))
            case t.Between(operand, low, high):
                found, least, most = self._alike([operand, low, high])
                return f"{found} BETWEEN {least} AND {most}"
            case t.In(operand, given):
                found, *rest = self._alike([operand, *given])
                return f"{found} IN ({', '.join(rest)})"
            case t.Like(operand, pattern, caseless):
                if caseless:
                    pattern = tuple(lowered(each) if isinstance(each, str) else each for each in pattern)
                text, escape = written(pattern)
                found = f"lower({self.of(operand)})" if caseless else self.of(operand)
                behind = f" ESCAPE {values.text(escape)}" if escape else ""
                return f"{found} LIKE {self._bound(text, 'VARCHAR')}{behind}"
            case _:
                assert_never(tree)

    def _arithmetic(self, tree: t.Arithmetic) -> str:
        left, right, sign, kind = tree.left, tree.right, tree.operator, kind_of(tree)
        if kind_of(left) == kinds.DATE:
            one, two = (values.usable(self.of(each), kinds.DATE) for each in (left, right))
            return values.cast(f"({one}) - ({two})", kind)
        if sign == "/":
            return f"{self._as(left, kinds.DOUBLE)} / NULLIF({self._as(right, kinds.DOUBLE)}, 0)"
        if sign == "%":
            wide = Decimal(max(each.precision for each in map(exact, map(kind_of, (left, right))) if each), 0)
            return values.cast(f"{self._as(left, wide)} % NULLIF({self._as(right, wide)}, 0)", kind)
        if sign == "*" and (digits := exact(kind)) is not None:  # digits and places add up
            one = self.of(left)
            known, other = (exact(kind_of(each)) for each in (left, right))
            assert known is not None
            assert other is not None
            if max(known.precision, other.precision) <= kinds.SHORT < digits.precision:  # or 64 bits overflow
                one = values.cast(one, Decimal(kinds.SHORT + 1, known.scale))
            return values.cast(f"{one} * {self.of(right)}", kind)
        found = f"{self._as(left, kind)} {sign} {self._as(right, kind)}"
        return values.cast(found, kind) if exact(kind) is not None else found

    def _case(self, tree: t.Case) -> str:
        kind = kind_of(tree)
        tests = [test for test, _ in tree.whens]
        if tree.operand is None:
            first, conditions = "", [self.of(each) for each in tests]
        else:
            operand, *conditions = self._alike([tree.operand, *tests])
            first = f" {operand}"
        results = [self._as(result, kind) for _, result in tree.whens]
        pairs = "".join(f" WHEN {test} THEN {result}" for test, result in zip(conditions, results, strict=True))
        last = "" if tree.otherwise is None else f" ELSE {self._as(tree.otherwise, kind)}"
        return f"CASE{first}{pairs}{last} END"

    def _cast(self, tree: t.Cast) -> str:
        found, to = kind_of(tree.operand), tree.to
        if numeric(to) and exact(to) is None and found != kinds.STRING:
            return self._as(tree.operand, to)
        if kinds.approximate(found) and exact(to) is not None:
            return values.fitted_floating(self._as(tree.operand, kinds.DOUBLE), to)
        given = self.of(tree.operand)
        if found == to:
            return given
        if found == kinds.STRING:
            return values.parsed(given, to)
        if to == kinds.STRING:
            if (digits := exact(found)) is not None:
                return values.digits(given, digits)
            return f"CAST({given} AS VARCHAR)" if found == kinds.BOOLEAN else values.as_text(given, found)
        if kinds.moment(to):
            return values.as_date(given) if to == kinds.DATE else values.as_time(given)
        if found == kinds.BOOLEAN:
            return values.cast(f"CAST({given} AS INTEGER)", to)
        return values.fitted(given, to)

    def _call(self, tree: t.Call) -> str:
        given = tree.arguments
        match tree.function:
            case "ABS" | "ROUND" | "FLOOR" | "CEIL":
                return self._number_call(tree)
            case "COALESCE":
                return f"COALESCE({', '.join(self._as(each, kind_of(tree)) for each in given)})"
            case "NULLIF":
                one, two = self._alike(given)
                return f"CASE WHEN {one} IS DISTINCT FROM {two} THEN {self.of(given[0])} END"
            case "CONTAINS" if isinstance(kind := kind_of(given[0]), ListOf):
                return self._list_contains(given[0], kind.item, given[1])
            case "LENGTH" if isinstance(kind_of(given[0]), ListOf):
                return values.cast(f"len({self.of(given[0])})", kind_of(tree))
            case _:
                return self._text_call(tree)

    def _list_contains(self, items: t.Tree, item: ColumnType, value: t.Tree) -> str:
        kind = compared([t.Column("", of=item), value])
        element = _converted(values.held("e", item), item, kind) if item != kind else values.held("e", item)
        return f"list_contains(list_transform({self.of(items)}, lambda e: {element}), {self._as(value, kind)})"

    def _number_call(self, tree: t.Call) -> str:
        operand, kind = tree.arguments[0], kind_of(tree)
        found, name = exact(kind_of(operand)), tree.function.lower()
        if name == "abs":
            return f"abs({self._as(operand, kind)})"
        if found is None:
            given = self._as(operand, kinds.DOUBLE)
            return values.rounded(given, places(tree)) if name == "round" else f"{name}({given})"
        given = self._as(operand, found)
        if found == kind:
            return given
        return values.cast(f"round({given}, {places(tree)})" if name == "round" else f"{name}({given})", kind)

    def _text_call(self, tree: t.Call) -> str:
        first, *rest = tree.arguments
        given = self.of(first)
        match tree.function:
            case "UPPER":
                return values.upper(given)
            case "TRIM" | "LTRIM" | "RTRIM":
                return f"{tree.function.lower()}({given}, ' ')"
            case "LENGTH":
                return values.cast(f"length({given})", kind_of(tree))
            case "CONCAT":
                parts = [given, *(self.of(each) for each in rest)]
                return "(" + " || ".join(f"COALESCE({each}, '')" for each in parts) + ")"
            case "REGEXP_MATCHES":
                pattern = rest[0]
                assert isinstance(pattern, t.Text)
                return f"regexp_matches({given}, {self._bound(portable(pattern.value), 'VARCHAR')})"
            case _:
                name = tree.function.lower()
                return f"{name}({', '.join([given, *(self._plain(each) for each in rest)])})"

    def _plain(self, tree: t.Tree) -> str:
        """An argument; counts as the integers that functions take."""
        if isinstance(tree, t.Number):
            assert isinstance(tree.value, int)
            return self._bound(tree.value, "BIGINT")
        return self.of(tree)


def _converted(found: str, kind: ColumnType, to: ColumnType) -> str:
    digits = exact(kind)
    if to == kinds.TIMESTAMP:
        return values.as_time(found)
    if digits is not None and exact(to) is None:
        return values.floating(found, digits)
    return values.cast(found, to)


def _balanced(join: str, terms: Sequence[str]) -> str:
    """All terms joined; thousands of them only a few levels deep."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return f"({_balanced(join, terms[:middle])} {join} {_balanced(join, terms[middle:])})"
