"""Snapshots of strategy `diff` on the ledger: fetched before a comparison, kept before its run is decided, freed once no head names them.

A snapshot's key is its run's id, and a head names the run before anything is written. So what is there before
all heads are read, and is named by none of them, is of no use any more and never will be (`reconciler.apply.sweep`).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from reconciler.errors import ReconcilerError
from reconciler.ledger.records import FlowHead
from reconciler.stores.ledger import Ledger
from reconciler.values.cursor import Cursor, DiffCursor


def snapshot_of(cursor: Cursor | None) -> str | None:
    """The key of the snapshot that a cursor names."""
    return cursor.snapshot if isinstance(cursor, DiffCursor) else None


def free_snapshots(ledger: Ledger, candidates: Iterable[str | None], head: FlowHead) -> None:
    """Removes those that the head doesn't need. What fails now is found by a later sweep."""
    for key in sorted({each for each in candidates if each is not None} - head.snapshots()):
        with suppress(ReconcilerError):
            ledger.store.delete_blob(key)
