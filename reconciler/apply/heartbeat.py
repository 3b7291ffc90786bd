"""Keeps the lease of a run while it stages, from a thread of its own: reading and writing may take any time between two chances.

It saves work only: what keeps two runners apart is the fence at deciding. So a renewal that fails, or whose outcome isn't known, is
nothing but a renewal that is tried again.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final

from reconciler.apply.context import Context
from reconciler.errors import Conflict, ReconcilerError
from reconciler.ledger import transitions
from reconciler.ledger.records import OpenRun

_BEATS_PER_LEASE: Final = 3
_TRIES: Final = 3


class Heartbeat:
    """While it is entered, the run's lease is renewed. `lost`: the run was ended by another, or by an apply, or a person released its
    lease; it may stop."""

    def __init__(self, context: Context, run: OpenRun) -> None:
        self.lost = False
        self._context = context
        self._run = run
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name=f"lease of {run.run_id}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def stop(self) -> bool:
        """Whether the run is to stop: it was lost, or a person asked."""
        return self.lost or self._context.stop()

    def beat(self) -> None:
        """Renews once. Never raises."""
        try:
            for _ in range(_TRIES):
                if self._renewed() or self.lost:
                    return
        except ReconcilerError:
            return

    def _renewed(self) -> bool:
        ledger = self._context.ledger
        head = ledger.head(self._run.spec.flow_id)
        run = head.document.open if head else None
        if head is None or run is None or run.run_id != self._run.run_id or run.phase != "staging":
            self.lost = True
            return False
        if run.lease.until <= run.claimed_at:
            self.lost = True  # released by a person: a renewal would take that back
            return False
        lease = self._context.new_lease()
        try:
            ledger.swap(head, transitions.renew(head.document, run.run_id, lease, nonce=ledger.nonce()))
        except Conflict:
            return False
        return True

    def _live(self) -> None:
        while not self._over.wait(self._context.lease.total_seconds() / _BEATS_PER_LEASE):
            self.beat()
            if self.lost:
                return
