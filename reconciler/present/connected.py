"""What `validate --connect` tried, and what of it worked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.present.words import inert


@dataclass(frozen=True, slots=True, order=True)
class Tried:
    """Something that is as it must be. `kind`: `account`, `ledger`, …; `steps`: what was done, in words."""

    kind: str
    name: str
    steps: tuple[str, ...]


def connected_lines(tried: Iterable[Tried]) -> str:
    """A line each; what didn't work is among the findings."""
    listed = list(tried)
    width = max((len(inert(each.name)) for each in listed), default=0)
    return "".join(
        f"  ✓ {each.kind:<14} {inert(each.name):<{width}}  {inert(', '.join(each.steps))}\n" for each in listed
    )


def connected_data(tried: Iterable[Tried]) -> list[dict[str, object]]:
    """The same for machines."""
    return [{"kind": each.kind, "name": each.name, "steps": list(each.steps)} for each in tried]
