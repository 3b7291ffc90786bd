"""`metadata.override` of an activation: one guard lifted, reviewed like everything else, and expiring."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

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


class Override(Value):
    """Lifts one guard through the day `until`, which ends at midnight UTC. `reason` is kept with every run that it let pass."""

    guard: GuardName
    until: Day
    reason: Annotated[str, Field(min_length=1, max_length=500)]

    def in_force(self, now: dt.datetime) -> bool:
        """Whether its last day isn't over at a moment (aware)."""
        return now.astimezone(dt.UTC).date() <= self.until

    def lifts(self, guard: str, now: dt.datetime) -> bool:
        """Whether it lifts this guard at a moment (aware)."""
        return guard == self.guard and self.in_force(now)
