"""Where a run's files are reached today: at the place where they were exported to, with the account that is applied now.

A run keeps the destination as it was claimed. Where its account was replaced since, or belongs to a project that has handed the flow over,
what is there is looked at and deleted with today's; a destination that has moved is reached where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from reconciler.ledger import keys
from reconciler.ledger.records import DestinationRecord, FlowHead
from reconciler.plan.diff import place
from reconciler.resources.effective import EffectiveDestination
from reconciler.stores.ledger import Ledger

Reach = Callable[[EffectiveDestination], EffectiveDestination]


def reaching(ledger: Ledger, head: FlowHead) -> Reach:
    """From a destination as it was claimed by a run of the flow to the one to use for it. Reads the ledger once, and only if asked."""

    @cache
    def today() -> tuple[EffectiveDestination, ...]:
        record = ledger.read(DestinationRecord, keys.destination(head.flow_id.destination))
        # Of a removed flow, the destination may have been changed since; another project's says nothing of ours.
        own = record is not None and record.document.owner == head.owner
        return (*((record.document.spec,) if record is not None and own else ()), head.spec.destination)

    def reach(claimed: EffectiveDestination) -> EffectiveDestination:
        return next((each for each in today() if place(each) == place(claimed)), claimed)

    return reach
