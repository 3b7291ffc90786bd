"""Time only goes forward on a ledger."""

from __future__ import annotations

from datetime import datetime

from reconciler.errors import Refused
from reconciler.ledger.records import Actual


def latest(actual: Actual, now: datetime) -> datetime:
    """The time that a simulated ledger stands at; `now` on a real one, or if that is later."""
    if actual.project is None or not actual.project.simulated:
        return now
    recorded = [each.at for each in actual.project.owners.values()]
    return max([now, *recorded, *(head.recorded_at for head in actual.flows.values())])


def not_behind(actual: Actual, now: datetime) -> None:
    """Raises `Refused` L152 where a simulated ledger has recorded a later time than the one to act at.

    On a real ledger the clock decides: two machines that differ by seconds are no reason to refuse a night's exports.
    """
    recorded = latest(actual, now)
    if now < recorded:
        raise Refused(
            "L152",
            "the ledger has recorded a later time",
            f"It has recorded {recorded:%Y-%m-%dT%H:%MZ}, and this acts at {now:%Y-%m-%dT%H:%MZ}. Give --at with a later time.",
        )
