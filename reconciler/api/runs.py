"""The due exports of a ledger, one after the other: one that fails leaves the others to go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from reconciler.api.purges import PurgeEvent, complete
from reconciler.apply.context import Context
from reconciler.apply.due import due_exports
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import ReconcilerError, unexpected
from reconciler.export.job import Interrupted
from reconciler.ledger.records import Actual, FlowHead, RunRecord


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was recorded."""

    flow: str
    run: RunRecord


@dataclass(frozen=True, slots=True)
class NotExported:
    """An export that failed or was held. The next run tries again."""

    flow: str
    error: ReconcilerError


Event = Exported | NotExported | PurgeEvent


def run_due(
    context: Context, actual: Actual, heads: list[FlowHead], now: datetime, told: Callable[[Event], None]
) -> tuple[Event, ...]:
    """Exports what is due of `heads`, and completes what earlier runs left of them. Another runner's exports aren't told of.

    Raises `Interrupted` once asked to stop: what was exported by then has been told.
    """
    wanted = {head.flow for head in heads}
    events: list[Event] = []
    for head, slot, missed in due_exports(actual, now):
        if head.flow not in wanted:
            continue
        if context.stop():
            raise Interrupted
        event = _one(context, head, Wanted(slot, covers=missed) if slot else None, now)
        if event is not None:
            events.append(event)
            told(event)
    events += complete(context, [head for head in heads if head.purge], told)
    return tuple(events)


def _one(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime) -> Event | None:
    try:
        if wanted is not None:
            run = run_flow(context, head.flow_id, wanted, now)
            return Exported(head.flow, run) if run else None
        settle(context, head.flow_id, now)
        return None
    except ReconcilerError as error:
        return NotExported(head.flow, error)
    except Interrupted:
        raise
    except Exception as error:
        return NotExported(head.flow, unexpected(error))
