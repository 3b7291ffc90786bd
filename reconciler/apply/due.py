"""Which flows of a ledger want a runner now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciler.ledger.records import Actual, FlowHead
from reconciler.plan.due import due


def due_exports(actual: Actual, now: datetime) -> Iterator[tuple[FlowHead, datetime | None, int]]:
    """(head, due slot, older slots it covers), by flow id; a slot of None: only what an earlier call left
    is to be dealt with: an open or abandoned run, a purge."""
    for _, head in sorted(actual.flows.items()):
        found = due(head.spec.schedule, head.since, head.last_slot, now) if head.state == "active" else None
        if found is not None and found.slot is not None:
            yield head, found.slot, found.missed
        elif head.open is not None or head.abandoned or head.purge:
            yield head, None, 0
