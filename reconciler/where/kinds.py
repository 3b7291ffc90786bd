"""What types are to each other: which numbers are exact, what is compared as what, what converts to what.

Numbers are exact (`int`, `long`, `decimal`, literals: a `Decimal` of digits that must stay within 38, so that nothing
overflows) or approximate (`float`, `double`; with one of these, the other side becomes approximate too).

NaN follows the total order of all engines: it equals itself and is greater than all other numbers, infinity included.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

from reconciler.values.types import ColumnType, Decimal, Flat
from reconciler.where import tree as t

STRING, BOOLEAN, DATE, TIMESTAMP = Flat("string"), Flat("boolean"), Flat("date"), Flat("timestamp")
INT, LONG, FLOAT, DOUBLE = Flat("int"), Flat("long"), Flat("float"), Flat("double")
COUNT = Decimal(10, 0)
"""Of characters, elements or days."""
_WHOLE = {"int": Decimal(10, 0), "long": Decimal(19, 0)}
SHORT = 18
"""Digits that fit 64 bits."""


def exact(of: ColumnType | None) -> Decimal | None:
    """An exact number's digits; None if it isn't one."""
    match of:
        case Flat(name):
            return _WHOLE.get(name)
        case Decimal():
            return of
        case _:
            return None


def bounds(of: ColumnType) -> tuple[int, int]:
    """The least and the greatest exact number of a type, in units of its last place."""
    if of in (INT, LONG):
        power = 31 if of == INT else 63
        return -(2**power), 2**power - 1
    known = exact(of)
    assert known is not None
    return 1 - 10**known.precision, 10**known.precision - 1


def approximate(of: ColumnType | None) -> bool:
    """Whether it is a number of floating point."""
    return of in (FLOAT, DOUBLE)


def numeric(of: ColumnType | None) -> bool:
    """Whether it is a number."""
    return exact(of) is not None or approximate(of)


def moment(of: ColumnType | None) -> bool:
    """Whether it is a date or time."""
    return of in (DATE, TIMESTAMP)


@functools.lru_cache(maxsize=1024)
def common(left: ColumnType, right: ColumnType) -> ColumnType | None:
    """The type in which two are compared or chosen from; None if they don't fit. A decimal's digits may pass 38."""
    if left == right and isinstance(left, Flat) and left.name != "binary":
        return left
    if {left, right} == {DATE, TIMESTAMP}:
        return TIMESTAMP
    if not (numeric(left) and numeric(right)):
        return None
    one, two = exact(left), exact(right)
    if one is None or two is None:
        return DOUBLE
    if LONG in (left, right) and _whole(left) and _whole(right):
        return LONG
    scale = max(one.scale, two.scale)
    return Decimal(max(one.precision - one.scale, two.precision - two.scale) + scale, scale)


def compared(trees: Sequence[t.Tree]) -> ColumnType:
    """The type in which checked trees are compared: `common` of all, save that a constant beside a `float` becomes one.

    So 0.1 means the float next to it, as it does to whoever filled the column.
    """
    kind = functools.reduce(_joined, (kind_of(each) for each in trees))
    if kind == DOUBLE and all(each.of == FLOAT or constant(each) for each in trees):
        return FLOAT
    return kind


def kind_of(tree: t.Tree) -> ColumnType:
    """A checked tree's type."""
    assert tree.of is not None, "a checked tree has types"
    return tree.of


def constant(tree: t.Tree) -> bool:
    """Whether it is a number that is written out."""
    return isinstance(tree.operand if isinstance(tree, t.Negate) else tree, t.Number)


def digits(value: object) -> Decimal:
    """A literal number's digits."""
    written = format(value, "f") if not isinstance(value, int) else str(value)
    whole, _, places = written.partition(".")
    return Decimal(max(len(whole.lstrip("0")) + len(places), 1), len(places))


def converts(found: ColumnType, to: ColumnType) -> Literal["always", "perhaps"] | None:
    """Whether every value of a type has one in the other, or some do; None: no such conversion."""
    if found == to:
        return "always" if common(found, found) is not None else None
    match to:
        case Flat("string"):
            return None if approximate(found) or not isinstance(found, Flat | Decimal) or _bytes(found) else "always"
        case Flat("boolean"):
            return "perhaps" if found == STRING else None
        case Flat("double"):
            return "always" if numeric(found) else "perhaps" if found == STRING else None
        case Flat("date"):
            return "always" if found == TIMESTAMP else "perhaps" if found == STRING else None
        case Flat("timestamp"):
            return "always" if found == DATE else "perhaps" if found == STRING else None
        case _:
            if found == BOOLEAN:
                return "always" if to in (INT, LONG) else None
            if approximate(found) or found == STRING:
                return "perhaps"
            known = exact(found)
            return None if known is None else "always" if _fits(known, to) else "perhaps"


def _fits(found: Decimal, to: ColumnType) -> bool:
    holds = {INT: Decimal(9, 0), LONG: Decimal(SHORT, 0)}.get(to) if isinstance(to, Flat) else exact(to)
    if to == LONG and found == exact(INT):
        return True
    assert holds is not None
    # Rounding to fewer places can carry: 9.99 becomes 10.0.
    carry = 1 if found.scale > holds.scale else 0
    return found.precision - found.scale + carry <= holds.precision - holds.scale


def _bytes(kind: ColumnType) -> bool:
    return kind == Flat("binary")


def _whole(kind: ColumnType) -> bool:
    """Whether it is a whole number of 64 bits."""
    return kind in (INT, LONG) or (isinstance(kind, Decimal) and kind.scale == 0 and kind.precision <= SHORT)


def _joined(one: ColumnType, two: ColumnType) -> ColumnType:
    found = common(one, two)
    assert found is not None, "the check compares only what fits"
    return found
