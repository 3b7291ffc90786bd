"""Types of an expression: every mismatch is found, and text in ISO form becomes the date or time that is expected.

The checked tree says of each node what type it has (`of`), which is all that engines need to know.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import assert_never

from reconciler.diagnostics import did_you_mean
from reconciler.values.types import MAX_DIGITS, ColumnType, Decimal, ListOf, Struct
from reconciler.where import tree as t
from reconciler.where.functions import OF_TIME
from reconciler.where.kinds import (
    BOOLEAN,
    COUNT,
    DATE,
    DOUBLE,
    STRING,
    TIMESTAMP,
    approximate,
    common,
    converts,
    digits,
    exact,
    moment,
    numeric,
)  # fmt: skip
from reconciler.where.literals import day, instant
from reconciler.where.problems import Problem, Span, WhereCode, problem, shown
from reconciler.where.text import canonical
from reconciler.where.typecalls import call

_PART = Decimal(4, 0)


class Checker:
    """Types a tree over `columns`; what is wrong gathers in `problems`, the paths that are read in `used`.

    `computes`: whether there is more in it than comparisons of columns and constants.
    """

    def __init__(self, columns: Mapping[str, ColumnType], dataset: str = "") -> None:
        self.columns = columns
        self.name = dataset
        self.dataset = f"dataset {dataset}" if dataset else "the dataset"
        self.problems: list[Problem] = []
        self.used: set[tuple[str, ...]] = set()
        self.computes = False

    def check(self, tree: t.Tree) -> t.Tree:
        """The tree with types, text turned into dates and times where expected; `of` is None where there is none."""
        match tree:
            case t.Column():
                return t.changed(tree, of=self._column(tree))
            case t.Text() | t.Number() | t.Date() | t.Timestamp() | t.Boolean() | t.Null():
                return t.changed(tree, of=_literal(tree))
            case t.And(terms) | t.Or(terms):
                return t.changed(tree, terms=tuple(self.condition(each) for each in terms), of=BOOLEAN)
            case t.Not(operand):
                return t.changed(tree, operand=self.condition(operand), of=BOOLEAN)
            case t.Compare() | t.Distinct() | t.In() | t.Between() | t.Is() | t.Like():
                return self._predicate(tree)
            case _:
                return self._computed(tree)

    def _computed(self, tree: t.Computed) -> t.Tree:
        self.computes = True
        match tree:
            case t.Concat(left, right):
                return t.changed(tree, left=self.text(left, "||"), right=self.text(right, "||"), of=STRING)
            case t.Negate(operand):
                typed = self.number(self.check(operand), "-")
                return t.changed(tree, operand=typed, of=exact(typed.of) or typed.of)
            case t.Arithmetic():
                return self._arithmetic(tree)
            case t.Shift():
                return self._shift(tree)
            case t.Case():
                return self._case(tree)
            case t.Cast():
                return self._cast(tree)
            case t.Extract(part, operand):
                typed = self._moment(self.check(operand), f"EXTRACT({part})", timestamp=part in OF_TIME)
                return t.changed(tree, operand=typed, of=_PART)
            case t.Truncate(unit, operand):
                timestamp = unit in ("hour", "minute", "second")
                typed = self._moment(self.check(operand), f"DATE_TRUNC('{unit}')", timestamp=timestamp)
                return t.changed(tree, operand=typed, of=typed.of)
            case t.Call():
                return call(self, tree)
            case _:
                assert_never(tree)

    def condition(self, tree: t.Tree, code: WhereCode = "R204") -> t.Tree:
        """Must be true or false."""
        typed = self.check(tree)
        if typed.of is not None and typed.of != BOOLEAN:
            self.note(code, tree, f"{said(tree)} is {typed.of}, but a condition is needed. Compare it with something.")
        return typed

    def text(self, tree: t.Tree, what: str) -> t.Tree:
        """Must be text."""
        return self.text_of(self.check(tree), what)

    def text_of(self, typed: t.Tree, what: str) -> t.Tree:
        """A checked tree that must be text."""
        if typed.of is not None and typed.of != STRING:
            cast = " Write CAST(… AS string)." if converts(typed.of, STRING) and not isinstance(typed, t.Number) else ""
            self.note("R204", typed, f"{what} takes text, and {said(typed)} is {named(typed)}.{cast}")
        return typed

    def number(self, typed: t.Tree, what: str) -> t.Tree:
        """A checked tree that must be a number; untyped if it isn't."""
        if typed.of is None or numeric(typed.of):
            return typed
        self.note("R204", typed, f"{what} takes numbers, and {said(typed)} is {typed.of}.")
        return t.changed(typed, of=None)

    def unified(self, trees: Sequence[t.Tree]) -> tuple[list[t.Tree], ColumnType | None]:
        """Operands that are compared with one another, and their common type. Each must fit the first typed one."""
        typed = [self.check(each) for each in trees]
        expected = next((each.of for each in typed if moment(each.of)), None)
        if expected is not None:
            typed = [self.read(each, expected) for each in typed]
        return typed, self.agreed(typed)

    def agreed(self, typed: Sequence[t.Tree]) -> ColumnType | None:
        """The common type of checked trees; None, with a finding, if they don't fit."""
        result: ColumnType | None = None
        first: t.Tree | None = None
        for tree in typed:
            if tree.of is None:
                continue
            if first is None or result is None:
                first, result = tree, tree.of
                if common(tree.of, tree.of) is None:
                    self.note("R204", tree, f"{said(tree)} is {tree.of}, which can't be compared.{_inside(tree)}")
                    return None
                continue
            found = common(result, tree.of)
            if found is None:
                self.note("R204", tree, _mismatch(first, result, tree, tree.of))
                return None
            if isinstance(found, Decimal) and found.precision > MAX_DIGITS:
                self.note("R204", tree, f"{said(tree)} has too many digits to compare with {said(first)}.")
                return result
            result = found
        return result

    def note(self, code: WhereCode, tree: t.Tree, detail: str) -> None:
        """A finding at a node."""
        self.problems.append(problem(code, tree.at, detail))

    def _column(self, tree: t.Column) -> ColumnType | None:
        kind = self.columns.get(tree.name)
        if kind is None:
            self._unknown(tree)
            return None
        for at, field in enumerate(tree.fields):
            before = shown(".".join(tree.path[: at + 1]))
            place = tree.places[at + 1] if tree.places else tree.at
            if not isinstance(kind, Struct):
                mend = " Write CONTAINS(…, value) or LENGTH(…)." if isinstance(kind, ListOf) else ""
                self._at("R204", place, f"{before} is {kind}, which has no fields.{mend}")
                return None
            fields = dict(kind.fields)
            if field not in fields:
                hint = did_you_mean(field, fields) or f" Fields: {', '.join(list(fields)[:10])}."
                self._at("R203", place, f"{before} has no field {shown(field)}.{hint}{_foreign(field)}")
                return None
            kind = fields[field]
        self.used.add(tree.path)
        return kind

    def _unknown(self, tree: t.Column) -> None:
        name, hint = shown(tree.name), did_you_mean(tree.name, self.columns)
        place = tree.places[0] if tree.places else tree.at
        if tree.fields and tree.name == self.name:
            self._at(
                "R203", place, f"A column stands without the dataset's name: write {shown('.'.join(tree.fields))}."
            )
            return
        if tree.quoted and not hint:
            detail = (
                f'"{name}" in double quotes names a column, and {self.dataset} has none of that name. '
                f"For text, write '{name.replace(chr(39), chr(39) * 2)}'."
            )
            self._at("R203", place, detail)
            return
        hint = hint or f" Declared: {', '.join(list(self.columns)[:10])}."
        subject = f"{self.dataset[0].upper()}{self.dataset[1:]}"
        self._at("R203", place, f"{subject} has no column {name}.{hint}{_foreign(tree.name)}")

    def _predicate(self, tree: t.Compare | t.Distinct | t.In | t.Between | t.Is | t.Like) -> t.Tree:
        match tree:
            case t.Is(operand, value):
                return t.changed(
                    tree, operand=self.check(operand) if value is None else self.condition(operand), of=BOOLEAN
                )
            case t.Like(operand):
                return t.changed(tree, operand=self.text(operand, "LIKE"), of=BOOLEAN)
            case t.Compare(operator, left, right):
                (left, right), kind = self.unified([left, right])
                if kind == BOOLEAN and operator not in ("=", "<>"):
                    self.note("R204", tree, "true and false have no order. Use =, IS TRUE or IS FALSE.")
                return t.changed(tree, left=left, right=right, of=BOOLEAN)
            case t.Distinct(left, right):
                (left, right), _ = self.unified([left, right])
                return t.changed(tree, left=left, right=right, of=BOOLEAN)
            case t.In(operand, values):
                (operand, *rest), _ = self.unified([operand, *values])
                return t.changed(tree, operand=operand, values=tuple(rest), of=BOOLEAN)
            case t.Between(operand, low, high):
                (operand, low, high), kind = self.unified([operand, low, high])
                if kind == BOOLEAN:
                    self.note("R204", tree, "true and false have no order.")
                return t.changed(tree, operand=operand, low=low, high=high, of=BOOLEAN)
            case _:
                assert_never(tree)

    def read(self, tree: t.Tree, expected: ColumnType) -> t.Tree:
        """Text, where a date or time is expected, as one; anything else as it is."""
        if not isinstance(tree, t.Text) or not moment(expected):
            return tree
        if expected == DATE:
            if (found := day(tree.value)) is not None:
                return t.Date(found, at=tree.at, of=DATE)
            self.note("R204", tree, f"{said(tree)} is no date. Write DATE '2026-12-31'.")
        else:
            if (at := instant(tree.value)) is not None:
                return t.Timestamp(at, at=tree.at, of=TIMESTAMP)
            self.note("R204", tree, f"{said(tree)} is no time. Write TIMESTAMP '2026-12-31 23:59:59'.")
        return t.changed(tree, of=None)

    def _moment(self, typed: t.Tree, what: str, *, timestamp: bool) -> t.Tree:
        """A checked tree that must be a date or time, or a time; untyped if it isn't."""
        wanted = "a timestamp" if timestamp else "a date or timestamp"
        if typed.of is None or typed.of == TIMESTAMP or (typed.of == DATE and not timestamp):
            return typed
        mend = " Write TRY_CAST(… AS timestamp)." if typed.of == STRING else ""
        self.note("R204", typed, f"{what} takes {wanted}, and {said(typed)} is {named(typed)}.{mend}")
        return t.changed(typed, of=None)

    def _arithmetic(self, tree: t.Arithmetic) -> t.Tree:
        left, right = self.check(tree.left), self.check(tree.right)
        if moment(left.of) or moment(right.of):
            return t.changed(tree, left=left, right=right, of=self._days(tree, left, right))
        left, right = self.number(left, tree.operator), self.number(right, tree.operator)
        typed = t.changed(tree, left=left, right=right)
        one, two = exact(left.of), exact(right.of)
        if left.of is None or right.of is None:
            return typed
        if tree.operator == "%":
            if one is None or two is None or one.scale or two.scale:
                self.note("R204", tree, f"% takes whole numbers. Write CAST, ROUND or FLOOR in {said(tree)}.")
                return typed
            return t.changed(typed, of=Decimal(min(one.precision, two.precision), 0))
        if tree.operator == "/" or one is None or two is None:
            return t.changed(typed, of=DOUBLE)
        if tree.operator == "*":
            kind = Decimal(one.precision + two.precision, one.scale + two.scale)
        else:
            scale = max(one.scale, two.scale)
            kind = Decimal(max(one.precision - one.scale, two.precision - two.scale) + scale + 1, scale)
        if kind.precision > MAX_DIGITS:
            detail = f"{said(tree)} can have {kind.precision} digits; {MAX_DIGITS} can be held."
            self.note("R205", tree, f"{detail} Make it smaller first: TRY_CAST(… AS decimal(18,2)).")
            return typed
        return t.changed(typed, of=kind)

    def _days(self, tree: t.Arithmetic, left: t.Tree, right: t.Tree) -> ColumnType | None:
        if left.of is None or right.of is None:
            return None
        if left.of == right.of == DATE and tree.operator == "-":
            return COUNT
        if TIMESTAMP in (left.of, right.of) and moment(left.of) and moment(right.of) and tree.operator == "-":
            mend = "Subtract days: CAST(… AS date). Or compare with x + INTERVAL '12' HOUR."
        else:
            mend = "Write … + INTERVAL '7' DAY."
        self.note("R204", tree, f"{tree.operator} of {named(left)} and {named(right)} isn't allowed. {mend}")
        return None

    def _shift(self, tree: t.Shift) -> t.Tree:
        typed = self.check(tree.operand)
        if typed.of == STRING and isinstance(typed, t.Text):
            self.note("R204", tree, f"INTERVAL is added to a date or time. Write DATE {said(typed)}.")
            return t.changed(tree, operand=typed)
        typed = self._moment(typed, "INTERVAL", timestamp=False)
        kind = TIMESTAMP if typed.of is not None and tree.step == "SECOND" else typed.of
        return t.changed(tree, operand=typed, of=kind)

    def _case(self, tree: t.Case) -> t.Tree:
        results = [result for _, result in tree.whens] + ([tree.otherwise] if tree.otherwise is not None else [])
        given = [each for each in results if not isinstance(each, t.Null)]
        if not given:
            self.note("R204", tree, "CASE gives NULL always. Write a value in THEN or ELSE.")
        unified, kind = self.unified(given)
        left = iter(unified)
        typed = [t.changed(each, of=kind) if isinstance(each, t.Null) else next(left) for each in results]
        otherwise = typed.pop() if tree.otherwise is not None else None
        if tree.operand is None:
            operand, tests = None, [self.condition(each) for each, _ in tree.whens]
        else:
            (operand, *tests), _ = self.unified([tree.operand, *(each for each, _ in tree.whens)])
        whens = tuple(zip(tests, typed, strict=True))
        return t.changed(tree, operand=operand, whens=whens, otherwise=otherwise, of=kind)

    def _cast(self, tree: t.Cast) -> t.Tree:
        operand = self.check(tree.operand)
        if operand.of is None:
            return t.changed(tree, operand=operand)
        possible = converts(operand.of, tree.to)
        typed = t.changed(tree, operand=operand, trying=possible != "always", of=tree.to if possible else None)
        subject = f"{said(tree.operand)} ({named(operand)})"
        if possible is None:
            mend = ""
            if approximate(operand.of) and tree.to == STRING:
                mend = " A floating number has no one text: convert it to decimal(p,s) first, with TRY_CAST."
            elif tree.to == BOOLEAN:
                mend = f" Write {said(tree.operand)} <> 0." if numeric(operand.of) else ""
            self.note("R204", tree, f"{subject} can't be converted to {tree.to}.{mend}")
        elif possible == "perhaps" and not tree.trying:
            detail = f"CAST of {subject} to {tree.to} fails where a value doesn't fit, and with it the export."
            self.note("R204", tree, f"{detail} Write TRY_CAST, which gives NULL then.")
        return typed

    def _at(self, code: WhereCode, place: Span, detail: str) -> None:
        self.problems.append(problem(code, place, detail))


def said(tree: t.Tree) -> str:
    """A tree for a sentence."""
    return shown(canonical(tree))


def named(tree: t.Tree) -> str:
    """A checked tree's type for a sentence."""
    kind = tree.of
    return "a number" if isinstance(kind, Decimal) and not isinstance(tree, t.Column) else str(kind)


def _literal(tree: t.Constant) -> ColumnType | None:
    match tree:
        case t.Text():
            return STRING
        case t.Number(value):
            return digits(value)
        case t.Date():
            return DATE
        case t.Timestamp():
            return TIMESTAMP
        case t.Boolean():
            return BOOLEAN
        case t.Null():
            return None
        case _:
            assert_never(tree)


def _inside(tree: t.Tree) -> str:
    """How to compare what is in a list or struct."""
    match tree.of:
        case ListOf():
            return f" Write CONTAINS({said(tree)}, value) or LENGTH({said(tree)})."
        case Struct(fields):
            return f" Compare a field: {said(tree)}.{shown(fields[0][0])}."
        case _:
            return ""


def _foreign(name: str) -> str:
    """What the eye can't tell: which letter isn't the one it looks like."""
    for char in name:
        if not char.isascii():
            return f" {shown(name)} holds {unicodedata.name(char, f'U+{ord(char):04X}')} (U+{ord(char):04X})."
    return ""


def _mismatch(first: t.Tree, one: ColumnType, tree: t.Tree, two: ColumnType) -> str:
    left = t.changed(first, of=one)
    text = f"{said(first)} is {named(left)}, {said(tree)} is {named(tree)}."
    for each, other, kind in ((tree, first, one), (first, tree, two)):
        if isinstance(each, t.Text) and numeric(kind):
            return f"{text} Write the number without quotes."
        if isinstance(each, t.Number) and kind == STRING:
            return f"{text} For text, write '{said(each)}'."
        if isinstance(each, t.Text | t.Number) and kind == BOOLEAN:
            return f"{text} Write {said(other)} IS TRUE or {said(other)} IS FALSE."
        if isinstance(each, t.Number) and moment(kind):
            return f"{text} Write DATE '2026-12-31'."
    if STRING in (one, two):
        each, kind = (tree, one) if two == STRING else (first, two)
        if converts(STRING, kind):
            return f"{text} Write TRY_CAST({said(each)} AS {kind})."
    return f"{text} Compare values of one type."
