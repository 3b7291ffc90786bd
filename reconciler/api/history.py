"""The recorded runs of flows, newest first."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class History:
    """`runs`: the newest, newest first; `total`: how many there are."""

    runs: tuple[RunRecord, ...]
    total: int

    @property
    def replaced(self) -> dict[str, str]:
        """Of these runs, those whose file gave way, and the run that it gave way to; by run id."""
        return {old: run.run_id for run in self.runs for old in run.replaced or ()}


def newest(ledger: Ledger, heads: list[FlowHead], limit: int) -> History:
    """At most `limit` runs. Keys hold the slot, so that only the documents that are returned are read."""
    found = [key for head in heads for key, _ in ledger.store.list(keys.runs(head.flow_id))]
    shown = heapq.nlargest(limit, found, key=lambda key: key.rpartition("/")[2])
    read = [ledger.read(RunRecord, key) for key in shown]
    runs = [each.document for each in read if each is not None]
    runs.sort(key=lambda run: (run.slot, run.finished_at, run.run_id), reverse=True)
    return History(tuple(runs), len(found))
