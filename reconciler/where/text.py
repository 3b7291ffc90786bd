"""The canonical text of a tree: one form for all ways to write the same, readable as SQL by others too."""

from __future__ import annotations

import datetime
import re
from typing import assert_never

from reconciler.where import tree as t
from reconciler.where.patterns import written
from reconciler.where.words import SQL_WORDS

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def canonical(tree: t.Tree) -> str:
    """The text. `check` reads it back to an equal tree."""
    return _text(tree, 0)


def identifier(name: str) -> str:
    """A column's name as it is written: in double quotes where it must be."""
    if _PLAIN.fullmatch(name) and name.upper() not in SQL_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Text in single quotes."""
    return "'" + value.replace("'", "''") + "'"


# How tightly a node binds: an operand that binds less than its place asks for gets brackets.
_OR, _AND, _NOT, _COMPARE, _CONCAT, _ADD, _MULTIPLY, _PREFIX, _ATOM = range(1, 10)


def _text(tree: t.Tree, wanted: int) -> str:
    text, binds = _written(tree)
    return f"({text})" if binds < wanted else text


def _written(tree: t.Tree) -> tuple[str, int]:
    match tree:
        case t.Column():
            return ".".join(identifier(each) for each in tree.path), _ATOM
        case t.Text() | t.Number() | t.Boolean() | t.Date() | t.Timestamp() | t.Null():
            return _constant(tree), _ATOM
        case t.And(terms):
            return " AND ".join(_text(each, _NOT) for each in terms), _AND
        case t.Or(terms):
            return " OR ".join(_text(each, _AND) for each in terms), _OR
        case t.Not(operand):
            return _negated(operand)
        case t.Compare(operator, left, right):
            return f"{_text(left, _CONCAT)} {operator} {_text(right, _CONCAT)}", _COMPARE
        case t.In() | t.Between() | t.Like() | t.Is() | t.Distinct():
            return _predicate(tree, ""), _COMPARE
        case t.Arithmetic(sign, left, right):
            level = _MULTIPLY if sign in "*/%" else _ADD
            return f"{_text(left, level)} {sign} {_text(right, level + 1)}", level
        case t.Shift(operand, count, step):
            return f"{_text(operand, _ADD)} {'-' if count < 0 else '+'} INTERVAL '{abs(count)}' {step}", _ADD
        case t.Concat(left, right):
            return f"{_text(left, _CONCAT)} || {_text(right, _ADD)}", _CONCAT
        case t.Negate(operand):
            return f"-{_text(operand, _ATOM)}", _PREFIX
        case t.Case() | t.Cast() | t.Extract() | t.Truncate() | t.Call():
            return _named(tree), _ATOM
        case _:
            assert_never(tree)


def _constant(tree: t.Constant) -> str:
    match tree:
        case t.Text(text):
            return literal(text)
        case t.Number(number):
            return format(number, "f") if not isinstance(number, int) else str(number)
        case t.Boolean(truth):
            return "TRUE" if truth else "FALSE"
        case t.Date(day):
            return f"DATE '{day.isoformat()}'"
        case t.Timestamp(instant):
            return f"TIMESTAMP '{_instant(instant)}'"
        case t.Null():
            return "NULL"
        case _:
            assert_never(tree)


def _named(tree: t.Case | t.Cast | t.Extract | t.Truncate | t.Call) -> str:
    match tree:
        case t.Case(operand, whens, otherwise):
            pairs = "".join(f" WHEN {_text(each, 0)} THEN {_text(result, 0)}" for each, result in whens)
            first = "" if operand is None else f" {_text(operand, 0)}"
            last = "" if otherwise is None else f" ELSE {_text(otherwise, 0)}"
            return f"CASE{first}{pairs}{last} END"
        case t.Cast(operand, to, trying):
            return f"{'TRY_CAST' if trying else 'CAST'}({_text(operand, 0)} AS {to})"
        case t.Extract(part, operand):
            return f"EXTRACT({part} FROM {_text(operand, 0)})"
        case t.Truncate(unit, operand):
            return f"DATE_TRUNC('{unit}', {_text(operand, 0)})"
        case t.Call(function, arguments):
            return f"{function}({', '.join(_text(each, 0) for each in arguments)})"
        case _:
            assert_never(tree)


def _negated(operand: t.Tree) -> tuple[str, int]:
    if isinstance(operand, t.In | t.Between | t.Like | t.Is | t.Distinct):
        return _predicate(operand, "NOT "), _COMPARE
    return f"NOT {_text(operand, _ATOM)}", _NOT


def _predicate(tree: t.In | t.Between | t.Like | t.Is | t.Distinct, negation: str) -> str:
    operand = _text(tree.left if isinstance(tree, t.Distinct) else tree.operand, _CONCAT)
    match tree:
        case t.In(_, values):
            return f"{operand} {negation}IN ({', '.join(_text(each, 0) for each in values)})"
        case t.Between(_, low, high):
            return f"{operand} {negation}BETWEEN {_text(low, _CONCAT)} AND {_text(high, _CONCAT)}"
        case t.Like(_, pattern, caseless):
            text, escape = written(pattern)
            behind = f" ESCAPE {literal(escape)}" if escape else ""
            return f"{operand} {negation}{'ILIKE' if caseless else 'LIKE'} {literal(text)}{behind}"
        case t.Is(_, value):
            return f"{operand} IS {negation}{'NULL' if value is None else str(value).upper()}"
        case t.Distinct(_, right):
            return f"{operand} IS {negation}DISTINCT FROM {_text(right, _CONCAT)}"
        case _:
            assert_never(tree)


def _instant(value: datetime.datetime) -> str:
    return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(" ")
