"""What is due: the slot to export now, and how many others have passed without an export."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import assert_never

from reconciler.ledger.records import FlowHead
from reconciler.plan.calendar import Schedule, count_slots, latest_slot, slots
from reconciler.values.slot import to_utc

MISSED_LIMIT = 1000
SKIP_AFTER = dt.timedelta(hours=1)
_INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Due:
    """`slot`: to export now (UTC), or None. `missed`: the other slots up to now without an export.

    What becomes of the missed ones is `catchUp`'s: `latest` covers them in `slot`, `all` has them wait their turn, `skip` drops
    them. They are counted up to `MISSED_LIMIT`; `missed_capped` says that there are more.
    """

    slot: dt.datetime | None
    missed: int = 0
    missed_capped: bool = False


def due(schedule: Schedule, since: dt.datetime, last_slot: dt.datetime | None, now: dt.datetime) -> Due:
    """The slot that is due at `now`.

    Only slots at or after `since` (when the flow was applied) and after `last_slot` (the newest that was exported) count. Times are
    aware; ValueError otherwise. A clock that went back behind `last_slot` makes nothing due.
    """
    start = to_utc(since) - _INSTANT
    if last_slot is not None:
        start = max(start, to_utc(last_slot))
    newest = latest_slot(schedule, start, now)
    if newest is None:
        return Due(None)
    slot: dt.datetime | None
    match schedule.catch_up:
        case "latest":
            slot = newest
        case "skip":
            slot = newest if to_utc(now) - newest <= SKIP_AFTER else None
        case "all":
            slot = next(slots(schedule, start, newest))
        case _:
            assert_never(schedule.catch_up)
    others = count_slots(schedule, start, now, MISSED_LIMIT + 2) - (slot is not None)
    return Due(slot, min(others, MISSED_LIMIT), others > MISSED_LIMIT)


def waiting_since(head: FlowHead, now: dt.datetime) -> dt.datetime | None:
    """The oldest slot that a flow should have exported by `now` (aware) and hasn't; None where it is up to date or suspended.

    A decided run's slot counts as exported. Under `catchUp: skip` a slot is given up after an hour.
    """
    if head.state != "active":
        return None
    last = head.last_slot
    if head.open is not None and head.open.phase == "publishing" and not head.open.on_demand:
        last = max(last, head.open.slot) if last else head.open.slot
    found = due(head.spec.schedule, head.since, last, now)
    if found.slot is None or head.spec.schedule.catch_up == "skip":
        return found.slot
    start = to_utc(head.since) - _INSTANT
    return next(slots(head.spec.schedule, max(start, to_utc(last)) if last else start, found.slot))
