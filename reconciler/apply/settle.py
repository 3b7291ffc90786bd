"""What earlier runs left: decided ones are completed, dead ones abandoned, and what they staged is removed."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from reconciler.apply.conditions import condition, unremoved
from reconciler.apply.context import Context
from reconciler.apply.publish import roll_forward
from reconciler.apply.reaching import reaching
from reconciler.apply.snapshots import free_snapshots
from reconciler.errors import AccountError, Conflict, DestinationError, MissingExtra, OutcomeUnknown, ReconcilerError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Condition, FlowHead, OpenRun
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId

_LOST_SWAP: Final = ("L120", "L121")
_TRIES: Final = 20


class LeftBehind(DestinationError):
    """H122: what abandoned runs of a flow staged couldn't be discarded, as its head says since."""

    def __init__(self, head: FlowHead, *, permanent: bool = True) -> None:
        (run, why), *others = ((each, each.unremoved) for each in head.abandoned if each.unremoved is not None)
        more = f" (and {len(others):,} more)" if others else ""
        super().__init__(
            "H122",
            "what an abandoned run staged is still there",
            f"{head.flow}: run {run.run_id}{more} ended without anybody having seen anything of it, and what it staged at "
            f"{run.destination.name} can't be removed: {why.code} {why.sentence}: {why.detail.rstrip('.')}. Every run and apply tries "
            f"again. If that place or its account is gone for good: reconcile ledger abandon {run.run_id}",
            permanent=permanent,
        )


def settle(context: Context, flow_id: FlowId, now: datetime, *, insist: bool = False) -> Versioned[FlowHead] | None:
    """Deals with what earlier runs left: a decided run is completed, an undecided one whose lease is over is abandoned,
    abandoned ones are discarded. Returns the head afterwards; its `open` is another's live run, if any. `context.completed` hears of what
    was completed.

    Where an abandoned run can't be discarded (its bucket is gone, say), the head keeps it in mind for a later call, with why, and the
    flow goes on. With `insist` it is raised (`LeftBehind`), for a caller that has nothing else to do.
    Losing a swap here means that another runner did that step: the head is looked at afresh.
    """
    for _ in range(_TRIES):
        try:
            return _settle_once(context, flow_id, now, insist)
        except Conflict as error:
            if error.code not in _LOST_SWAP:
                raise
    return _settle_once(context, flow_id, now, insist)


def _settle_once(context: Context, flow_id: FlowId, now: datetime, insist: bool) -> Versioned[FlowHead] | None:
    head = context.ledger.head(flow_id)
    if head is None:
        return None
    run = head.document.open
    if run is not None and run.phase == "publishing":
        if record := roll_forward(context, head, now):
            context.completed(record)
        head = context.ledger.head(flow_id)
    elif run is not None and run.lease.until <= context.clock():
        gone = transitions.abandon(
            head.document, run.run_id, "its runner's lease is over", now=now, nonce=context.ledger.nonce()
        )
        head = context.ledger.swap(head, gone)
    return _discard(context, head, now, insist) if head else None


def give_up(context: Context, flow_id: FlowId, run: OpenRun, error: Exception, now: datetime) -> bool:
    """Ends our undecided run: noted on the head first, then what it staged is discarded, by a later call if that fails now.

    False where it wasn't ours any more: another had ended it.
    """
    left = _ended(context, flow_id, run, _condition(error, run, now), now)
    if left is None:
        _clear_up(context, run)
        return False
    try:
        _discard(context, left, now, insist=False)
    except OutcomeUnknown:
        raise
    except ReconcilerError:
        return True  # What ended the run is what is told; the head says what is still to be discarded.
    return True


def _ended(
    context: Context, flow_id: FlowId, run: OpenRun, condition: Condition | None, now: datetime
) -> Versioned[FlowHead] | None:
    """The head without our undecided run; None where another had ended it."""
    for _ in range(_TRIES):
        head = context.ledger.head(flow_id)
        if head is None:
            return None
        mine = head.document.open
        if mine is not None and mine.run_id == run.run_id and mine.phase == "publishing":
            return head  # It was decided after all: nothing of it may be removed any more.
        nonce = context.ledger.nonce()
        try:
            gone = transitions.abandon(
                head.document, run.run_id, "the run ended early", now=now, nonce=nonce, condition=condition
            )
            return context.ledger.swap(head, gone)
        except transitions.NotAllowed:
            return None
        except Conflict:
            continue
    return None


def _condition(error: Exception, run: OpenRun, now: datetime) -> Condition | None:
    """What a person is to know of the flow; None leaves it as it is. Of a re-send, who asked for it is told at once."""
    if not isinstance(error, ReconcilerError) or run.kind == "resend":
        return None
    return condition(error, run.slot, now, run.run_id)


def not_begun(
    context: Context, head: Versioned[FlowHead], slot: datetime, error: ReconcilerError, now: datetime
) -> None:
    """Says on the head why a run that was wanted couldn't even be claimed."""
    with suppress(ReconcilerError):  # what is told is why
        nonce = context.ledger.nonce()
        new = transitions.conditioned(head.document, condition(error, slot, now), nonce=nonce)
        context.ledger.swap(head, new)


def _clear_up(context: Context, run: OpenRun) -> None:
    """Another ended our run, perhaps discarding it while we still staged: what came after that is ours to remove."""
    forget_staged(context, run.run_id)
    context.open_destination(run.spec.destination).discard(run.run_id)


def forget_staged(context: Context, run_id: str) -> None:
    """A run that lost at the fence leaves no document behind. Its files are discarded by who abandoned it."""
    found = context.ledger.store.read(keys.staged(run_id))
    if found is not None:
        context.ledger.delete(keys.staged(run_id), found.version)


def _discard(context: Context, head: Versioned[FlowHead], now: datetime, insist: bool) -> Versioned[FlowHead]:
    """What can't be discarded now stays listed, and keeps nothing else from being done: its destination may be gone for good."""
    failed: list[ReconcilerError] = []
    reach = reaching(context.ledger, head.document)
    for each in head.document.abandoned:
        forget_staged(context, each.run_id)
        free_snapshots(context.ledger, [keys.snapshot(each.run_id)], head.document)
        nonce = context.ledger.nonce()
        try:
            context.open_destination(reach(each.destination)).discard(each.run_id)
        except (DestinationError, AccountError, MissingExtra) as error:
            failed.append(error)
            why = unremoved(error, now, each.unremoved)
            head = context.ledger.swap(head, transitions.not_discarded(head.document, each.run_id, why, nonce=nonce))
            continue
        head = context.ledger.swap(head, transitions.discarded(head.document, each.run_id, nonce=nonce))
    if failed and insist:
        raise LeftBehind(head.document, permanent=not isinstance(failed[0], DestinationError) or failed[0].permanent)
    return head
