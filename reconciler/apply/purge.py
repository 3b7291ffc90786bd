"""Deletes what a removed flow exported: exactly what its runs recorded, nothing else."""

from __future__ import annotations

from reconciler.apply.context import Context
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import RunRecord
from reconciler.values.identity import FlowId


def purge(context: Context, flow_id: FlowId) -> int:
    """Deletes the files of every recorded run of a removed flow, manifests last; returns how many. Again after a crash: fine.

    The head remembers that a purge is owed until all of it is done.
    """
    deleted = 0
    for key, _ in context.ledger.store.list(keys.runs(flow_id)):
        run = context.ledger.read(RunRecord, key)
        if run is None or run.document.outcome != "exported":
            continue
        names = [each.path for each in run.document.files]
        destination = context.open_destination(run.document.spec.destination)
        destination.delete(names)
        if run.document.manifest:
            destination.delete([run.document.manifest])
        deleted += len(names)
    head = context.ledger.head(flow_id)
    if head is not None and head.document.purge:
        context.ledger.swap(head, transitions.purged(head.document, nonce=context.ledger.nonce()))
    return deleted
