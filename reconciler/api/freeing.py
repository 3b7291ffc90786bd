"""Removing what no flow needs any more, beside the work of a call: it never makes a call fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.apply.sweep import Sweep
from reconciler.errors import ReconcilerError
from reconciler.ledger.records import Actual


@dataclass(frozen=True, slots=True)
class NotFreed:
    """Pins that nothing needs are still on the ledger. The next run or apply tries again."""

    error: ReconcilerError


def free(sweep: Sweep, actual: Actual, told: Callable[[Any], None]) -> None:
    """Ends a sweep that was begun before `actual` was read."""
    error = sweep.finish(actual)
    if error is not None:
        told(NotFreed(error))
