"""What a flow usually exports: the rows of its last runs of the kind of the newest one."""

from __future__ import annotations

from typing import Final

from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.plan.alerts import USUAL_RUNS
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId

_LOOKED_AT: Final = 4 * USUAL_RUNS
_WHOLE: Final = ("full", "rebuild")


def earlier_rows(ledger: Ledger, head: FlowHead) -> tuple[int, ...]:
    """Rows of up to `USUAL_RUNS` recorded runs before the newest, newest first: increments beside an increment, exports of everything
    beside one of everything. Re-sends, abandoned runs and runs on demand aren't usual. Of the flow's last 40 runs. Raises `StoreError`.
    """
    newest = head.last_run
    if newest is None:
        return ()
    found = [key for life in head.lives() for key, _ in ledger.store.list(keys.runs(FlowId.parse(life.flow)))]
    rows: list[int] = []
    for key in sorted(found, key=lambda each: each.rpartition("/")[2], reverse=True)[:_LOOKED_AT]:
        run = ledger.read(RunRecord, key)
        if run is not None and _like(run.document, newest.kind) and run.document.run_id != newest.run_id:
            rows.append(run.document.rows)
        if len(rows) == USUAL_RUNS:
            break
    return tuple(rows)


def _like(run: RunRecord, kind: str) -> bool:
    if run.outcome != "exported" or run.on_demand or run.kind == "resend":
        return False
    return (run.kind in _WHOLE) == (kind in _WHOLE)
