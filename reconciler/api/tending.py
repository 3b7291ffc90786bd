"""Tending a ledger by hand: backing it up, restoring it, ending what a person has to end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.api.choose import applied_flow
from reconciler.apply.abandon import end_decided, forget, forget_purge
from reconciler.apply.context import Context
from reconciler.config.project import LedgerPlace
from reconciler.errors import Conflict, Refused, UsageError
from reconciler.ledger import transitions
from reconciler.ledger.records import Actual, RunRecord
from reconciler.stores.backup import project_of, restore
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Ended:
    """`record`: what the ledger says of a decided run now; None: a run that was abandoned before, and what it had staged is given up.

    `run_id` is None for a removed flow of which what it exported was to be deleted: that is given up, unless it was `purged` after all.
    """

    run_id: str | None
    flow: str
    record: RunRecord | None
    purged: bool = False


def end_run(context: Context, actual: Actual, run_id: str, by: str, now: datetime) -> Ended:
    """Ends a held run, or gives up a purge that fails, named by its removed flow. Raises `UsageError` U113: there is no such open run or
    purge; `Conflict` L125: nobody needs to end it."""
    for head in actual.flows.values():
        if head.open is not None and head.open.run_id == run_id:
            found = context.ledger.head(head.flow_id)
            if found is not None and found.document.open is not None and found.document.open.run_id == run_id:
                return Ended(run_id, head.flow, end_decided(context, found, by, now))
        if any(each.run_id == run_id for each in head.abandoned):
            forget(context, head.flow_id, run_id, now)
            return Ended(run_id, head.flow, None)
        if head.unpurged is not None and head.purge and run_id in (head.flow, head.flow_id.short):
            return Ended(None, head.flow, None, purged=not forget_purge(context, head.flow_id, now))
    raise UsageError(
        "U113",
        "no open run has this id",
        "Only a run that is open can be ended, and only a purge that fails given up: reconcile status shows both.",
    )


def release(ledger: Ledger, actual: Actual, flow: str) -> str:
    """Ends the lease of a flow's open run; returns the run's id. Raises `Conflict` U108 where none is open."""
    head = ledger.head(applied_flow(actual, flow).flow_id)
    run = head.document.open if head else None
    if head is None or run is None:
        raise Conflict("U108", "there is nothing to release", f"{flow} has no open run.")
    over = run.lease.model_copy(update={"until": run.claimed_at})
    ledger.swap(head, transitions.renew(head.document, run.run_id, over, nonce=ledger.nonce()))
    return run.run_id


def restore_into(ledger: Ledger, place: LedgerPlace, path: Path) -> int:
    """A backup into the empty ledger at `place`; returns how many documents. Raises as `restore`, and `Refused` L150: it is of another
    environment, or simulated where this isn't, or the other way round."""
    record = project_of(path)
    if record.environment != place.environment or record.simulated != place.spec.simulated:
        of, here = (
            f"environment {environment or '(none)'}{', simulated' if simulated else ''}"
            for environment, simulated in (
                (record.environment, record.simulated),
                (place.environment, place.spec.simulated),
            )
        )
        raise Refused(
            "L150",
            "this ledger is another's",
            f"The backup is of {of}; asked for was {here}. Nothing was changed. Name the right ledger, or --env.",
        )
    return restore(ledger, path)
