"""The tree of an expression: ours, so that nothing reaches an engine that isn't one of these.

`at` says where a node stands in the text; it doesn't count when trees are compared.
"""

from __future__ import annotations

import datetime
import decimal
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from reconciler.where.problems import Span

Comparison = Literal["=", "<>", "<", "<=", ">", ">="]
Operator = Literal["+", "-", "*"]
Function = Literal[
    "LOWER", "UPPER", "TRIM", "LENGTH", "COALESCE", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "ABS",
    "YEAR", "MONTH", "DAY",
]  # fmt: skip
_NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes have."""

    at: Span = field(default=_NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A column by its exact name."""

    name: str
    quoted: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text in single quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """An integer or a decimal fraction, never negative (see `Negate`)."""

    value: int | decimal.Decimal


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Date(Node):
    """A day."""

    value: datetime.date


@dataclass(frozen=True, slots=True)
class Timestamp(Node):
    """An instant, UTC."""

    value: datetime.datetime


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """Null if a side is null."""

    operator: Comparison
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class And(Node):
    """Two terms or more."""

    terms: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Two terms or more."""

    terms: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """Null for null."""

    operand: Tree


@dataclass(frozen=True, slots=True)
class In(Node):
    """Equal to one of the values, which are literals."""

    operand: Tree
    values: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Between(Node):
    """Both ends included."""

    operand: Tree
    low: Tree
    high: Tree


@dataclass(frozen=True, slots=True)
class Like(Node):
    """`%` is any text, `_` one character; there is no escape. `caseless`: ILIKE."""

    operand: Tree
    pattern: str
    caseless: bool


@dataclass(frozen=True, slots=True)
class Is(Node):
    """IS NULL (`value` None), IS TRUE, IS FALSE: never null."""

    operand: Tree
    value: bool | None


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """On numbers; null if a side is null."""

    operator: Operator
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Concat(Node):
    """`||` on text; null if a side is null."""

    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """The number with the other sign."""

    operand: Tree


@dataclass(frozen=True, slots=True)
class Call(Node):
    """One of the functions."""

    function: Function
    arguments: tuple[Tree, ...]


Tree: TypeAlias = (
    Column
    | Text
    | Number
    | Boolean
    | Date
    | Timestamp
    | Compare
    | And
    | Or
    | Not
    | In
    | Between
    | Like
    | Is
    | Arithmetic
    | Concat
    | Negate
    | Call
)
