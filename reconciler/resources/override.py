"""`metadata.override` of an activation: a guard or a policy lifted, reviewed like everything else, and expiring."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.schedule import Day
from reconciler.values.base import Value

GuardName = Literal[
    "audience.minRows",
    "audience.maxRows",
    "audience.maxChange",
    "export.minRows",
    "export.maxRows",
    "export.maxRemoved",
]
PolicyName = Annotated[
    str, Field(min_length=1, max_length=63, description="A core policy's name, or that of a Policy.")
]


class Override(Value):
    """Lifts one guard, or one policy of what the activation's flows bring, through the day `until`, which ends at midnight UTC. `reason`
    is shown by plans and status, and kept with every run that a guard let pass for it."""

    guard: GuardName | None = None
    policy: PolicyName | None = None
    until: Day
    reason: Annotated[str, Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _lifts_one(self) -> Self:
        if (self.guard is None) == (self.policy is None):
            raise ValueError("an override lifts one thing: write either guard or policy")
        return self

    @property
    def what(self) -> str:
        """What is lifted: `audience.maxChange`, `policy core-third-party`."""
        return self.guard if self.guard is not None else f"policy {self.policy}"

    def in_force(self, now: dt.datetime) -> bool:
        """Whether its last day isn't over at a moment (aware)."""
        return self.days_left(now) >= 0

    def days_left(self, now: dt.datetime) -> int:
        """Days after the present one in which it is in force, at a moment (aware); below 0 once it has ended."""
        return (self.until - now.astimezone(dt.UTC).date()).days

    def lifts(self, guard: str, now: dt.datetime) -> bool:
        """Whether it lifts this guard at a moment (aware)."""
        return guard == self.guard and self.in_force(now)


Overrides = Override | Annotated[tuple[Override, ...], Field(min_length=1, max_length=32)]


def listed(overrides: Overrides | None) -> tuple[Override, ...]:
    """One as a list of one."""
    if overrides is None:
        return ()
    return overrides if isinstance(overrides, tuple) else (overrides,)
