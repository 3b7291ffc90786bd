"""Types of an expression: every mismatch is found, and text in ISO form becomes the date or time that is expected.

Numbers are exact (`int`, `long`, `decimal`, literals: a `Decimal` of digits that must stay within 38, so that nothing
overflows) or approximate (`float`, `double`; with one of these, the other side becomes approximate too).

NaN follows the total order of both engines: it equals itself and is greater than all other numbers, infinity included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from reconciler.diagnostics import did_you_mean
from reconciler.values.types import MAX_DIGITS, ColumnType, Decimal, Flat
from reconciler.where import tree as t
from reconciler.where.allow import day, instant
from reconciler.where.problems import Problem, WhereCode, problem, shown
from reconciler.where.text import canonical

STRING, BOOLEAN, DATE, TIMESTAMP, DOUBLE = (
    Flat("string"), Flat("boolean"), Flat("date"), Flat("timestamp"), Flat("double")
)  # fmt: skip
_ONE_TEXT = frozenset({"LOWER", "UPPER", "TRIM", "LENGTH"})
_TWO_TEXTS = frozenset({"STARTS_WITH", "ENDS_WITH", "CONTAINS"})
Typed = tuple[t.Tree, ColumnType | None]


def type_of(tree: t.Tree, columns: Mapping[str, ColumnType]) -> ColumnType:
    """The type of a tree that `Checker` has passed."""
    found = Checker(columns).check(tree)[1]
    assert found is not None
    return found


def exact(of: ColumnType | None) -> Decimal | None:
    """An exact number's digits; None if it isn't one."""
    match of:
        case Flat("int"):
            return Decimal(10, 0)
        case Flat("long"):
            return Decimal(19, 0)
        case Decimal():
            return of
        case _:
            return None


def approximate(of: ColumnType | None) -> bool:
    """Whether it is a number of floating point."""
    return isinstance(of, Flat) and of.name in ("float", "double")


def numeric(of: ColumnType | None) -> bool:
    """Whether it is a number."""
    return exact(of) is not None or approximate(of)


def common(left: ColumnType, right: ColumnType) -> ColumnType | None:
    """The type in which two are compared; None if they don't fit."""
    if left == right and isinstance(left, Flat) and left.name != "binary":
        return left
    if {left, right} == {DATE, TIMESTAMP}:
        return TIMESTAMP
    if not (numeric(left) and numeric(right)):
        return None
    one, two = exact(left), exact(right)
    if one is None or two is None:
        return DOUBLE
    scale = max(one.scale, two.scale)
    return Decimal(max(one.precision - one.scale, two.precision - two.scale) + scale, scale)


class Checker:
    """Types a tree over `columns`; what is wrong gathers in `problems`."""

    def __init__(self, columns: Mapping[str, ColumnType], dataset: str = "") -> None:
        self.columns = columns
        self.dataset = f"dataset {dataset}" if dataset else "the dataset"
        self.problems: list[Problem] = []
        self.used: set[str] = set()

    def check(self, tree: t.Tree) -> Typed:
        """The tree, with text turned into dates and times where expected, and its type; None if it has none."""
        match tree:
            case t.Column():
                return tree, self._column(tree)
            case t.Text():
                return tree, STRING
            case t.Number(value):
                return tree, _digits(value)
            case t.Date():
                return tree, DATE
            case t.Timestamp():
                return tree, TIMESTAMP
            case t.Boolean():
                return tree, BOOLEAN
            case t.And(terms) | t.Or(terms):
                return replace(tree, terms=tuple(self.condition(each) for each in terms)), BOOLEAN
            case t.Not(operand):
                return replace(tree, operand=self.condition(operand)), BOOLEAN
            case t.Is(operand, value):
                known = self.check(operand)[0] if value is None else self.condition(operand)
                return replace(tree, operand=known), BOOLEAN
            case t.Compare(operator, left, right):
                (left, right), kind = self._unified([left, right])
                if kind == BOOLEAN and operator not in ("=", "<>"):
                    self._note("R204", tree, "true and false have no order. Use =, IS TRUE or IS FALSE.")
                return replace(tree, left=left, right=right), BOOLEAN
            case t.In(operand, values):
                (operand, *rest), _ = self._unified([operand, *values])
                return replace(tree, operand=operand, values=tuple(rest)), BOOLEAN
            case t.Between(operand, low, high):
                (operand, low, high), kind = self._unified([operand, low, high])
                if kind == BOOLEAN:
                    self._note("R204", tree, "true and false have no order.")
                return replace(tree, operand=operand, low=low, high=high), BOOLEAN
            case t.Like(operand):
                return replace(tree, operand=self._text(operand, "LIKE")), BOOLEAN
            case t.Concat(left, right):
                return replace(tree, left=self._text(left, "||"), right=self._text(right, "||")), STRING
            case t.Negate(operand):
                typed, kind = self._number(operand, "-")
                return replace(tree, operand=typed), kind
            case t.Arithmetic():
                return self._arithmetic(tree)
            case t.Call():
                return self._call(tree)
            case _:
                assert_never(tree)

    def condition(self, tree: t.Tree, code: WhereCode = "R204") -> t.Tree:
        """Must be true or false."""
        typed, kind = self.check(tree)
        if kind is not None and kind != BOOLEAN:
            self._note(code, tree, f"{_shown(tree)} is {kind}, but a condition is needed. Compare it with something.")
        return typed

    def _column(self, tree: t.Column) -> ColumnType | None:
        if (found := self.columns.get(tree.name)) is not None:
            self.used.add(tree.name)
            return found
        name, hint = shown(tree.name), did_you_mean(tree.name, self.columns)
        if tree.quoted and not hint:
            self._note(
                "R203",
                tree,
                f'"{name}" in double quotes names a column, and {self.dataset} has none of that name. '
                f"For text, write '{name.replace(chr(39), chr(39) * 2)}'.",
            )
            return None
        hint = hint or f" Declared: {', '.join(list(self.columns)[:10])}."
        self._note("R203", tree, f"{self.dataset[0].upper()}{self.dataset[1:]} has no column {name}.{hint}")
        return None

    def _unified(self, trees: Sequence[t.Tree]) -> tuple[list[t.Tree], ColumnType | None]:
        """Operands that are compared with one another, and their common type. Each must fit the first typed one."""
        typed = [self.check(each) for each in trees]
        moment = next((kind for tree, kind in typed if kind in (DATE, TIMESTAMP)), None)
        if moment is not None:
            typed = [self._moment(tree, kind, moment) for tree, kind in typed]
        result: ColumnType | None = None
        first: t.Tree | None = None
        for tree, kind in typed:
            if kind is None:
                continue
            if first is None or result is None:
                first, result = tree, kind
                if common(kind, kind) is None:
                    self._note("R204", tree, f"{_shown(tree)} is {kind}, which can't be compared.")
                    break
                continue
            found = common(result, kind)
            if found is None:
                self._note("R204", tree, _mismatch(first, result, tree, kind))
                result = None
                break
            if isinstance(found, Decimal) and found.precision > MAX_DIGITS:
                self._note("R204", tree, f"{_shown(tree)} has too many digits to compare with {_shown(first)}.")
                break
            result = found
        return [tree for tree, _ in typed], result

    def _moment(self, tree: t.Tree, kind: ColumnType | None, wanted: ColumnType) -> Typed:
        if not isinstance(tree, t.Text):
            return tree, kind
        if wanted == DATE:
            if (found := day(tree.value)) is not None:
                return t.Date(found, at=tree.at), DATE
            self._note("R204", tree, f"{_shown(tree)} is no date. Write DATE '2026-12-31'.")
        else:
            if (at := instant(tree.value)) is not None:
                return t.Timestamp(at, at=tree.at), TIMESTAMP
            self._note("R204", tree, f"{_shown(tree)} is no time. Write TIMESTAMP '2026-12-31 23:59:59'.")
        return tree, None

    def _text(self, tree: t.Tree, what: str) -> t.Tree:
        typed, kind = self.check(tree)
        if kind is not None and kind != STRING:
            self._note("R204", tree, f"{what} takes text, and {_shown(tree)} is {kind}.")
        return typed

    def _number(self, tree: t.Tree, what: str) -> Typed:
        typed, kind = self.check(tree)
        if kind is not None and not numeric(kind):
            self._note("R204", tree, f"{what} takes numbers, and {_shown(tree)} is {kind}.")
            return typed, None
        return typed, exact(kind) or kind

    def _arithmetic(self, tree: t.Arithmetic) -> Typed:
        (left, one), (right, two) = (self._number(each, tree.operator) for each in (tree.left, tree.right))
        typed = replace(tree, left=left, right=right)
        if one is None or two is None:
            return typed, None
        if not (isinstance(one, Decimal) and isinstance(two, Decimal)):
            return typed, DOUBLE
        if tree.operator == "*":
            kind = Decimal(one.precision + two.precision, one.scale + two.scale)
        else:
            scale = max(one.scale, two.scale)
            kind = Decimal(max(one.precision - one.scale, two.precision - two.scale) + scale + 1, scale)
        if kind.precision > MAX_DIGITS:
            self._note("R205", tree, f"{_shown(tree)} can have {kind.precision} digits; {MAX_DIGITS} can be held.")
            return typed, None
        return typed, kind

    def _call(self, tree: t.Call) -> Typed:
        name, given = tree.function, tree.arguments
        if name == "COALESCE":
            if len(given) < 2:
                self._note("R204", tree, "COALESCE takes two arguments or more.")
            unified, kind = self._unified(given)
            return replace(tree, arguments=tuple(unified)), kind
        wanted = 2 if name in _TWO_TEXTS else 1
        if len(given) != wanted:
            self._note("R204", tree, f"{name} takes {'two arguments' if wanted == 2 else 'one argument'}.")
            return tree, None
        if name in _ONE_TEXT or name in _TWO_TEXTS:
            typed = replace(tree, arguments=tuple(self._text(each, name) for each in given))
            return typed, Decimal(10, 0) if name == "LENGTH" else BOOLEAN if name in _TWO_TEXTS else STRING
        if name == "ABS":
            argument, kind = self._number(given[0], name)
            return replace(tree, arguments=(argument,)), kind
        argument, kind = self.check(given[0])
        if kind is not None and kind not in (DATE, TIMESTAMP):
            self._note("R204", tree, f"{name} takes a date or timestamp, and {_shown(given[0])} is {kind}.")
        return replace(tree, arguments=(argument,)), Decimal(4, 0)

    def _note(self, code: WhereCode, tree: t.Tree, detail: str) -> None:
        self.problems.append(problem(code, tree.at, detail))


def _digits(value: object) -> Decimal:
    written = format(value, "f") if not isinstance(value, int) else str(value)
    whole, _, places = written.partition(".")
    return Decimal(max(len(whole.lstrip("0")) + len(places), 1), len(places))


def _shown(tree: t.Tree) -> str:
    return shown(canonical(tree))


def _named(kind: ColumnType, tree: t.Tree) -> str:
    return "a number" if isinstance(kind, Decimal) and not isinstance(tree, t.Column) else str(kind)


def _mismatch(first: t.Tree, one: ColumnType, tree: t.Tree, two: ColumnType) -> str:
    said = f"{_shown(first)} is {_named(one, first)}, {_shown(tree)} is {_named(two, tree)}."
    for text, other, kind in ((tree, first, one), (first, tree, two)):
        if isinstance(text, t.Text) and numeric(kind):
            return f"{said} Write the number without quotes."
        if isinstance(text, t.Number) and kind == STRING:
            return f"{said} For text, write '{_shown(text)}'."
        if isinstance(text, t.Text | t.Number) and kind == BOOLEAN:
            return f"{said} Write {_shown(other)} IS TRUE or {_shown(other)} IS FALSE."
        if isinstance(text, t.Number) and kind in (DATE, TIMESTAMP):
            return f"{said} Write DATE '2026-12-31'."
    return f"{said} Compare values of one type."
