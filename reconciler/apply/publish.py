"""From decided to recorded. Any runner may do this, as often as it takes: every step is idempotent."""

from __future__ import annotations

import hashlib
from datetime import datetime

from reconciler.apply.context import Context
from reconciler.errors import Conflict
from reconciler.ledger import keys, transitions
from reconciler.ledger.codec import encode
from reconciler.ledger.records import FlowHead, LastRun, OpenRun, RunRecord, StagedRecord
from reconciler.stores.ledger import Versioned
from reconciler.values.manifest import ManifestFile
from reconciler.values.staged import StagedFile


def digest(staged: StagedRecord) -> str:
    """What the head names at deciding: hex SHA-256 of the staged document's bytes."""
    return hashlib.sha256(encode(staged)).hexdigest()


def roll_forward(context: Context, head: Versioned[FlowHead], now: datetime) -> RunRecord | None:
    """Completes a decided run: publishes what isn't yet, records, frees. None where another runner closed it meanwhile.

    The run's document comes first, then its staged one goes, then the head is closed: so that nothing is left over wherever it ends.
    """
    run = head.document.open
    if run is None or run.phase != "publishing":
        return None
    key = keys.run(head.document.flow_id, run.slot, run.run_id)
    staged = context.ledger.read(StagedRecord, keys.staged(run.run_id))
    if staged is None:
        recorded = context.ledger.read(RunRecord, key)
        if recorded is None:
            _check_closed(context, head.document, run)
            return None
        record = recorded.document
    else:
        if digest(staged.document) != run.staged_digest:
            _check_closed(context, head.document, run)
            return None
        record = _publish(context, head.document, run, staged.document, key)
        context.ledger.delete(keys.staged(run.run_id), staged.version)
    return record if _close(context, head, run, record, now) else None


def _publish(context: Context, head: FlowHead, run: OpenRun, staged: StagedRecord, key: str) -> RunRecord:
    destination = context.open_destination(run.spec.destination)
    for file in staged.files:
        destination.publish(file)
    if staged.manifest is not None:
        destination.publish(staged.manifest)
    record = _record(context, run, staged, destination.location(run.folder), head)
    try:
        return context.ledger.create(key, record).document
    except Conflict:
        # An earlier try, or another runner, wrote it: one document a run, the first stands.
        first = context.ledger.read(RunRecord, key)
        return first.document if first else record


def _check_closed(context: Context, head: FlowHead, run: OpenRun) -> None:
    """Nothing where another runner closed the run meanwhile; else the ledger lacks what it must have."""
    fresh = context.ledger.head(head.flow_id)
    if fresh and fresh.document.open and fresh.document.open.run_id == run.run_id:
        raise Conflict(
            "L122",
            "what a decided run staged is not on the ledger",
            f"staged/{run.run_id} is missing or not what the head names. Nothing was changed. Restore it from a backup.",
        )


def _close(context: Context, head: Versioned[FlowHead], run: OpenRun, record: RunRecord, now: datetime) -> bool:
    """Closes the run on the head, whoever else tries; whether it was us."""
    last = LastRun(
        run_id=run.run_id,
        slot=run.slot,
        kind=run.kind,
        rows=record.rows,
        files=len(record.files),
        size=record.size,
        finished_at=now,
        location=record.location,
        excluded=record.excluded,
    )
    current: Versioned[FlowHead] | None = head
    while current and current.document.open and current.document.open.run_id == run.run_id:
        nonce = context.ledger.nonce()
        new = transitions.record(
            current.document, run.run_id, cursor=record.cursor_after, last=last, now=now, nonce=nonce
        )
        try:
            context.ledger.swap(current, new)
            return True
        except Conflict:
            current = context.ledger.head(head.document.flow_id)
    return False


def _record(context: Context, run: OpenRun, staged: StagedRecord, location: str, head: FlowHead) -> RunRecord:
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
        rows=sum(each.rows for each in staged.files),
        size=sum(each.size for each in staged.files),
        cursor_before=run.cursor_before,
        cursor_after=staged.cursor_after,
        within=run.within,
        claimed_at=run.claimed_at,
        staged_at=staged.staged_at,
        finished_at=context.clock(),
        tool=context.tool,
    )


def _listed(file: StagedFile) -> ManifestFile:
    return ManifestFile(path=file.name, rows=file.rows, size=file.size, sha256=file.sha256)
