"""What a flow's head keeps of an error that a person has to know of."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from reconciler.errors import ReconcilerError, Refused
from reconciler.ledger.records import Condition, Unremoved

_DETAIL: Final = 500


def condition(error: ReconcilerError, slot: datetime, now: datetime, run_id: str | None = None) -> Condition:
    """`held` by a guard, a policy or a permission; else `failed`."""
    return noted("held" if isinstance(error, Refused) else "failed", error, slot, now, run_id)


def noted(
    kind: Literal["held", "failed"], error: ReconcilerError, slot: datetime, now: datetime, run_id: str | None
) -> Condition:
    """An error as it is kept: with its detail, which names the guard and the numbers, or the file, and how to mend it."""
    return Condition(
        type=kind, code=error.code, sentence=error.summary, detail=_detail(error), at=now, run_id=run_id, slot=slot
    )


def unremoved(error: ReconcilerError, now: datetime, before: Unremoved | None) -> Unremoved:
    """Why a clean-up failed at `now`, counted on from what the tries `before` said."""
    return Unremoved(
        code=error.code,
        sentence=error.summary,
        detail=_detail(error),
        since=before.since if before else now,
        at=now,
        attempts=before.attempts + 1 if before else 1,
    )


def _detail(error: ReconcilerError) -> str:
    return error.detail if len(error.detail) <= _DETAIL else f"{error.detail[: _DETAIL - 1]}…"
