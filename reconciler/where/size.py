"""How large an expression becomes for engines, which repeat an operand where they need it twice.

`ROUND` needs its operand twice, so that ROUND(ROUND(ROUND(…))) doubles at each level: short texts could keep an engine busy
for ever. The numbers here are the most that a translation repeats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import assert_never

from reconciler.values.types import ColumnType
from reconciler.where import kinds
from reconciler.where import tree as t
from reconciler.where.kinds import approximate, compared, exact, kind_of

MAX_REPEATED = 4_000
_SHORT = MAX_REPEATED // 4
_PARSED = 12
_MOMENT = 3
"""Times that a date is needed to see whether it is within the years that are computed with, and then to compute."""
_SOME = 8
"""Values of IN that are compared one by one; of more than so many, engines make a table."""
_LETTERS = 150
"""Of the table by which capitals are made."""
_CALLS: dict[t.Function, int] = {"UPPER": 3, "SPLIT_PART": 2, "NULLIF": 2}


def too_large(tree: t.Tree) -> bool:
    """Whether engines would get much more than what is written."""
    found = _weight(tree)
    return found > MAX_REPEATED and found - sum(1 for _ in _nodes(tree)) > MAX_REPEATED


def surely_small(text: str) -> bool:
    """Whether a text can't be too large for engines if nothing is computed in it: they get less than four nodes a character then."""
    return len(text) <= _SHORT


def _nodes(tree: t.Tree) -> Iterator[t.Tree]:
    pending: list[object] = [tree]
    while pending:
        each = pending.pop()
        if isinstance(each, tuple):
            pending += each
        elif isinstance(each, t.Node):
            yield each  # type: ignore[misc]
            pending += [getattr(each, field.name) for field in dataclasses.fields(each)]


def _weight(tree: t.Tree) -> int:
    """Nodes of a checked tree, as often as an engine gets them."""
    match tree:
        case t.Column() | t.Text() | t.Number() | t.Boolean() | t.Date() | t.Timestamp() | t.Null():
            return 1
        case t.And(terms) | t.Or(terms):
            return 1 + sum(_weight(each) for each in terms)
        case t.Not(operand) | t.Is(operand) | t.Like(operand):
            return 1 + _weight(operand)
        case t.Compare(_, left, right) | t.Distinct(left, right):
            return 1 + sum(_alike([left, right]))
        case t.In(operand, values):
            first, *rest = _alike([operand, *values])
            return 1 + first * min(len(rest), _SOME) + sum(rest)
        case t.Between(operand, low, high):
            first, *ends = _alike([operand, low, high])
            return 1 + 2 * first + sum(ends)
        case t.Concat(left, right):
            return 1 + _weight(left) + _weight(right)
        case t.Negate(operand):
            return 1 + _as(operand, kind_of(tree))
        case t.Arithmetic():
            return 1 + _arithmetic(tree)
        case t.Shift(operand) | t.Extract(_, operand) | t.Truncate(_, operand):
            return 1 + _MOMENT * _weight(operand)
        case t.Case():
            return 1 + _case(tree)
        case t.Cast():
            return 1 + _cast(tree)
        case t.Call():
            return 1 + _call(tree)
        case _:
            assert_never(tree)


def _as(tree: t.Tree, kind: ColumnType) -> int:
    """In another type: floating numbers and times are made of several of what they are made of."""
    if kind_of(tree) == kind or kinds.constant(tree):
        return _weight(tree)
    return _weight(tree) * (2 if approximate(kind) else _MOMENT if kind == kinds.TIMESTAMP else 1)


def _alike(trees: Sequence[t.Tree]) -> list[int]:
    kind = compared(trees)
    return [_as(each, kind) for each in trees]


def _arithmetic(tree: t.Arithmetic) -> int:
    sides, kind = (tree.left, tree.right), kind_of(tree)
    if tree.operator == "/":
        return sum(2 * _as(each, kinds.DOUBLE) for each in sides)
    if tree.operator == "%":
        return sum(3 * _weight(each) for each in sides)
    if kind_of(tree.left) == kinds.DATE:
        return sum(_MOMENT * _weight(each) for each in sides)
    return sum(_as(each, kind) for each in sides)


def _case(tree: t.Case) -> int:
    results = [result for _, result in tree.whens] + ([tree.otherwise] if tree.otherwise is not None else [])
    tests = [test for test, _ in tree.whens]
    found = sum(_as(each, kind_of(tree)) for each in results)
    if tree.operand is None:
        return found + sum(_weight(each) for each in tests)
    operand, *values = _alike([tree.operand, *tests])
    return found + operand * len(tests) + sum(values)


def _cast(tree: t.Cast) -> int:
    found, to = kind_of(tree.operand), tree.to
    if found == to or found == kinds.BOOLEAN:
        return _weight(tree.operand)
    if found == kinds.STRING:
        return _PARSED * (_weight(tree.operand) + 2)
    if exact(to) is not None:
        return 4 * _as(tree.operand, kinds.DOUBLE if approximate(found) else found)
    return 3 * _weight(tree.operand)


def _call(tree: t.Call) -> int:
    first, *rest = tree.arguments
    if tree.function == "COALESCE":
        return sum(_as(each, kind_of(tree)) for each in tree.arguments)
    times = _CALLS.get(tree.function, 1)
    if tree.function == "ROUND":
        times = 4 if approximate(tree.of) else 2
    if tree.function == "UPPER":
        return times * _weight(first) + _LETTERS
    if tree.function in ("ROUND", "FLOOR", "CEIL") and approximate(tree.of):
        return times * _as(first, kinds.DOUBLE)
    return times * _weight(first) + sum(2 * _weight(each) for each in rest)
