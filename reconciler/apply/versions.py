"""What a run reads of a table: all of it, or what was added to it since the version that the flow has read."""

from __future__ import annotations

from datetime import datetime

from reconciler.apply.choose import Choice, limit
from reconciler.datasets.base import History, Listing
from reconciler.datasets.problems import ROWS_TAKEN
from reconciler.errors import SourceError
from reconciler.ledger.records import FlowHead
from reconciler.resources.dataset import duration
from reconciler.stores.ledger import Ledger
from reconciler.values.manifest import RunKind
from reconciler.values.pin import Pin, PinnedFile, TableState


def by_version(
    ledger: Ledger, head: FlowHead, listing: Listing, history: History, slot: datetime, *, full: bool
) -> tuple[Choice, Pin, Pin | None]:
    """What is read, the pin, and the pin of what belongs to it and isn't read. Raises `SourceError` F132-F134, `StoreError`.

    A limited backfill reads what versions since the limit added: when a file was written says nothing, for a compaction writes new
    files of old rows. Files may have been deleted once all of their rows had expired at the slot: a row isn't younger than its file.
    """
    whole = listing.pin
    if full or head.spec.mode == "full":
        return Choice("full", whole.files, ()), whole, None
    expiry = head.spec.source.dataset_spec.expiry
    expired = slot - duration(expiry.after) if expiry else None
    if head.cursor is not None:
        before = ledger.pin(head.cursor.pin)
        if before.table is not None:
            return _since(history, before.table, expired, head, whole)
    kind: RunKind = "rebuild" if head.rebuild else "full"
    since = limit(head)
    return (
        (Choice(kind, whole.files, ()), whole, None)
        if since is None
        else _added(history.added(since, expired), kind, whole)
    )


def _since(
    history: History, state: TableState, expired: datetime | None, head: FlowHead, whole: Pin
) -> tuple[Choice, Pin, Pin | None]:
    """What was added since; all there is, where rows were taken out and that is declared to be a rebuild."""
    try:
        return _added(history.added(state, expired), "increment", whole)
    except SourceError as error:
        if error.code != ROWS_TAKEN or head.spec.source.dataset_spec.incremental.overwrites != "rebuild":
            raise
    return Choice("rebuild", whole.files, ()), whole, None


def _added(files: tuple[PinnedFile, ...], kind: RunKind, whole: Pin) -> tuple[Choice, Pin, None]:
    return Choice(kind, files, (), whole=whole.files), whole.model_copy(update={"files": files}), None
