"""A saved plan, and whether it may still be performed. Its file holds no secrets."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Literal

from reconciler.config.desired import Desired
from reconciler.errors import Conflict, ReconcilerError, Refused
from reconciler.ledger.records import Actual
from reconciler.plan import verdicts
from reconciler.plan.calendar import latest_slot
from reconciler.plan.governance import review
from reconciler.plan.plan import (
    AdoptDestination,
    AnyChange,
    CreateDestination,
    Export,
    MoveFlow,
    Plan,
    Reason,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    UpdateAccess,
    UpdateDestination,
)
from reconciler.plan.planner import plan as planned
from reconciler.values.base import Value
from reconciler.values.slot import Instant, to_utc

VALID_FOR = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_ANY = Reason(code="", sentence="")


class SavedPlan(Value):
    """What `plan --out` writes: the plan, when it stops being valid, and the digest of both (see `digest_of`)."""

    format_version: Literal[1] = 1
    plan: Plan
    expires: Instant
    digest: str


def save(plan: Plan, valid_for: timedelta = VALID_FOR) -> SavedPlan:
    """The plan, valid for a while from the moment it was made for."""
    expires = plan.at + valid_for
    return SavedPlan(plan=plan, expires=expires, digest=digest_of(plan, expires))


def digest_of(plan: Plan, expires: datetime) -> str:
    """Hex SHA-256 of the plan and its expiry in canonical JSON: what a reviewer saw is told from what is applied."""
    whole = {"expires": to_utc(expires).isoformat(), "plan": plan.to_json()}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def refuse(refusal: Refusal) -> ReconcilerError:
    """The error that a refusal of a saved plan is: a guard's no (exit 4), or a plan gone stale (exit 5)."""
    kind: type[Refused] | type[Conflict] = (
        Refused if refusal.code.startswith(("G10", "G14", "G15", "G17")) else Conflict
    )
    return kind(refusal.code, "the saved plan can't be performed", refusal.sentence)


def check_saved(saved: SavedPlan, desired: Desired | None, actual: Actual, now: datetime, tool: str) -> Refusal | None:
    """Why a saved plan can't be performed on this ledger now; None if it can.

    Bound to the tool's version, its expiry, the configuration's digest, the ledger's lineage and serial (applies bump it,
    runs don't) and the generation of everything it touches. What it would do is derived again and must be the same. `desired` is
    None for a plan that never left the process: then nothing is derived again.
    """
    plan = saved.plan
    if plan.refusals:
        return plan.refusals[0]
    if plan.base is not None:
        return Refusal(code="G122", sentence="The plan compares two revisions and knows no ledger.")
    if plan.tool != tool:
        return other_tool(plan.tool, tool)
    if to_utc(now) >= saved.expires:
        return Refusal(code="G121", sentence=f"The plan was valid until {saved.expires:%Y-%m-%d %H:%M} UTC.")
    if desired is not None and desired.digest() != plan.config_digest:
        return Refusal(code="G125", sentence="What is declared here isn't what was planned.")
    stale = _other_ledger(plan, actual) or _touched_since(plan, actual)
    if stale or desired is None:
        return stale
    # Judged anew: an override or an agreement may have ended since, and another project may have begun to send to the same recipient.
    judged = review(desired, actual, now)
    refusals = (*verdicts.refusals(judged, plan.changes), *verdicts.too_late(plan.changes, judged))
    return next(iter(refusals), None) or _not_derived(plan, desired, actual)


def other_tool(made_by: str, tool: str) -> Refusal:
    """A plan that another version made."""
    return Refusal(code="G126", sentence=f"The plan was made by version {made_by}, and this is {tool}.")


def _other_ledger(plan: Plan, actual: Actual) -> Refusal | None:
    record = actual.project
    if (record.lineage if record else None) != plan.lineage:
        known = "another ledger" if plan.lineage else "a ledger that had not been made yet"
        return Refusal(code="G122", sentence=f"The plan was made for {known}.")
    if record is not None and record.serial != plan.serial:
        return Refusal(code="G123", sentence=f"The ledger's serial was {plan.serial} and is {record.serial} now.")
    return None


def _touched_since(plan: Plan, actual: Actual) -> Refusal | None:
    for change in plan.changes:
        for name, seen, found in _touched(change, actual):
            if seen != found:
                return Refusal(code="G124", sentence=f"{name} was at generation {seen} and is at {found} now.")
    return None


def _touched(change: AnyChange, actual: Actual) -> list[tuple[str, int, int]]:
    """Name, generation as seen, generation now: of the change's subject and, for a rename, of its former end."""
    if isinstance(change, UpdateAccess):
        return []  # the ledger's serial tells whether it was changed
    if isinstance(change, CreateDestination | UpdateDestination | AdoptDestination | RemoveDestination):
        record = actual.destinations.get(change.subject)
        return [(change.subject, change.generation, record.generation if record else 0)]
    found = [(change.subject, change.generation, _generation(actual, change.subject))]
    if isinstance(change, MoveFlow):
        found.append((change.moved_from, change.from_generation, _generation(actual, change.moved_from)))
    return found


def _generation(actual: Actual, flow: str) -> int:
    head = actual.flows.get(flow)
    return head.generation if head else 0


def _not_derived(plan: Plan, desired: Desired, actual: Actual) -> Refusal | None:
    """What was planned against what the same inputs give: a file that was edited by hand does nothing that isn't declared.

    What runs did meanwhile is no difference, unless it would make a rebuild of what the plan shows as none.
    """
    select = plan.selected or None
    again = planned(desired, actual, plan.at, select=select, allow_removals="all", allow_rewind=True)
    was, now = ([each for each in one.changes if not isinstance(each, Export)] for one in (plan, again))
    if list(map(_essence, was)) != list(map(_essence, now)):
        return Refusal(code="G128", sentence="It holds other changes than the configuration and the ledger give.")
    for before, after in zip(was, now, strict=True):
        if before.cursor != "rebuild" and after.cursor == "rebuild":
            sentence = f"{before.subject} has exported since: its next export would be a full one, and the plan doesn't say so."
            return Refusal(code="G127", sentence=sentence)
    due = {(each.subject, each.slot) for each in again.changes if isinstance(each, Export)}
    for change in plan.changes:
        if (
            isinstance(change, Export)
            and (change.subject, change.slot) not in due
            and not _settled(change, plan, actual)
        ):
            return Refusal(code="G128", sentence=f"{change.subject} has no slot {change.slot:%Y-%m-%d %H:%M} UTC due.")
    return None


def _essence(change: AnyChange) -> AnyChange:
    """A change as executors read it. How much a purge deletes is counted anew by every plan: runs go on meanwhile."""
    counted = {"deletes": None} if isinstance(change, RemoveFlow) else {}
    return change.model_copy(update={"reason": _ANY, "fields": (), "cursor": "none", **counted})


def _settled(change: Export, plan: Plan, actual: Actual) -> bool:
    """A run did it since, and performing it does nothing; or the run to finish ended, and its slot is repeated.

    A run on demand is only ever tidied up.
    """
    head = actual.flows.get(change.subject)
    if head is None:
        return False
    if change.on_demand or (head.last_slot is not None and head.last_slot >= change.slot):
        return True
    was_slot = change.slot == latest_slot(head.spec.schedule, change.slot - _INSTANT, change.slot)
    return change.run_id is not None and was_slot and head.since <= change.slot <= plan.at
