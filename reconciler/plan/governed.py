"""What policies found, as values that a plan shows and a machine reads."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from reconciler.values.base import Value


class Bearer(Value):
    """A column that carries a label to a recipient, by these flows; without `dataset` and `column` a label alone was asked about.
    `leaves_as`: its name in the files; None where only `where` reads it. `place`: where the label is declared, `path:line`; None where that
    is another project's."""

    label: str
    dataset: str
    column: str
    leaves_as: str | None = None
    place: str | None = None
    flows: tuple[str, ...]


class Violation(Value):
    """A policy, and everything that together breaks it. `actions`: those for which the policy holds; none: it holds for every destination.
    `draft`: it only warns."""

    policy: str
    draft: bool = False
    why: str
    recipient: str
    third_party: bool
    destinations: tuple[str, ...]
    actions: tuple[str, ...]
    bearers: tuple[Bearer, ...]


class Lifted(Value):
    """An override that is declared. `days_left`: after the present day; below 0 once it has ended. `needed`: the policy that it lifts would
    be broken without it; None for guards, which only a run's counts can tell. `place`: `path:line`."""

    activation: str
    guard: str | None = None
    policy: str | None = None
    until: dt.date
    reason: str
    days_left: int
    needed: bool | None = None
    place: str


class SwitchedOff(Value):
    """A core policy that isn't enabled, by which file, and why."""

    policy: str
    status: Literal["draft", "disabled"]
    reason: str
    place: str


class Ended(Value):
    """An agreement that is over, and the flows to that destination that are declared all the same, suspended ones aside. `place`: where
    its last day stands, `path:line`."""

    recipient: str
    until: dt.date
    flows: tuple[str, ...]
    place: str


class Received(Value):
    """Who receives which labels on what (`dataset.column`). `recipient`: its name, or the destination's where it has none."""

    recipient: str
    third_party: bool
    destinations: tuple[str, ...]
    actions: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]


class Governance(Value):
    """`evaluated`: policies that are enabled or drafts."""

    evaluated: int = 0
    off: tuple[SwitchedOff, ...] = ()
    violations: tuple[Violation, ...] = ()
    received: tuple[Received, ...] = ()
    overrides: tuple[Lifted, ...] = ()
    ended: tuple[Ended, ...] = ()
