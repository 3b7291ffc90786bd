"""The due exports of a ledger: one that fails leaves the others to go on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Lock
from typing import TypeVar

from reconciler.api.purges import NotDiscarded, PurgeEvent, complete
from reconciler.api.retaining import RetainEvent, keeps_some, retain
from reconciler.apply.context import Context
from reconciler.apply.due import due_exports
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.apply.settle import LeftBehind
from reconciler.apply.together import origin
from reconciler.apply.units import together, units
from reconciler.errors import ReconcilerError, unexpected
from reconciler.export.job import Interrupted
from reconciler.ledger.records import Actual, FlowHead, RunRecord
from reconciler.plan.due import due
from reconciler.plan.exports import upcoming
from reconciler.plan.plan import NextExport

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was recorded. `completed`: another runner had decided it, and this one published what was left: both tell of it,
    should the other be alive."""

    flow: str
    run: RunRecord
    completed: bool = False


@dataclass(frozen=True, slots=True)
class NotExported:
    """An export that failed or was held. The next run tries again."""

    flow: str
    error: ReconcilerError


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Told, and no event of ours: an export that is left to the runner that has it open, until its lease is over. That runner may be
    dead."""

    flow: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Idle:
    """Told, and no event of ours: nothing was due. `next`: the earliest slot to come, if there is one."""

    next: NextExport | None


_Due = tuple[FlowHead, Wanted | None]
Event = Exported | NotExported | PurgeEvent | RetainEvent
Tell = Callable[[Event | Elsewhere | Idle], None]


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
    told: Tell,
    parallel: int = 1,
) -> tuple[Event, ...]:
    """Exports what is due of `heads`, `parallel` flows at once, and completes what earlier runs left of them. What another runner
    has exported meanwhile isn't told of. Where each missed slot is exported by itself, all are. Where there was nothing to tell, `Idle` is.

    Raises `Interrupted` once asked to stop: what was exported by then has been told.
    """
    wanted = {head.flow for head in heads}
    told = _InTurn(told)
    ready = [(head, Wanted(slot, covers=missed) if slot else None) for head, slot, missed in due_exports(actual, now)]
    ready = [(head, slot) for head, slot in ready if head.flow in wanted]

    def member(mine: Context, work: _Due) -> list[Event]:
        return [*_flow(mine, *work, now, told), *_left(mine, *work, told)]

    shared, single = _units(context, ready)
    events = [event for unit in shared for found in together(context, unit, member, parallel) for event in found]
    if parallel == 1 or len(single) < 2:
        events += [event for each in single for event in member(context, each)]
    else:
        with ThreadPoolExecutor(parallel, thread_name_prefix="flow") as pool:
            events += [event for found in pool.map(partial(member, context), single) for event in found]
    events += complete(context, [head for head in heads if head.purge], now, told)
    exported = [each.flow for each in events if isinstance(each, Exported) and keeps_some(each.run.spec)]
    events += retain(context, heads, exported, now, told)
    if not told.anything:
        told(Idle(upcoming([head for head in heads if head.state == "active"], (), now)))
    return tuple(events)


def _units(context: Context, ready: list[_Due]) -> tuple[list[list[_Due]], list[_Due]]:
    """Flows that are read together, and those that are read by themselves."""
    found = units(context, [(origin(head) if wanted is not None else None, (head, wanted)) for head, wanted in ready])
    return [each for each in found if len(each) > 1], [each[0] for each in found if len(each) == 1]


def _flow(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime, told: Tell) -> Iterator[Event]:
    """One flow's exports: one, or under `catchUp: all` one for each missed slot."""
    while True:
        if context.stop():
            raise Interrupted
        completed, event = _one(context, head, wanted, now, told)
        yield from completed
        if event is not None:
            told(event)
            yield event
        elif (other := _elsewhere(context, head)) is not None:
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


def _left(context: Context, head: FlowHead, wanted: Wanted | None, told: Tell) -> Iterator[Event]:
    """What earlier runs staged and couldn't be removed beside an export; without one, that is what has been told."""
    if wanted is None or not head.abandoned:
        return
    fresh = context.ledger.head(head.flow_id)
    if fresh is not None and any(each.unremoved for each in fresh.document.abandoned):
        event = NotDiscarded(head.flow, LeftBehind(fresh.document))
        told(event)
        yield event


class _InTurn:
    """One event at a time, whichever thread it comes from. `anything`: whether there was one."""

    def __init__(self, told: Tell) -> None:
        self.anything = False
        self._told = told
        self._lock = Lock()

    def __call__(self, event: Event | Elsewhere | Idle) -> None:
        with self._lock:
            self.anything = True
            self._told(event)


def _elsewhere(context: Context, head: FlowHead) -> Elsewhere | None:
    """Who has the flow open now; None where nobody has any more."""
    fresh = context.ledger.head(head.flow_id)
    run = fresh.document.open if fresh else None
    return Elsewhere(head.flow, run.lease.until) if run else None


def _one(
    context: Context, head: FlowHead, wanted: Wanted | None, now: datetime, told: Tell
) -> tuple[list[Event], Event | None]:
    """What was completed on the way, which has been told, and what came of ours."""
    completed: list[Event] = []

    def hears(run: RunRecord) -> None:
        completed.append(Exported(head.flow, run, completed=True))
        told(completed[-1])

    return completed, _ours(replace(context, completed=hears), head, wanted, now)


def or_failed(flow: str, make: Callable[[], _Made]) -> _Made | NotExported:
    """What comes of it, or why it failed, for the others to go on. Raises `Interrupted`."""
    try:
        return make()
    except ReconcilerError as error:
        return NotExported(flow, error)
    except Interrupted:
        raise
    except Exception as error:
        return NotExported(flow, unexpected(error))


def _ours(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime) -> Event | None:
    def made() -> Exported | NotDiscarded | None:
        try:
            return _exported(context, head, wanted, now)
        except LeftBehind as error:
            return NotDiscarded(head.flow, error)

    event = or_failed(head.flow, made)
    # Leftovers that can't be discarded yet are no failure of the flow.
    failed = event.error if isinstance(event, NotExported) and wanted is not None else None
    context.ended(head.flow_id, failed)
    return event


def _exported(context: Context, head: FlowHead, wanted: Wanted | None, now: datetime) -> Exported | None:
    if wanted is not None:
        run = run_flow(context, head.flow_id, wanted, now)
        return Exported(head.flow, run) if run else None
    settle(context, head.flow_id, now, insist=True)
    return None
