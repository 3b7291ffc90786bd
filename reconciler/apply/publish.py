"""From decided to recorded. Any runner may do this, as often as it takes: every step is idempotent."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Final

from reconciler.apply.conditions import noted
from reconciler.apply.context import Context
from reconciler.apply.snapshots import free_snapshots, snapshot_of
from reconciler.apply.standing import after, outdated, replaced
from reconciler.errors import Conflict, DestinationError, OutcomeUnknown, ReconcilerError
from reconciler.ledger import keys, transitions
from reconciler.ledger.codec import decode
from reconciler.ledger.records import FlowHead, LastRun, OpenRun, RunRecord, StagedRecord
from reconciler.stores.ledger import Versioned
from reconciler.values.manifest import ManifestFile
from reconciler.values.staged import StagedFile

_STAGED_IS_GONE: Final = "L122"
_TORN: Final = "L110"


def roll_forward(context: Context, head: Versioned[FlowHead], now: datetime) -> RunRecord | None:
    """Completes a decided run: publishes what isn't yet, records, frees. None where another runner closed it meanwhile, or a person
    ended it.

    The run's document comes first, then its staged one goes, then the head is closed: so that nothing is left over wherever it ends.
    What can't be published is noted on the head, for a person, before it is raised.
    """
    run = head.document.open
    if run is None or run.phase != "publishing":
        return None
    try:
        return _forward(context, head, run, now)
    except ReconcilerError as error:
        _note(context, head.document, run, error, now)
        raise


def _forward(context: Context, head: Versioned[FlowHead], run: OpenRun, now: datetime) -> RunRecord | None:
    key = keys.run(head.document.flow_id, run.slot, run.run_id)
    # In this order: a staged document that is gone was recorded before.
    stored = context.ledger.store.read(keys.staged(run.run_id))
    staged = decode(StagedRecord, keys.staged(run.run_id), stored.body) if stored else None
    recorded = context.ledger.read(RunRecord, key)
    known = recorded.document if recorded else None
    if known is None:
        if stored is None or staged is None or hashlib.sha256(stored.body).hexdigest() != run.staged_digest:
            # Of the bytes as they are: another version of this tool, which decided, may have written them a little differently.
            _check_closed(context, head.document, run)
            return None
        with context.span("publish"):
            made = _published(context, head.document, run, staged, key)
    with context.span("record"):
        record = known or record_once(context, key, made)
        if stored is not None:
            context.ledger.delete(keys.staged(run.run_id), stored.version)
        closed = _close(context, head, run, record, now)
    return record if closed and record.outcome == "exported" else None


def _published(context: Context, head: FlowHead, run: OpenRun, staged: StagedRecord, key: str) -> RunRecord:
    """What is to be recorded of a run by now: it is published whole, or was recorded meanwhile."""
    destination = context.open_destination(run.spec.destination)
    for file in staged.files:
        if old := outdated(run, file.name):
            destination.delete(old)
        destination.publish(file)
    if staged.manifest is not None:
        ended = context.ledger.read(RunRecord, key)
        if ended is not None:
            return ended.document  # by another runner, or by a person: then no reader is to see a manifest
        destination.publish(staged.manifest)
    return run_record(context, head, run, staged, destination.location(run.folder))


def record_once(context: Context, key: str, record: RunRecord) -> RunRecord:
    """Writes a run's document and returns the one that stands: the first, whoever wrote it."""
    try:
        return context.ledger.create(key, record).document
    except Conflict:
        first = context.ledger.read(RunRecord, key)
        return first.document if first else record


def _note(context: Context, head: FlowHead, run: OpenRun, error: ReconcilerError, now: datetime) -> None:
    """Says on the head why a decided run isn't completed: `held` where trying again won't help, `failed` where it may."""
    if isinstance(error, OutcomeUnknown) or (isinstance(error, Conflict) and error.code != _STAGED_IS_GONE):
        return
    lasting = isinstance(error, DestinationError) and error.permanent
    lasting = lasting or error.code in (_STAGED_IS_GONE, _TORN)
    condition = noted("held" if lasting else "failed", error, run.slot, now, run.run_id)
    with suppress(ReconcilerError):  # what is told is why it wasn't published
        found = context.ledger.head(head.flow_id)
        if found is not None and found.document.open is not None and found.document.open.run_id == run.run_id:
            nonce = context.ledger.nonce()
            context.ledger.swap(found, transitions.conditioned(found.document, condition, nonce=nonce))


def _check_closed(context: Context, head: FlowHead, run: OpenRun) -> None:
    """Nothing where another runner closed the run meanwhile; else the ledger lacks what it must have."""
    fresh = context.ledger.head(head.flow_id)
    if fresh and fresh.document.open and fresh.document.open.run_id == run.run_id:
        raise Conflict(
            _STAGED_IS_GONE,
            "what a decided run staged is not on the ledger",
            f"staged/{run.run_id} is missing or not what the head names. Restore it from a backup, or end the run: reconcile ledger "
            f"abandon {run.run_id}",
        )


def _close(context: Context, head: Versioned[FlowHead], run: OpenRun, record: RunRecord, now: datetime) -> bool:
    """Closes the run on the head, whoever else tries; whether it was us."""
    last = _last(run, record, now) if record.outcome == "exported" else None
    current: Versioned[FlowHead] | None = head
    while current and current.document.open and current.document.open.run_id == run.run_id:
        nonce = context.ledger.nonce()
        new = transitions.record(
            current.document,
            run.run_id,
            cursor=record.cursor_after,
            last=last,
            now=now,
            nonce=nonce,
            standing=after(run, record),
        )
        try:
            closed = context.ledger.swap(current, new)
        except Conflict:
            current = context.ledger.head(head.document.flow_id)
            continue
        of_run = snapshot_of(run.cursor_before), snapshot_of(record.cursor_after)
        free_snapshots(context.ledger, of_run, closed.document)
        return True
    return False


def _last(run: OpenRun, record: RunRecord, now: datetime) -> LastRun:
    return LastRun(
        run_id=run.run_id,
        slot=run.slot,
        kind=run.kind,
        rows=record.rows,
        files=len(record.files),
        size=record.size,
        read=record.read,
        matched=record.matched,
        duration_seconds=max((record.finished_at - record.claimed_at).total_seconds(), 0.0),
        delay_seconds=record.delay_seconds,
        finished_at=now,
        location=record.location,
        excluded=record.excluded,
        changes=record.changes,
    )


def run_record(context: Context, head: FlowHead, run: OpenRun, staged: StagedRecord, location: str) -> RunRecord:
    """What is recorded of a run that was published whole; `location`: of its folder, for people."""
    return RunRecord(
        nonce=context.ledger.nonce(),
        flow=head.flow,
        run_id=run.run_id,
        generation=run.generation,
        kind=run.kind,
        slot=run.slot,
        on_demand=run.on_demand,
        covers=run.covers,
        resend_of=run.resend_of,
        outcome="exported",
        why="sent again" if run.resend_of else "on demand" if run.on_demand else "a slot was due",
        spec=run.spec,
        source_id=run.source_id,
        folder=run.folder,
        location=location,
        manifest=staged.manifest.name if staged.manifest else None,
        files=tuple(_listed(each) for each in staged.files),
        read=staged.read,
        matched=staged.matched,
        excluded=staged.excluded,
        lifted=staged.lifted,
        changes=staged.changes,
        rows=sum(each.rows for each in staged.files if not each.removed),
        size=sum(each.size for each in staged.files if not each.removed),
        cursor_before=run.cursor_before,
        cursor_after=staged.cursor_after,
        within=run.within,
        replaced=replaced(run, [each.name for each in staged.files]),
        claimed_at=run.claimed_at,
        delay_seconds=run.delay_seconds,
        staged_at=staged.staged_at,
        finished_at=context.clock(),
        tool=context.tool,
    )


def _listed(file: StagedFile) -> ManifestFile:
    return ManifestFile(path=file.name, rows=file.rows, size=file.size, sha256=file.sha256, removed=file.removed)
