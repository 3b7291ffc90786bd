"""One run of one flow, by the protocol: claim, stage, judge, decide, publish, record.

At no instant does a reader see a file of an undecided run. Losing a swap to another runner is no error: the loser leaves
quietly, having shown nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.apply.claim import Claimed, Wanted, claim
from reconciler.apply.context import Context
from reconciler.apply.heartbeat import Heartbeat
from reconciler.apply.judge import Counts, judged
from reconciler.apply.publish import roll_forward
from reconciler.apply.settle import forget_staged, give_up, not_begun, settle
from reconciler.apply.spans import Span
from reconciler.apply.stage import stage
from reconciler.errors import Conflict, OutcomeUnknown, ReconcilerError, Refused, of_flow
from reconciler.export.job import Interrupted
from reconciler.ledger import keys, transitions
from reconciler.ledger.codec import digest
from reconciler.ledger.records import FlowHead, OpenRun, RunRecord
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId
from reconciler.values.slot import slot_text

__all__ = ["Wanted", "run_flow", "settle"]

_DECIDE_TRIES: Final = 20


def run_flow(context: Context, flow_id: FlowId, wanted: Wanted, now: datetime) -> RunRecord | None:
    """Exports once. None where another runner has, or is at it.

    Raises `Refused` H101 (a guard; the flow is held), H110 to H112 (a re-send that isn't possible), H113 (the
    recipient's agreement has ended), H117 (it is suspended, and was asked for), `SourceError`, `DestinationError`,
    `Interrupted`, `OutcomeUnknown`, `StoreError`.
    """
    with context.span("run") as span:
        span.note(flow=str(flow_id), destination=flow_id.destination, slot=slot_text(wanted.slot))
        record = _run(context, flow_id, wanted, now, span)
        if record is None:
            span.note(outcome="left")
        else:
            span.note(outcome=record.outcome, read=record.read, matched=record.matched, exported=record.rows)
            span.note(files=len(record.files), bytes=record.size, **_excluded(record))
        return record


def _excluded(record: RunRecord) -> dict[str, int]:
    return {f"excluded.{reason}": rows for reason, rows in record.excluded.items()}


def _run(context: Context, flow_id: FlowId, wanted: Wanted, now: datetime, span: Span) -> RunRecord | None:
    head = settle(context, flow_id, now)
    if head is None or head.document.open is not None or not _wants(head.document, wanted):
        return None
    if head.document.state == "suspended":
        raise _suspended(head.document)
    try:
        with of_flow(flow_id.short), context.span("claim"):
            claimed = claim(context, head, wanted, now)
    except Conflict:
        return None
    except OutcomeUnknown:
        raise
    except ReconcilerError as error:
        if wanted.repeats is None:
            not_begun(context, head, wanted.slot, error, now)
        raise
    context.opened(claimed.run)
    span.note(run_id=claimed.run.run_id, kind=claimed.run.kind, delay_seconds=claimed.run.delay_seconds or 0)
    heart = Heartbeat(context, claimed.run)
    try:
        with of_flow(flow_id.short):
            decided = _until_decided(context, claimed, heart, now)
    except OutcomeUnknown:
        raise  # What is on the ledger can't be told, so nothing else is touched; the next call finds out.
    except (ReconcilerError, Interrupted) as error:
        ours = give_up(context, flow_id, claimed.run, error, now)
        if (ours and not heart.lost) or (isinstance(error, Interrupted) and context.stop()):
            raise
        return None  # Another has taken over: what we met on the way is no news of the flow any more.
    if decided is None:
        # Ended by another while we staged, perhaps after it discarded: what we staged since is ours to remove.
        context.open_destination(claimed.run.spec.destination).discard(claimed.run.run_id)
        return None
    # Another may have completed it while we did. It says nothing of it, since it was ours: we do.
    return roll_forward(context, decided, now) or _exported(context, claimed.run)


def _exported(context: Context, run: OpenRun) -> RunRecord | None:
    recorded = context.ledger.read(RunRecord, keys.run(run.spec.flow_id, run.slot, run.run_id))
    return recorded.document if recorded and recorded.document.outcome == "exported" else None


def _suspended(head: FlowHead) -> Refused:
    """Whoever suspended it may have had to: nobody gets around it by asking."""
    said = f"{head.flow_id.short}: activation {head.spec.activation} says suspend: true, as it is applied. Nothing was read or sent."
    return Refused("H117", "the flow is suspended", f"{said} Apply it without suspend first.")


def _wants(head: FlowHead, wanted: Wanted) -> bool:
    """Whether the head still wants it: it may have been suspended, or exported, since somebody saw that it was due."""
    if wanted.on_demand:
        return True
    return head.state == "active" and (head.last_slot is None or wanted.slot > head.last_slot)


def _until_decided(context: Context, claimed: Claimed, heart: Heartbeat, now: datetime) -> Versioned[FlowHead] | None:
    """Stages, the lease renewed meanwhile; judges, decides. None where the run isn't ours any more."""
    run = claimed.run
    claimed.keep(context)
    destination = context.open_destination(run.spec.destination)
    files = context.open_files(run.spec.source)
    try:
        with heart, context.span("stage"):
            working = replace(context, stop=heart.stop)
            record, counts = stage(working, run, claimed.choice, claimed.pin, files, destination, now)
    except KeyboardInterrupt as error:
        # Polars raises it by itself where a SIGINT meets it, whoever handles the signal. Nothing is decided yet, so it's safe to give up.
        raise Interrupted from error
    with context.span("judge"):
        lifted = _allowed(run, counts, now)
    with context.span("decide"):
        record = record.model_copy(update={"lifted": lifted})
        context.ledger.create(keys.staged(run.run_id), record)
        return _decide(context, run.spec.flow_id, run.run_id, digest(record))


def _allowed(run: OpenRun, counts: Counts, now: datetime) -> tuple[str, ...]:
    """Breaches that an override lets pass, as sentences. Raises `Refused` H101 for the others."""
    found = judged(run.spec.guards, run.spec.overrides, counts, now)
    if found.breaches:
        detail = "; ".join(f"{each.guard}: {each.sentence}" for each in found.breaches)
        raise Refused("H101", "a guard holds this export", f"{run.spec.flow_id}: {detail}. Nothing was published.")
    return found.lifted


def _decide(context: Context, flow_id: FlowId, run_id: str, staged: str) -> Versioned[FlowHead] | None:
    """The fence. None where the run isn't ours any more; a head that changed otherwise is no reason to lose the work."""
    for _ in range(_DECIDE_TRIES):
        head = context.ledger.head(flow_id)
        if head is None:
            break
        mine = head.document.open
        if mine is not None and (mine.run_id, mine.phase, mine.staged_digest) == (run_id, "publishing", staged):
            return head
        try:
            decided = transitions.decide(head.document, run_id, staged, nonce=context.ledger.nonce())
        except transitions.NotAllowed:
            break
        try:
            return context.ledger.swap(head, decided)
        except Conflict:
            continue
    forget_staged(context, run_id)
    return None
