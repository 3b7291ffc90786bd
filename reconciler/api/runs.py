"""The due exports of a ledger: one that fails leaves the others to go on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock

from reconciler.api.purges import PurgeEvent, complete
from reconciler.api.retaining import RetainEvent, keeps_some, retain
from reconciler.apply.context import Context
from reconciler.apply.due import due_exports
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.apply.together import origin
from reconciler.apply.units import together, units
from reconciler.errors import ReconcilerError, unexpected
from reconciler.export.job import Interrupted
from reconciler.ledger.records import Actual, FlowHead, RunRecord
from reconciler.plan.due import due


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


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Told, and no event of ours: an export that is due and left to the runner that has it open, until its lease is over. That runner
    may be dead."""

    flow: str
    until: datetime


_Due = tuple[FlowHead, Wanted | None]
Event = Exported | NotExported | PurgeEvent | RetainEvent


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`-th of `of` parts of the flows, from 1: every flow is in exactly one, whoever asks."""

    number: int
    of: int

    def holds(self, flow: str) -> bool:
        """Whether a flow is in this part."""
        return int.from_bytes(hashlib.sha256(flow.encode()).digest()[:8]) % self.of == self.number - 1


WHOLE = Shard(1, 1)


def run_due(
    context: Context,
    actual: Actual,
    heads: list[FlowHead],
    now: datetime,
    told: Callable[[Event | Elsewhere], None],
    parallel: int = 1,
) -> tuple[Event, ...]:
    """Exports what is due of `heads`, `parallel` flows at once, and completes what earlier runs left of them. What another runner
    has exported meanwhile isn't told of. Where each missed slot is exported by itself, all are.

    Raises `Interrupted` once asked to stop: what was exported by then has been told.
    """
    wanted = {head.flow for head in heads}
    told = _in_turn(told)
    ready = [(head, Wanted(slot, covers=missed) if slot else None) for head, slot, missed in due_exports(actual, now)]
    ready = [(head, slot) for head, slot in ready if head.flow in wanted]

    def member(mine: Context, work: _Due) -> list[Event]:
        return list(_flow(mine, *work, now, told))

    shared, single = _units(context, ready)
    events = [event for unit in shared for found in together(context, unit, member, parallel) for event in found]
    if parallel == 1 or len(single) < 2:
        events += [event for each in single for event in member(context, each)]
    else:
        with ThreadPoolExecutor(parallel, thread_name_prefix="flow") as pool:
            events += [event for found in pool.map(partial(member, context), single) for event in found]
    events += complete(context, [head for head in heads if head.purge], told)
    exported = [each.flow for each in events if isinstance(each, Exported) and keeps_some(each.run.spec)]
    events += retain(context, heads, exported, now, told)
    return tuple(events)


def _units(context: Context, ready: list[_Due]) -> tuple[list[list[_Due]], list[_Due]]:
    """Flows that are read together, and those that are read by themselves."""
    found = units(context, [(origin(head) if wanted is not None else None, (head, wanted)) for head, wanted in ready])
    return [each for each in found if len(each) > 1], [each[0] for each in found if len(each) == 1]


def _flow(
    context: Context, head: FlowHead, wanted: Wanted | None, now: datetime, told: Callable[[Event | Elsewhere], None]
) -> Iterator[Event]:
    """One flow's exports: one, or under `catchUp: all` one for each missed slot."""
    while True:
        if context.stop():
            raise Interrupted
        event = _one(context, head, wanted, now)
        if event is not None:
            told(event)
            yield event
        elif wanted is not None and (other := _elsewhere(context, head)) is not None:
            told(other)
            return
        if isinstance(event, NotExported) or not head.spec.schedule.needs_time_cut:
            return
        fresh = context.ledger.head(head.flow_id)
        # Without an event the slot may be done all the same: what an earlier call had decided was completed, and the rest is still due.
        if fresh is None or fresh.document.state != "active" or fresh.document.last_slot == head.last_slot:
            return
        head = fresh.document
        found = due(head.spec.schedule, head.since, head.last_slot, now)
        if found.slot is None:
            return
        wanted = Wanted(found.slot)


def _in_turn(told: Callable[[Event | Elsewhere], None]) -> Callable[[Event | Elsewhere], None]:
    """One event at a time, whichever thread it comes from."""
    lock = Lock()

    def tell(event: Event | Elsewhere) -> None:
        with lock:
            told(event)

    return tell


def _elsewhere(context: Context, head: FlowHead) -> Elsewhere | None:
    """Who has the flow open now; None where nobody has any more."""
    fresh = context.ledger.head(head.flow_id)
    run = fresh.document.open if fresh else None
    return Elsewhere(head.flow, run.lease.until) if run else None


def _one(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime) -> Event | None:
    try:
        event = _exported(context, head, wanted, now)
    except ReconcilerError as error:
        event = NotExported(head.flow, error)
    except Interrupted:
        raise
    except Exception as error:
        event = NotExported(head.flow, unexpected(error))
    # Leftovers that can't be discarded yet are no failure of the flow.
    failed = event.error if isinstance(event, NotExported) and wanted is not None else None
    context.ended(head.flow_id, failed)
    return event


def _exported(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime) -> Exported | NotExported | None:
    if wanted is not None:
        run = run_flow(context, head.flow_id, wanted, now)
        return Exported(head.flow, run) if run else None
    settle(context, head.flow_id, now, insist=True)
    return None
