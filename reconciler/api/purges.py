"""Clean-ups that an earlier call left unfinished: whoever runs or applies next goes on with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.apply.context import Context
from reconciler.apply.purge import purge
from reconciler.apply.settle import settle
from reconciler.errors import ReconcilerError
from reconciler.ledger.records import Actual, FlowHead


@dataclass(frozen=True, slots=True)
class Purged:
    """All that a removed flow exported is deleted now."""

    flow: str
    files: int


@dataclass(frozen=True, slots=True)
class NotPurged:
    """Some of it couldn't be deleted. The next run or apply tries again."""

    flow: str
    error: ReconcilerError


@dataclass(frozen=True, slots=True)
class NotDiscarded:
    """What an abandoned run staged couldn't be removed. The next run or apply tries again."""

    flow: str
    error: ReconcilerError


PurgeEvent = Purged | NotPurged | NotDiscarded


def owed(actual: Actual, owner: str) -> list[FlowHead]:
    """Removed flows of a project whose files are still to be deleted."""
    return [head for _, head in sorted(actual.flows.items()) if head.purge and head.owner == owner]


def complete(
    context: Context, heads: Iterable[FlowHead], now: datetime, told: Callable[[PurgeEvent], None]
) -> tuple[PurgeEvent, ...]:
    """Tries every purge that is owed. One that fails leaves the others; one that another runner did isn't told of."""
    events: list[PurgeEvent] = []
    for head in heads:
        try:
            files = purge(context, head.flow_id, now)
            if files is None:
                continue
            events.append(Purged(head.flow, files))
        except ReconcilerError as error:
            events.append(NotPurged(head.flow, error))
        told(events[-1])
    return tuple(events)


def left_behind(actual: Actual, owner: str) -> list[FlowHead]:
    """Flows of a project with what earlier calls couldn't remove of abandoned runs."""
    heads = (head for _, head in sorted(actual.flows.items()) if head.owner == owner and head.state != "moved")
    return [head for head in heads if any(each.unremoved for each in head.abandoned)]


def discard(
    context: Context, heads: Iterable[FlowHead], now: datetime, told: Callable[[PurgeEvent], None]
) -> tuple[PurgeEvent, ...]:
    """Tries to remove what is left behind of each. Only what fails is told of: nobody has seen anything of it."""
    events: list[PurgeEvent] = []
    for head in heads:
        try:
            settle(context, head.flow_id, now, insist=True)
        except ReconcilerError as error:
            events.append(NotDiscarded(head.flow, error))
            told(events[-1])
    return tuple(events)
