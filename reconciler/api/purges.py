"""Purges that an earlier apply left unfinished: whoever runs or applies next goes on with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.apply.context import Context
from reconciler.apply.purge import purge
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


PurgeEvent = Purged | NotPurged


def owed(actual: Actual, owner: str) -> list[FlowHead]:
    """Removed flows of a project whose files are still to be deleted."""
    return [head for _, head in sorted(actual.flows.items()) if head.purge and head.owner == owner]


def complete(context: Context, heads: Iterable[FlowHead], told: Callable[[PurgeEvent], None]) -> tuple[PurgeEvent, ...]:
    """Tries every purge that is owed. One that fails leaves the others; one that another runner did isn't told of."""
    events: list[PurgeEvent] = []
    for head in heads:
        try:
            files = purge(context, head.flow_id)
            if files is None:
                continue
            events.append(Purged(head.flow, files))
        except ReconcilerError as error:
            events.append(NotPurged(head.flow, error))
        told(events[-1])
    return tuple(events)
