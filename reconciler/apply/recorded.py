"""The recorded runs of one flow: under its own name and its earlier ones, without those of removed flows of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reconciler.errors import StoreError
from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, RunRecord, StillThere
from reconciler.plan.diff import place
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId


def runs_of(ledger: Ledger, head: FlowHead) -> Iterator[RunRecord]:
    """Every recorded run of a flow, abandoned ones included; oldest first under each of its names. Raises `StoreError`."""
    for life in head.lives():
        for key, _ in ledger.store.list(keys.runs(FlowId.parse(life.flow))):
            found = ledger.read(RunRecord, key)
            if found is not None and life.born <= found.document.generation <= life.until:
                yield found.document


def still_there(ledger: Ledger, head: FlowHead) -> StillThere:
    """What a purge of the flow would delete: of runs that nothing deleted yet, a file that gave way to a later one once. Raises
    `StoreError`."""
    files: dict[tuple[object, ...], tuple[str, int, int]] = {}
    manifests: dict[tuple[object, ...], str] = {}
    gone: set[str] = set()
    for run in runs_of(ledger, head):
        gone |= set(run.replaced or ())
        if run.removed_at is None:
            where = place(run.spec.destination)
            files |= {(where, each.path): (run.run_id, each.rows, each.size) for each in run.files}
            manifests |= {(where, run.manifest): run.run_id} if run.manifest is not None else {}
    left = [each for each in files.values() if each[0] not in gone]
    listed = [run_id for run_id in manifests.values() if run_id not in gone]
    return StillThere(
        runs=len({run_id for run_id, _, _ in left} | set(listed)),
        files=len(left),
        manifests=len(listed),
        rows=sum(rows for _, rows, _ in left),
        size=sum(size for _, _, size in left),
    )


def find_run(ledger: Ledger, head: FlowHead, slot: datetime, run_id: str) -> RunRecord:
    """One recorded run of a flow. Raises `StoreError` L113 where its document is gone."""
    for life in reversed(head.lives()):
        found = ledger.read(RunRecord, keys.run(FlowId.parse(life.flow), slot, run_id))
        if found is not None:
            return found.document
    raise StoreError(
        "L113",
        "a run of the ledger is missing",
        f"The document of run {run_id} is gone. Nothing was changed. Restore it from a backup.",
    )
