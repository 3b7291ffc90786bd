"""The recorded runs of one flow: under its own name and its earlier ones, without those of removed flows of the same name."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId


def runs_of(ledger: Ledger, head: FlowHead) -> Iterator[RunRecord]:
    """Every recorded run of a flow, abandoned ones included; oldest first under each of its names. Raises `StoreError`."""
    for life in head.lives():
        for key, _ in ledger.store.list(keys.runs(FlowId.parse(life.flow))):
            found = ledger.read(RunRecord, key)
            if found is not None and life.born <= found.document.generation <= life.until:
                yield found.document
