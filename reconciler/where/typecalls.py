"""Types of the functions' arguments and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from reconciler.values.types import ColumnType, Decimal, ListOf
from reconciler.where import tree as t
from reconciler.where.functions import BY_NAME
from reconciler.where.kinds import BOOLEAN, COUNT, DOUBLE, STRING, common, exact
from reconciler.where.problems import shown
from reconciler.where.regex import portable

if TYPE_CHECKING:
    from reconciler.where.typecheck import Checker

MAX_COUNT = 1_000_000
MAX_PLACES = 15
"""Of a floating number: more digits than it has."""
_WORDS = {1: "one argument", 2: "two arguments", 3: "three arguments"}


def call(checker: Checker, tree: t.Call) -> t.Tree:
    """A function call, its arguments typed; what is wrong is noted by the checker."""
    name, given, known = tree.function, tree.arguments, BY_NAME[tree.function]
    if not known.least <= len(given) <= known.most:
        wanted = _WORDS[known.least]
        if known.most > known.least:
            wanted += " or more" if known.most > 3 else f" or {_WORDS[known.most].split()[0]}"
        checker.note("R204", tree, f"{name} takes {wanted}.")
        return tree
    match name:
        case "LOWER" | "UPPER" | "TRIM" | "LTRIM" | "RTRIM" | "CONCAT":
            return _made(tree, STRING, [checker.text(each, name) for each in given])
        case "STARTS_WITH" | "ENDS_WITH":
            return _made(tree, BOOLEAN, [checker.text(each, name) for each in given])
        case "LENGTH" | "CONTAINS":
            return _of_list(checker, tree)
        case "SUBSTRING" | "LEFT" | "RIGHT" | "REPLACE" | "SPLIT_PART" | "REGEXP_MATCHES":
            return _of_text(checker, tree)
        case "ABS" | "ROUND" | "FLOOR" | "CEIL":
            return _of_number(checker, tree)
        case "COALESCE":
            unified, kind = checker.unified(given)
            return _made(tree, kind, unified)
        case "NULLIF":
            (first, second), _ = checker.unified(given)
            return _made(tree, first.of, [first, second])
        case _:
            assert_never(name)


def _made(tree: t.Call, kind: ColumnType | None, arguments: Sequence[t.Tree]) -> t.Tree:
    return t.changed(tree, arguments=tuple(arguments), of=kind)


def _of_list(checker: Checker, tree: t.Call) -> t.Tree:
    first = checker.check(tree.arguments[0])
    if not isinstance(first.of, ListOf):
        typed = [
            checker.text_of(first, tree.function),
            *(checker.text(each, tree.function) for each in tree.arguments[1:]),
        ]
        return _made(tree, COUNT if tree.function == "LENGTH" else BOOLEAN, typed)
    if tree.function == "LENGTH":
        return _made(tree, COUNT, [first])
    item = first.of.item
    if common(item, item) is None:
        checker.note("R204", first, f"CONTAINS takes a list of plain values, and this is {first.of}.")
        return tree
    # The list stands for one of its elements, so that the value is read and typed as if it were compared with one.
    element = t.changed(first, of=item)
    value = checker.read(checker.check(tree.arguments[1]), item)
    checker.agreed([element, value])
    return _made(tree, BOOLEAN, [first, value])


def _of_text(checker: Checker, tree: t.Call) -> t.Tree:
    name, (operand, *rest) = tree.function, tree.arguments
    typed = [checker.text(operand, name), *(checker.check(each) for each in rest)]
    match name:
        case "SUBSTRING":
            _count(checker, tree, rest[0], "start", 1, MAX_COUNT)
            if len(rest) == 2:
                _count(checker, tree, rest[1], "length", 0, MAX_COUNT)
        case "LEFT" | "RIGHT":
            _count(checker, tree, rest[0], "number of characters", 0, MAX_COUNT)
        case "REPLACE":
            _constant(checker, tree, rest[0], "what is replaced", empty=False)
            _constant(checker, tree, rest[1], "what replaces it", empty=True)
        case "SPLIT_PART":
            _constant(checker, tree, rest[0], "separator", empty=False)
            _count(checker, tree, rest[1], "part's number", 1, MAX_COUNT)
        case _:
            if _constant(checker, tree, rest[0], "pattern", empty=True):
                _pattern(checker, rest[0])
            return _made(tree, BOOLEAN, typed)
    return _made(tree, STRING, typed)


def _of_number(checker: Checker, tree: t.Call) -> t.Tree:
    name = tree.function
    first = checker.number(checker.check(tree.arguments[0]), name)
    typed = [first, *(checker.check(each) for each in tree.arguments[1:])]
    kind = exact(first.of)
    most = MAX_PLACES if kind is None else 38
    if len(tree.arguments) == 2 and not _count(checker, tree, tree.arguments[1], "number of places", 0, most):
        return tree
    if first.of is None:
        return tree
    if kind is None:
        return _made(tree, DOUBLE, typed)
    return _made(tree, kind if name == "ABS" else rounded(kind, places(tree)), typed)


def places(tree: t.Call) -> int:
    """To how many places ROUND, FLOOR or CEIL goes."""
    last = tree.arguments[-1]
    return int(last.value) if len(tree.arguments) == 2 and isinstance(last, t.Number) else 0


def rounded(kind: Decimal, places: int) -> Decimal:
    """The digits that are left, and one for the carry."""
    if places >= kind.scale:
        return kind
    return Decimal(kind.precision - kind.scale + places + 1, places)


def _count(checker: Checker, tree: t.Call, given: t.Tree, what: str, least: int, most: int) -> bool:
    if isinstance(given, t.Number) and isinstance(given.value, int) and least <= given.value <= most:
        return True
    detail = f"The {what} of {tree.function} is a whole number from {least:,} to {most:,}, written out."
    checker.note("R204", given, detail)
    return False


def _constant(checker: Checker, tree: t.Call, given: t.Tree, what: str, *, empty: bool) -> bool:
    if isinstance(given, t.Text) and (given.value or empty):
        return True
    some = "" if empty else " that isn't empty"
    checker.note("R204", given, f"{what.capitalize()} in {tree.function} is text in single quotes{some}, written out.")
    return False


def _pattern(checker: Checker, given: t.Tree) -> None:
    assert isinstance(given, t.Text)
    try:
        portable(given.value)
    except ValueError as error:
        checker.note("R204", given, f"{shown(given.value)!r} isn't a regular expression that is allowed here. {error}")
