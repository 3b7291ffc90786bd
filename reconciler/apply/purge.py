"""Deletes what a removed flow exported: exactly what its runs recorded, nothing else.

The flow's tombstone says that a purge is owed until all of it is done: whoever runs or applies next goes on with it.
"""

from __future__ import annotations

from reconciler.apply.context import Context
from reconciler.apply.recorded import runs_of
from reconciler.errors import DestinationError, OutcomeUnknown, ReconcilerError
from reconciler.ledger import transitions
from reconciler.ledger.records import RunRecord
from reconciler.values.identity import FlowId


def purge(context: Context, flow_id: FlowId) -> int | None:
    """Deletes the files of every recorded run of a removed flow; returns how many, those included that were gone already.
    None: nothing was owed.

    A run whose files can't be deleted doesn't keep those of others. Raises `DestinationError` H120 where any are left,
    `OutcomeUnknown`, `StoreError`.
    """
    head = context.ledger.head(flow_id)
    if head is None or not head.document.purge:
        return None
    runs, failed = 0, list[ReconcilerError]()
    deleted: set[tuple[str, str]] = set()
    for run in runs_of(context.ledger, head.document):
        runs += 1
        try:
            if run.removed_at is not None:
                continue
            _delete(context, run)
            deleted |= {(run.spec.destination.name, each.path) for each in run.files}
        except OutcomeUnknown:
            raise
        except ReconcilerError as error:
            failed.append(error)
    if failed:
        raise _left(failed, runs)
    context.ledger.swap(head, transitions.purged(head.document, nonce=context.ledger.nonce()))
    return len(deleted)


def _delete(context: Context, run: RunRecord) -> None:
    """The manifest first: at no instant does a reader see one whose files aren't there."""
    destination = context.open_destination(run.spec.destination)
    if run.manifest:
        destination.delete([run.manifest])
    destination.delete([each.path for each in run.files])


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
