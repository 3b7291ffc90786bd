"""One run of one flow, by the protocol: claim, stage, judge, decide, publish, record.

At no instant does a reader see a file of an undecided run. Losing a swap to another runner is no error: the loser leaves
quietly, having shown nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.apply.choose import Choice, choose
from reconciler.apply.context import Context
from reconciler.apply.judge import judge
from reconciler.apply.publish import digest, roll_forward
from reconciler.apply.stage import names, stage
from reconciler.errors import Conflict, OutcomeUnknown, ReconcilerError, Refused
from reconciler.export.job import Interrupted
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Condition, FlowHead, OpenRun, RunRecord
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId
from reconciler.values.pin import Pin

_LOST_SWAP: Final = ("L120", "L121")
_SETTLE_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: the slot, how many older slots it covers, and whether a person asked for it."""

    slot: datetime
    covers: int = 0
    on_demand: bool = False
    full: bool = False


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


def run_flow(context: Context, flow_id: FlowId, wanted: Wanted, now: datetime) -> RunRecord | None:
    """Exports once. None where another runner has, or is at it.

    Raises `Refused` H101 (a guard; the flow is held), `SourceError`, `DestinationError`, `Interrupted`, `OutcomeUnknown`, `StoreError`.
    """
    head = settle(context, flow_id, now)
    if head is None or head.document.open is not None or _done(head.document, wanted):
        return None
    try:
        claimed, choice, pin = _claim(context, head, wanted, now)
    except Conflict:
        return None
    run = claimed.document.open
    if run is None:
        return None
    destination = context.open_destination(run.spec.destination)
    try:
        record, counts = stage(context, run, choice, pin, context.open_files(run.spec.source), destination, now)
        breaches = judge(run.spec.guards, counts)
        if breaches:
            detail = "; ".join(f"{each.guard}: {each.sentence}" for each in breaches)
            raise Refused("H101", "a guard holds this export", f"{flow_id}: {detail}. Nothing was published.")
        context.ledger.create(keys.staged(run.run_id), record)
        decided = _decide(context, flow_id, run.run_id, digest(record))
    except OutcomeUnknown:
        raise  # What is on the ledger can't be told, so nothing else is touched; the next call finds out.
    except (ReconcilerError, Interrupted) as error:
        _give_up(context, flow_id, run, error, now)
        raise
    if decided is None:
        # Ended by another while we staged, perhaps after it discarded: what we staged since is ours to remove.
        destination.discard(run.run_id)
        return None
    return roll_forward(context, decided, now)


def _done(head: FlowHead, wanted: Wanted) -> bool:
    return not wanted.on_demand and head.last_slot is not None and wanted.slot <= head.last_slot


def _claim(
    context: Context, head: Versioned[FlowHead], wanted: Wanted, now: datetime
) -> tuple[Versioned[FlowHead], Choice, Pin]:
    document = head.document
    listing = context.open_files(document.spec.source).listing(now)
    from_cursor = document.cursor is not None and document.spec.mode == "incremental" and not wanted.full
    before = context.ledger.pin(document.cursor.pin) if document.cursor and from_cursor else None
    choice = choose(document, listing, before, full=wanted.full)
    run = OpenRun(
        run_id=context.run_id(),
        epoch=document.epoch + 1,
        generation=document.generation,
        kind=choice.kind,
        slot=wanted.slot,
        on_demand=wanted.on_demand,
        covers=wanted.covers,
        spec=document.spec,
        source_id=document.source_id,
        folder="",
        pin=context.ledger.keep_pin(listing.pin),
        pin_before=document.cursor.pin if document.cursor and before else None,
        cursor_before=document.cursor,
        lease=context.new_lease(),
        claimed_at=context.clock(),
    )
    run = run.model_copy(update={"folder": names(run).folder})
    claimed = context.ledger.swap(head, transitions.claim(document, run, nonce=context.ledger.nonce()))
    now_open = claimed.document.open
    if now_open is None or now_open.run_id != run.run_id:
        raise transitions.NotAllowed(claimed.document, "the claim was ended by another")
    return claimed, choice, listing.pin


def _decide(context: Context, flow_id: FlowId, run_id: str, staged: str) -> Versioned[FlowHead] | None:
    """The fence. None where the run isn't ours any more."""
    head = context.ledger.head(flow_id)
    try:
        if head is None:
            return None
        return context.ledger.swap(
            head, transitions.decide(head.document, run_id, staged, nonce=context.ledger.nonce())
        )
    except Conflict:
        _forget_staged(context, run_id)
        return None


def _forget_staged(context: Context, run_id: str) -> None:
    """A run that lost at the fence leaves no document behind. Its files are discarded by who abandoned it."""
    found = context.ledger.store.read(keys.staged(run_id))
    if found is not None:
        context.ledger.delete(keys.staged(run_id), found.version)


def _give_up(context: Context, flow_id: FlowId, run: OpenRun, error: Exception, now: datetime) -> None:
    """Ends our undecided run: noted on the head first, then what it staged is discarded."""
    head = context.ledger.head(flow_id)
    mine = head.document.open if head else None
    if head is None or mine is None or mine.run_id != run.run_id:
        _clear_up(context, run)
        return
    if mine.phase != "staging":
        return
    condition = None
    if isinstance(error, ReconcilerError):
        kind = "held" if isinstance(error, Refused) else "failed"
        condition = Condition(
            type=kind, code=error.code, sentence=error.summary, at=now, run_id=run.run_id, slot=run.slot
        )
    gone = transitions.abandon(
        head.document, run.run_id, "the run ended early", now=now, nonce=context.ledger.nonce(), condition=condition
    )
    try:
        _discard(context, context.ledger.swap(head, gone))
    except Conflict:
        _clear_up(context, run)


def _clear_up(context: Context, run: OpenRun) -> None:
    """Another ended our run, perhaps discarding it while we still staged: what came after that is ours to remove."""
    _forget_staged(context, run.run_id)
    context.open_destination(run.spec.destination).discard(run.run_id)


def _discard(context: Context, head: Versioned[FlowHead]) -> Versioned[FlowHead]:
    for each in head.document.abandoned:
        _forget_staged(context, each.run_id)
        context.open_destination(each.destination).discard(each.run_id)
        head = context.ledger.swap(
            head, transitions.discarded(head.document, each.run_id, nonce=context.ledger.nonce())
        )
    return head
