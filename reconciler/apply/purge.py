"""Deletes what a removed flow exported: exactly what its runs recorded, nothing else.

The flow's tombstone says that a purge is owed until all of it is done: whoever runs or applies next goes on with it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from reconciler.apply.conditions import unremoved
from reconciler.apply.context import Context
from reconciler.apply.deleting import delete_run
from reconciler.apply.reaching import reaching
from reconciler.apply.recorded import runs_of
from reconciler.errors import DestinationError, OutcomeUnknown, ReconcilerError
from reconciler.ledger import transitions
from reconciler.values.identity import FlowId


def purge(context: Context, flow_id: FlowId, now: datetime) -> int | None:
    """Deletes the files of every recorded run of a removed flow; returns how many, those included that nobody deleted but were gone.
    None: nothing was owed.

    A run whose files can't be deleted doesn't keep those of others. Raises `DestinationError` H120 where any are left, after the head
    says so; `OutcomeUnknown`, `StoreError`.
    """
    head = context.ledger.head(flow_id)
    if head is None or not head.document.purge:
        return None
    reach = reaching(context.ledger, head.document)
    runs, failed = 0, list[ReconcilerError]()
    deleted: set[tuple[str, str]] = set()
    for run in runs_of(context.ledger, head.document):
        runs += 1
        if run.removed_at is not None:
            continue
        try:
            delete_run(context, run, reach(run.spec.destination), "purge", now)
            deleted |= {(run.spec.destination.name, each.path) for each in run.files}
        except OutcomeUnknown:
            raise
        except ReconcilerError as error:
            failed.append(error)
    if failed:
        problem = _left(failed, runs)
        _note(context, flow_id, problem, now)
        raise problem
    context.ledger.swap(head, transitions.purged(head.document, nonce=context.ledger.nonce()))
    return len(deleted)


def _note(context: Context, flow_id: FlowId, problem: DestinationError, now: datetime) -> None:
    """Says on the tombstone why files are still there."""
    with suppress(ReconcilerError):  # what is told is what couldn't be deleted
        head = context.ledger.head(flow_id)
        if head is not None:
            why = unremoved(problem, now, head.document.unpurged)
            context.ledger.swap(head, transitions.not_purged(head.document, why, nonce=context.ledger.nonce()))


def _left(failed: list[ReconcilerError], runs: int) -> DestinationError:
    first = failed[0]
    permanent = all(isinstance(each, DestinationError) and each.permanent for each in failed)
    return DestinationError(
        "H120",
        "not everything could be purged",
        f"The flow is removed, but files of {len(failed):,} of {runs:,} runs are still there: {first.code} {first.summary}: "
        f"{first.detail.rstrip('.')}. The next run or apply tries again.",
        permanent=permanent,
    )
