"""Time only goes forward on a ledger."""

from __future__ import annotations

from datetime import datetime

from reconciler.errors import Refused
from reconciler.ledger.records import Actual


def latest(actual: Actual, now: datetime) -> datetime:
    """The time that a simulated ledger stands at; `now` on a real one, or if that is later."""
    if actual.project is None or not actual.project.simulated:
        return now
    return max(now, _recorded(actual, now))


def not_behind(actual: Actual, now: datetime, *, asked: bool) -> None:
    """Raises `Refused` L152 where the ledger has recorded a later time than the one to act at. `asked`: somebody named that time.

    It tells who has expired and which list of opt-outs is too old, so going back would let people leave who may not any more.
    The clock of a machine is taken as it is on a real ledger: that two differ by seconds is no reason to refuse a night's exports.
    """
    simulated = actual.project is not None and actual.project.simulated
    recorded = _recorded(actual, now)
    if (simulated or asked) and now < recorded:
        later = "Give --at with a later time." if simulated else "Leave --at out."
        raise Refused(
            "L152",
            "the ledger has recorded a later time",
            f"It has recorded {recorded:%Y-%m-%dT%H:%MZ}, and this acts at {now:%Y-%m-%dT%H:%MZ}. {later}",
        )


def _recorded(actual: Actual, now: datetime) -> datetime:
    """The latest time that anything was applied or exported at; `now` where nothing was."""
    owners = actual.project.owners.values() if actual.project else ()
    recorded = [*(each.at for each in owners), *(head.recorded_at for head in actual.flows.values())]
    return max(recorded, default=now)
