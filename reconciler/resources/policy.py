"""`Label`, `MarketingAction` and `Policy`: what columns hold, what destinations are for, and what doesn't go together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.metadata import Name
from reconciler.values.base import Value

LabelName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="A core label such as C2, or the name of a Label.",
    ),
]
Meaning = Annotated[str, Field(min_length=1, max_length=1000, description="What it says, in a sentence.")]
Operator = Annotated[Literal["AND", "OR"], Field(description="All of them, or any.")]
_MOST = 32
_OPERANDS = "Labels, or expressions of the same form."


class LabelSpec(Value):
    """What the data of a column is, or must not be used for."""

    meaning: Meaning


class MarketingActionSpec(Value):
    """What a destination is used for."""

    meaning: Meaning


# A schema that refers to itself could be nested without end, and couldn't be inlined: three levels are written out.
class Innermost(Value):
    """Labels of which all (`AND`) or any (`OR`) are there."""

    operator: Operator
    operands: Annotated[tuple[LabelName, ...], Field(min_length=1, max_length=_MOST, description="Labels.")]


class Inner(Value):
    """Labels, and expressions over them."""

    operator: Operator
    operands: Annotated[tuple[LabelName | Innermost, ...], Field(min_length=1, max_length=_MOST, description=_OPERANDS)]


class Outer(Value):
    """Labels, and expressions over them, two levels deep."""

    operator: Operator
    operands: Annotated[tuple[LabelName | Inner, ...], Field(min_length=1, max_length=_MOST, description=_OPERANDS)]


Deny = LabelName | Outer
AnyDeny = str | Outer | Inner | Innermost


def labels_of(deny: AnyDeny) -> tuple[str, ...]:
    """Every label that an expression names, in its order, each once."""
    if isinstance(deny, str):
        return (deny,)
    return tuple(dict.fromkeys(label for each in deny.operands for label in labels_of(each)))


def holds(deny: AnyDeny, present: frozenset[str]) -> frozenset[str] | None:
    """Which of the labels that are `present` make an expression true; None where it isn't."""
    if isinstance(deny, str):
        return frozenset({deny}) if deny in present else None
    found = [holds(each, present) for each in deny.operands]
    true = [each for each in found if each is not None]
    if not true or (deny.operator == "AND" and len(true) < len(found)):
        return None
    return frozenset().union(*true)


def said(deny: AnyDeny) -> str:
    """The expression as people read it: `C3 AND (I1 OR I2)`."""
    if isinstance(deny, str):
        return deny
    parts = [f"({said(each)})" if not isinstance(each, str) else each for each in deny.operands]
    return f" {deny.operator} ".join(parts)


class PolicySpec(Value):
    """Forbids a destination with any of `marketingActions` (none: every destination) what makes `deny` true of all that its recipient
    gets.

    `status`: `enabled` refuses, `draft` warns, `disabled` does nothing. A document with a core policy's name says its `status` alone, and
    why: `reason`.
    """

    status: Annotated[
        Literal["draft", "enabled", "disabled"], Field(description="Refuses, warns, or does nothing.")
    ] = "enabled"
    marketing_actions: Annotated[
        tuple[Name, ...], Field(description="Destinations with any of them; none: every destination.")
    ] = ()
    deny: Deny | None = None
    reason: (
        Annotated[str, Field(min_length=1, max_length=500, description="Why a core policy isn't enabled.")] | None
    ) = None
