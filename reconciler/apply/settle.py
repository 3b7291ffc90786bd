"""What earlier runs left: decided ones are completed, dead ones abandoned, and what they staged is removed."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final, Literal

from reconciler.apply.context import Context
from reconciler.apply.publish import roll_forward
from reconciler.errors import AccountError, Conflict, DestinationError, ReconcilerError, Refused
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Condition, FlowHead, OpenRun
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId

_LOST_SWAP: Final = ("L120", "L121")
_SETTLE_TRIES: Final = 20


def settle(context: Context, flow_id: FlowId, now: datetime) -> Versioned[FlowHead] | None:
    """Deals with what earlier runs left: a decided run is completed, an undecided one whose lease is over is abandoned,
    abandoned ones are discarded. Returns the head afterwards; its `open` is another's live run, if any.

    Losing a swap here means that another runner did that step: the head is looked at afresh.
    """
    for _ in range(_SETTLE_TRIES):
        try:
            return _settle_once(context, flow_id, now)
        except Conflict as error:
            if error.code not in _LOST_SWAP:
                raise
    return _settle_once(context, flow_id, now)


def _settle_once(context: Context, flow_id: FlowId, now: datetime) -> Versioned[FlowHead] | None:
    head = context.ledger.head(flow_id)
    if head is None:
        return None
    run = head.document.open
    if run is not None and run.phase == "publishing":
        roll_forward(context, head, now)
        head = context.ledger.head(flow_id)
    elif run is not None and run.lease.until <= context.clock():
        gone = transitions.abandon(
            head.document, run.run_id, "its runner's lease is over", now=now, nonce=context.ledger.nonce()
        )
        head = context.ledger.swap(head, gone)
    return _discard(context, head) if head else None


def give_up(context: Context, flow_id: FlowId, run: OpenRun, error: Exception, now: datetime) -> None:
    """Ends our undecided run: noted on the head first, then what it staged is discarded, by a later call if that fails now."""
    head = context.ledger.head(flow_id)
    mine = head.document.open if head else None
    if head is None or mine is None or mine.run_id != run.run_id:
        clear_up(context, run)
        return
    if mine.phase != "staging":
        return
    gone = transitions.abandon(
        head.document,
        run.run_id,
        "the run ended early",
        now=now,
        nonce=context.ledger.nonce(),
        condition=_condition(error, run, now),
    )
    try:
        _discard(context, context.ledger.swap(head, gone))
    except Conflict:
        clear_up(context, run)


def _condition(error: Exception, run: OpenRun, now: datetime) -> Condition | None:
    """What a person is to know of the flow; None leaves it as it is. Of a re-send, who asked for it is told at once."""
    if not isinstance(error, ReconcilerError) or run.kind == "resend":
        return None
    return condition(error, run.slot, now, run.run_id)


def condition(error: ReconcilerError, slot: datetime, now: datetime, run_id: str | None = None) -> Condition:
    """`held` by a guard, a policy or a permission; else `failed`."""
    kind: Literal["held", "failed"] = "held" if isinstance(error, Refused) else "failed"
    return Condition(type=kind, code=error.code, sentence=error.summary, at=now, run_id=run_id, slot=slot)


def not_begun(
    context: Context, head: Versioned[FlowHead], slot: datetime, error: ReconcilerError, now: datetime
) -> None:
    """Says on the head why a run that was wanted couldn't even be claimed."""
    with suppress(ReconcilerError):  # what is told is why
        nonce = context.ledger.nonce()
        new = transitions.conditioned(head.document, condition(error, slot, now), nonce=nonce)
        context.ledger.swap(head, new)


def clear_up(context: Context, run: OpenRun) -> None:
    """Another ended our run, perhaps discarding it while we still staged: what came after that is ours to remove."""
    forget_staged(context, run.run_id)
    context.open_destination(run.spec.destination).discard(run.run_id)


def forget_staged(context: Context, run_id: str) -> None:
    """A run that lost at the fence leaves no document behind. Its files are discarded by who abandoned it."""
    found = context.ledger.store.read(keys.staged(run_id))
    if found is not None:
        context.ledger.delete(keys.staged(run_id), found.version)


def _discard(context: Context, head: Versioned[FlowHead]) -> Versioned[FlowHead]:
    """What can't be discarded now stays listed, and keeps nothing else from being done: its destination may be gone for good."""
    for each in head.document.abandoned:
        forget_staged(context, each.run_id)
        try:
            context.open_destination(each.destination).discard(each.run_id)
        except (DestinationError, AccountError):
            continue
        head = context.ledger.swap(
            head, transitions.discarded(head.document, each.run_id, nonce=context.ledger.nonce())
        )
    return head
