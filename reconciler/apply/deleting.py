"""Deletes what a recorded run left at its destination, for `purge` and `files.retain` alike: exactly what its document lists.

The manifest goes first, then the files, then the run's document says so: at no instant does a reader see a manifest whose files aren't
there, and whatever ends in between is gone on with.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from reconciler.apply.context import Context
from reconciler.errors import Conflict
from reconciler.ledger import keys
from reconciler.ledger.records import RunRecord
from reconciler.resources.effective import EffectiveDestination
from reconciler.values.identity import FlowId


def delete_run(
    context: Context, run: RunRecord, where: EffectiveDestination, by: Literal["purge", "retain"], now: datetime
) -> bool:
    """Deletes a run's files `where` they are reached today; whether it was us who did. Files that are gone already are fine.

    Raises `DestinationError`, `AccountError`, `OutcomeUnknown`, `StoreError`.
    """
    destination = context.open_destination(where)
    if run.manifest:
        destination.delete([run.manifest])
    destination.delete([each.path for each in run.files])
    return _mark(context, run, by, now)


def _mark(context: Context, run: RunRecord, by: Literal["purge", "retain"], now: datetime) -> bool:
    ledger = context.ledger
    key = keys.run(FlowId.parse(run.flow), run.slot, run.run_id)
    stored = ledger.read(RunRecord, key)
    if stored is None or stored.document.removed_at is not None:
        return False
    update = {"removed_at": now, "removed_by": by, "nonce": ledger.nonce()}
    new = stored.document.model_copy(update=update)
    try:
        written = ledger.replace(key, new, stored.version)
    except Conflict:
        return False  # another runner says the same
    return written.document.nonce == new.nonce
