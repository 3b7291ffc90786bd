"""What a run needs from the outside, made by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.apply.spans import Spans, untraced
from reconciler.datasets.base import Files
from reconciler.destinations.base import Destination
from reconciler.destinations.sealing import Sealing
from reconciler.errors import ReconcilerError
from reconciler.export.job import Engine, Progress
from reconciler.ledger.records import Lease, OpenRun, RunRecord
from reconciler.resources.effective import EffectiveDestination, EffectiveSource
from reconciler.resources.exclusions import EffectiveSuppression
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId

LEASE = timedelta(minutes=15)


def _nothing_encrypts(destination: EffectiveDestination) -> Sealing | None:
    raise NotImplementedError(f"files of {destination.name} are to be encrypted, and nothing here can")


@dataclass(frozen=True, slots=True)
class Context:
    """`clock`: the real time, aware UTC: leases use it whatever time a run acts at. `run_id`: a fresh one. `holder`: this runner.

    `stop`: true once a person asked to stop. `progress` hears of a flow's rows while a run of it stages. `began`: when this call began,
    by the clock. `opened` hears of each run that was claimed, `ended` of each flow that was dealt with, and what went wrong with it;
    neither raises. `span` traces the parts of a run. `completed` hears of each run that another runner had decided and this one recorded
    on its way.
    """

    ledger: Ledger
    open_destination: Callable[[EffectiveDestination], Destination]
    open_files: Callable[[EffectiveSource | EffectiveSuppression], Files]
    engine: Engine
    clock: Callable[[], datetime]
    run_id: Callable[[], str]
    holder: str
    tool: str
    lease: timedelta = LEASE
    began: datetime | None = None
    stop: Callable[[], bool] = field(default=lambda: False)
    open_sealing: Callable[[EffectiveDestination], Sealing | None] = field(default=_nothing_encrypts)
    progress: Callable[[FlowId, Progress], None] = field(default=lambda _flow, _progress: None)
    opened: Callable[[OpenRun], None] = field(default=lambda _run: None)
    span: Spans = field(default=untraced)
    ended: Callable[[FlowId, ReconcilerError | None], None] = field(default=lambda _flow, _error: None)
    completed: Callable[[RunRecord], None] = field(default=lambda _run: None)

    def new_lease(self) -> Lease:
        """A lease from now on."""
        return Lease(holder=self.holder, until=self.clock() + self.lease)

    def delay(self, slot: datetime, now: datetime) -> int:
        """Seconds from a slot to the present of a call that acts at `now`, whatever the clock says; never below zero."""
        since = self.clock() - self.began if self.began is not None else timedelta(0)
        return max(int((now - slot + since).total_seconds()), 0)
