"""A saved plan, and whether it may still be performed. Its file holds no secrets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from reconciler.ledger.records import Actual
from reconciler.plan.plan import (
    CreateDestination,
    DestinationChange,
    Export,
    FlowChange,
    MoveFlow,
    Plan,
    Refusal,
    RemoveDestination,
    UpdateDestination,
)
from reconciler.values.base import Value
from reconciler.values.slot import Instant, to_utc

VALID_FOR = timedelta(days=1)


class SavedPlan(Value):
    """What `plan --out` writes: the plan and when it stops being valid."""

    format_version: Literal[1] = 1
    plan: Plan
    expires: Instant


def save(plan: Plan, valid_for: timedelta = VALID_FOR) -> SavedPlan:
    """The plan, valid for a while from the moment it was made for."""
    return SavedPlan(plan=plan, expires=plan.at + valid_for)


def check_saved(
    saved: SavedPlan, actual: Actual, now: datetime, tool: str, config_digest: str | None = None
) -> Refusal | None:
    """Why a saved plan can't be performed on this ledger now; None if it can.

    Bound to the ledger's lineage and serial (applies bump it, runs don't), the generation of everything it touches,
    the tool's version, its expiry and, where the configuration is at hand, `config_digest` (of `Desired.digest()`).
    """
    plan, record = saved.plan, actual.project
    if plan.refusals:
        return plan.refusals[0]
    if plan.base is not None:
        return Refusal(code="G122", sentence="The plan compares two revisions and knows no ledger.")
    if plan.tool != tool:
        return Refusal(code="G126", sentence=f"The plan was made by version {plan.tool}, and this is {tool}.")
    if to_utc(now) >= saved.expires:
        return Refusal(code="G121", sentence=f"The plan was valid until {saved.expires:%Y-%m-%d %H:%M} UTC.")
    if config_digest is not None and config_digest != plan.config_digest:
        return Refusal(code="G125", sentence="What is declared here isn't what was planned.")
    if (record.lineage if record else None) != plan.lineage:
        known = "another ledger" if plan.lineage else "a ledger that had not been made yet"
        return Refusal(code="G122", sentence=f"The plan was made for {known}.")
    if record is not None and record.serial != plan.serial:
        return Refusal(code="G123", sentence=f"The ledger's serial was {plan.serial} and is {record.serial} now.")
    for change in plan.changes:
        for name, seen, found in _touched(change, actual):
            if seen != found:
                return Refusal(code="G124", sentence=f"{name} was at generation {seen} and is at {found} now.")
    return None


def _touched(change: DestinationChange | FlowChange | Export, actual: Actual) -> list[tuple[str, int, int]]:
    """Name, generation as seen, generation now: of the change's subject and, for a rename, of its former end."""
    if isinstance(change, CreateDestination | UpdateDestination | RemoveDestination):
        record = actual.destinations.get(change.subject)
        return [(change.subject, change.generation, record.generation if record else 0)]
    found = [(change.subject, change.generation, _generation(actual, change.subject))]
    if isinstance(change, MoveFlow):
        found.append((change.moved_from, change.from_generation, _generation(actual, change.moved_from)))
    return found


def _generation(actual: Actual, flow: str) -> int:
    head = actual.flows.get(flow)
    return head.generation if head else 0
