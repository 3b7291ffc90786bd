"""Exports that a person asks for, of several flows at once: those over one dataset share a read, and one that fails leaves the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from reconciler.api.runs import Exported, NotExported, or_failed
from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow
from reconciler.apply.together import origin
from reconciler.apply.units import together, units
from reconciler.errors import Conflict
from reconciler.export.job import Interrupted
from reconciler.ledger.records import FlowHead, RunRecord

Asked = tuple[FlowHead, Wanted]
Event = Exported | NotExported


def export_now(context: Context, asked: list[Asked], now: datetime, told: Callable[[Event], None]) -> tuple[Event, ...]:
    """What came of each, told as it comes. Raises `Interrupted`."""

    def member(mine: Context, each: Asked) -> Event:
        head, wanted = each
        event = or_failed(head.flow, lambda: Exported(head.flow, one_now(mine, head, wanted, now)))
        told(event)
        return event

    events: list[Event] = []
    for unit in units(context, [(origin(each[0]), each) for each in asked]):
        if context.stop():
            raise Interrupted
        events += together(context, unit, member) if len(unit) > 1 else [member(context, unit[0])]
    return tuple(events)


def one_now(context: Context, head: FlowHead, wanted: Wanted, now: datetime) -> RunRecord:
    """One of them. Raises `Conflict` L120 where another runner is at this flow, and whatever stopped the export."""
    record = run_flow(context, head.flow_id, wanted, now)
    context.ended(head.flow_id, None)
    if record is None:
        detail = (
            f"{head.flow} has an open run. Try again when it is done; how it is doing: reconcile status {head.flow}"
        )
        raise Conflict("L120", "another runner was faster", detail)
    return record
