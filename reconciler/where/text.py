"""The canonical text of a tree: one form for all ways to write the same, readable as SQL by others too."""

from __future__ import annotations

import datetime
import re
from typing import assert_never

from reconciler.where import tree as t

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric between both by case cast check collate column
    constraint create cross current_date current_time current_timestamp date default deferrable desc describe
    distinct do else end except exists extract false fetch filter for foreign from full glob group having if
    ilike in inner intersect interval into is isnull join lambda lateral leading left like limit localtime
    localtimestamp map natural not notnull null offset on only or order outer over partition pivot placing
    position primary qualify references returning right row rows select semi set show similar some struct
    summarize symmetric table then time timestamp to trailing true try_cast union unique unpivot user using
    values variadic when where window with
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


def canonical(tree: t.Tree) -> str:
    """The text. `check` reads it back to an equal tree."""
    return _text(tree, 0)


def identifier(name: str) -> str:
    """A column's name as it is written: in double quotes where it must be."""
    if _PLAIN.fullmatch(name) and name.lower() not in _WORDS:
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
        case t.Column(name):
            return identifier(name), _ATOM
        case t.Text(text):
            return literal(text), _ATOM
        case t.Number(number):
            return (format(number, "f") if not isinstance(number, int) else str(number)), _ATOM
        case t.Boolean(truth):
            return ("TRUE" if truth else "FALSE"), _ATOM
        case t.Date(day):
            return f"DATE '{day.isoformat()}'", _ATOM
        case t.Timestamp(instant):
            return f"TIMESTAMP '{_instant(instant)}'", _ATOM
        case t.Call(function, arguments):
            return f"{function}({', '.join(_text(each, 0) for each in arguments)})", _ATOM
        case t.And(terms):
            return " AND ".join(_text(each, _NOT) for each in terms), _AND
        case t.Or(terms):
            return " OR ".join(_text(each, _AND) for each in terms), _OR
        case t.Not(operand):
            return _negated(operand)
        case t.Compare(operator, left, right):
            return f"{_text(left, _CONCAT)} {operator} {_text(right, _CONCAT)}", _COMPARE
        case t.Arithmetic(sign, left, right):
            level = _MULTIPLY if sign == "*" else _ADD
            return f"{_text(left, level)} {sign} {_text(right, level + 1)}", level
        case t.Concat(left, right):
            return f"{_text(left, _CONCAT)} || {_text(right, _ADD)}", _CONCAT
        case t.Negate(operand):
            return f"-{_text(operand, _ATOM)}", _PREFIX
        case t.In() | t.Between() | t.Like() | t.Is():
            return _predicate(tree, ""), _COMPARE
        case _:
            assert_never(tree)


def _negated(operand: t.Tree) -> tuple[str, int]:
    if isinstance(operand, t.In | t.Between | t.Like | t.Is):
        return _predicate(operand, "NOT "), _COMPARE
    return f"NOT {_text(operand, _ATOM)}", _NOT


def _predicate(tree: t.In | t.Between | t.Like | t.Is, negation: str) -> str:
    operand = _text(tree.operand, _CONCAT)
    match tree:
        case t.In(_, values):
            return f"{operand} {negation}IN ({', '.join(_text(each, 0) for each in values)})"
        case t.Between(_, low, high):
            return f"{operand} {negation}BETWEEN {_text(low, _CONCAT)} AND {_text(high, _CONCAT)}"
        case t.Like(_, pattern, caseless):
            return f"{operand} {negation}{'ILIKE' if caseless else 'LIKE'} {literal(pattern)}"
        case t.Is(_, value):
            return f"{operand} IS {negation}{'NULL' if value is None else str(value).upper()}"
        case _:
            assert_never(tree)


def _instant(value: datetime.datetime) -> str:
    return value.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(" ")
