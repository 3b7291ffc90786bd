"""Deleting what is past `files.retain`, beside the work of a run or an apply: what fails is told, and tried again by the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.apply.changes import Done, Result
from reconciler.apply.context import Context
from reconciler.apply.retain import thin, wanted
from reconciler.errors import ReconcilerError
from reconciler.export.job import Interrupted
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.plan.plan import AddFlow, AdoptFlow, MoveFlow, UpdateFlow
from reconciler.resources.effective import FlowSpec
from reconciler.values.identity import FlowId


@dataclass(frozen=True, slots=True)
class Removed:
    """So many exports of a flow were older than `files.retain` keeps; their `files` are deleted."""

    flow: str
    exports: int
    files: int


@dataclass(frozen=True, slots=True)
class NotRemoved:
    """Some of them couldn't be deleted. The next run or apply tries again."""

    flow: str
    error: ReconcilerError


RetainEvent = Removed | NotRemoved


def keeps_some(spec: FlowSpec) -> bool:
    """Whether a flow's older exports are deleted in time: others needn't be looked at."""
    return spec.destination.spec.files.retain is not None


def touched_by(results: Iterable[Result]) -> list[str]:
    """Flows of which an apply exported or changed something, so that more may be past what is kept."""
    found = []
    for each in results:
        match each:
            case (
                Done(run=RunRecord(spec=spec))
                | Done(change=AddFlow(spec=spec))
                | Done(change=UpdateFlow(spec=spec))
                | Done(change=MoveFlow(spec=spec))
                | Done(change=AdoptFlow(spec=spec))
            ):
                found += [each.change.subject] if keeps_some(spec) else []
            case _:
                pass
    return found


def retain(
    context: Context, heads: Iterable[FlowHead], touched: Iterable[str], now: datetime, told: Callable[[Any], None]
) -> tuple[RetainEvent, ...]:
    """Deletes what is due of `heads`, as they were when the call began, and of flows that it `touched` since. One that fails leaves the
    others. Raises `Interrupted` once asked to stop."""
    events: list[RetainEvent] = []
    for flow in sorted({head.flow for head in heads if wanted(head, now)} | set(touched)):
        if context.stop():
            raise Interrupted
        try:
            found = thin(context, FlowId.parse(flow), now)
            if found is None or not found.exports:
                continue
            events.append(Removed(flow, found.exports, found.files))
        except ReconcilerError as error:
            events.append(NotRemoved(flow, error))
        told(events[-1])
    return tuple(events)


def retain_after(
    context: Callable[[], Context],
    heads: list[FlowHead],
    results: Iterable[Result],
    now: datetime,
    told: Callable[[Any], None],
) -> tuple[RetainEvent, ...]:
    """The same after an apply over its project's `heads`; `context` is made only where there is something to do."""
    touched = touched_by(results)
    if not touched and not any(wanted(head, now) for head in heads):
        return ()
    return retain(context(), heads, touched, now, told)
