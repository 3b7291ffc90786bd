"""What a run reads of a table: all of it, or what was added to it since the version that the flow has read."""

from __future__ import annotations

from datetime import datetime

from reconciler.apply.choose import Choice, limit
from reconciler.datasets.base import History, Listing
from reconciler.ledger.records import FlowHead
from reconciler.stores.ledger import Ledger
from reconciler.values.manifest import RunKind
from reconciler.values.pin import Pin, TableState


def by_version(
    ledger: Ledger, head: FlowHead, listing: Listing, history: History, *, full: bool
) -> tuple[Choice, Pin, Pin | None]:
    """What is read, the pin, and the pin of what belongs to it and isn't read. Raises `SourceError` F132-F134, `StoreError`.

    A limited backfill reads what versions since the limit added: when a file was written says nothing, for a compaction writes new
    files of old rows.
    """
    whole = listing.pin
    if full or head.spec.mode == "full":
        return Choice("full", whole.files, ()), whole, None
    if head.cursor is not None:
        before = ledger.pin(head.cursor.pin)
        if before.table is not None:
            return _added(history, before.table, "increment", whole)
    kind: RunKind = "rebuild" if head.rebuild else "full"
    since = limit(head)
    return (Choice(kind, whole.files, ()), whole, None) if since is None else _added(history, since, kind, whole)


def _added(history: History, since: TableState | datetime, kind: RunKind, whole: Pin) -> tuple[Choice, Pin, None]:
    files = history.added(since)
    return Choice(kind, files, (), whole=whole.files), whole.model_copy(update={"files": files}), None
