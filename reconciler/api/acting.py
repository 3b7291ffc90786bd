"""When, and over which ledger, something may be performed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.errors import Conflict, Refused, UsageError

if TYPE_CHECKING:
    from reconciler.ledger.records import Actual
    from reconciler.stores.ledger import Ledger


def of_environment(actual: Actual, environment: str | None) -> None:
    """Raises `Refused` L150 where the ledger belongs to another environment."""
    record = actual.project
    if record is not None and record.environment != environment:
        said, found = environment or "(none)", record.environment or "(none)"
        detail = f"It is of environment {found}; asked for was {said}. Nothing was changed. Name the right --env."
        raise Refused("L150", "this ledger is another's", detail)


def acting_at(at: datetime | None, *, simulated: bool) -> datetime:
    """The time that something is performed at. Ahead of the clock only on a simulated ledger: UsageError U102 otherwise."""
    from reconciler.api.wiring import clock

    now, wanted = clock(), time_of(at)
    if at is not None and wanted > now and not simulated:
        raise UsageError(
            "U102",
            "ahead of the clock",
            "The time lies in the future: that is for plan, and for a simulated ledger only.",
        )
    return wanted


def time_of(at: datetime | None) -> datetime:
    from reconciler.api.wiring import clock
    from reconciler.values.slot import to_utc

    if at is not None and at.tzinfo is None:
        raise UsageError("U101", "not a time", "A time names its zone, such as 2026-12-01T02:00Z.")
    return clock() if at is None else to_utc(at)


def made(ledger: Ledger) -> Actual:
    """What is applied. Raises `Conflict` L151: a lost ledger must not read as `nothing to do`."""
    actual = ledger.actual()
    if actual.project is None:
        detail = f"Nothing is applied at {ledger.store.url}; only an apply makes a ledger. Next: reconcile apply"
        raise Conflict("L151", "there is no ledger yet", detail)
    return actual


def lineage_of(actual: Actual) -> str:
    """What tells the ledger from others; empty before it is made."""
    return actual.project.lineage if actual.project else ""
