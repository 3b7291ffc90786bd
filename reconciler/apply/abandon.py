"""`ledger abandon`: ends a decided run that can't be published, and records what of it had been.

The run's document is what decides: the first one stands. Written here, it says `abandoned`, and whoever comes next closes the run by it
instead of publishing; a runner that completes the run meanwhile writes its own first, and then that counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reconciler.apply.context import Context
from reconciler.apply.publish import record_once, roll_forward, run_record
from reconciler.apply.purge import purge
from reconciler.apply.settle import settle
from reconciler.apply.standing import replaced
from reconciler.destinations.base import Destination
from reconciler.errors import AccountError, Conflict, DestinationError, OutcomeUnknown, ReconcilerError, StoreError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import FlowHead, OpenRun, RunRecord, StagedRecord
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId
from reconciler.values.manifest import ManifestFile


@dataclass(frozen=True, slots=True)
class _Published:
    """What a look at the destination showed. `caveat`: why that may not be all, in words; else empty."""

    files: tuple[ManifestFile, ...] = ()
    manifest: str | None = None
    caveat: str = ""


def end_decided(context: Context, head: Versioned[FlowHead], by: str, now: datetime) -> RunRecord:
    """Ends the head's decided run. What it exported stays; its slot counts as done, its cursor doesn't move, the rest is discarded.

    Returns what stands: `abandoned`, or `exported` where a runner completed it first. Raises `Conflict` L125 where the run can
    complete by itself, `OutcomeUnknown`, `StoreError`.
    """
    document = head.document
    run, condition = document.open, document.condition
    if run is None or run.phase != "publishing" or condition is None or condition.run_id != run.run_id:
        raise _needless(document)
    staged = _staged(context, run)
    found = _published(context, run, staged)
    why = f"ended by {by}: {condition.code} {condition.sentence}" + (f"; {found.caveat}" if found.caveat else "")
    record = run_record(context, document, run, staged or _nothing(context, run, now), run.folder).model_copy(
        update={
            "outcome": "abandoned",
            "why": why,
            "location": _location(context, run),
            "files": found.files,
            "manifest": found.manifest,
            "rows": sum(each.rows for each in found.files if not each.removed),
            "size": sum(each.size for each in found.files if not each.removed),
            "cursor_after": None,
            "replaced": replaced(run, [each.path for each in found.files]),
        }
    )
    stands = record_once(context, keys.run(document.flow_id, run.slot, run.run_id), record)
    roll_forward(context, head, now)
    settle(context, document.flow_id, now)
    return stands


def forget(context: Context, flow_id: FlowId, run_id: str, now: datetime) -> None:
    """Gives up what an abandoned run staged, where its destination is gone for good: one last try, then it is no longer listed."""
    head = settle(context, flow_id, now)
    if head is not None and any(each.run_id == run_id for each in head.document.abandoned):
        nonce = context.ledger.nonce()
        context.ledger.swap(head, transitions.discarded(head.document, run_id, nonce=nonce))


def forget_purge(context: Context, flow_id: FlowId, now: datetime) -> bool:
    """Gives up what a removed flow exported and can't be deleted, where its destination is gone for good: one last try, then nobody tries
    any more. Whether that was needed. Raises `OutcomeUnknown`, `StoreError`."""
    try:
        purge(context, flow_id, now)
        return False
    except (OutcomeUnknown, StoreError):
        raise
    except ReconcilerError:
        head = context.ledger.head(flow_id)
        if head is None or not head.document.purge:
            return False
        nonce = context.ledger.nonce()
        context.ledger.swap(head, transitions.purge_given_up(head.document, nonce=nonce))
        return True


def _staged(context: Context, run: OpenRun) -> StagedRecord | None:
    """None where it is gone or torn: that is one of the reasons to end a run."""
    try:
        found = context.ledger.read(StagedRecord, keys.staged(run.run_id))
    except StoreError:
        return None
    return found.document if found else None


def _published(context: Context, run: OpenRun, staged: StagedRecord | None) -> _Published:
    try:
        destination = context.open_destination(run.spec.destination)
        if destination.capabilities.readable:
            sizes = {each.name: each.size for each in destination.list(f"{run.folder}/")}
            if run.spec.destination.spec.files.replace:
                # What has the name may be an earlier run's, of the same size: ours isn't there as long as it waits.
                sizes = {name: size for name, size in sizes.items() if name not in set(destination.staged(run.run_id))}
            return _listed(sizes, run, staged)
        return _no_longer_staged(destination, run, staged)
    except (DestinationError, AccountError) as error:
        return _Published(caveat=f"what had been published could not be seen ({error.code} {error.summary})")


def _listed(sizes: dict[str, int], run: OpenRun, staged: StagedRecord | None) -> _Published:
    if staged is None:
        mine = sorted(name for name in sizes if run.run_id in name)
        files = tuple(ManifestFile(path=name, rows=0, size=sizes[name], sha256="") for name in mine)
        return _Published(files, caveat="of its files only names and sizes are known")
    files = tuple(
        ManifestFile(path=each.name, rows=each.rows, size=each.size, sha256=each.sha256, removed=each.removed)
        for each in staged.files
        if sizes.get(each.name) == each.size
    )
    there = staged.manifest is not None and staged.manifest.name in sizes
    return _Published(files, staged.manifest.name if staged.manifest and there else None)


def _no_longer_staged(destination: Destination, run: OpenRun, staged: StagedRecord | None) -> _Published:
    """A decided run is never discarded, so what isn't staged any more was published; unless its time was over."""
    if staged is None:
        return _Published(caveat="what had been published can't be told, since the destination is write-only")
    waiting = set(destination.staged(run.run_id))
    files = tuple(
        ManifestFile(path=each.name, rows=each.rows, size=each.size, sha256=each.sha256, removed=each.removed)
        for each in staged.files
        if each.name not in waiting
    )
    there = staged.manifest is not None and staged.manifest.name not in waiting
    caveat = "the destination is write-only: what isn't staged any more counts as published"
    return _Published(files, staged.manifest.name if staged.manifest and there else None, caveat)


def _location(context: Context, run: OpenRun) -> str:
    try:
        return context.open_destination(run.spec.destination).location(run.folder)
    except (DestinationError, AccountError):
        return run.folder


def _nothing(context: Context, run: OpenRun, now: datetime) -> StagedRecord:
    return StagedRecord(nonce=context.ledger.nonce(), run_id=run.run_id, files=(), read=0, matched=0, staged_at=now)


def _needless(head: FlowHead) -> Conflict:
    run = head.open
    if run is None:
        detail = f"{head.flow} has no open run."
    elif run.phase == "staging":
        detail = (
            f"Run {run.run_id} isn't decided, so nothing of it is to be seen. If its runner is dead, end its lease: "
            f"reconcile ledger release {head.flow}"
        )
    else:
        detail = f"Run {run.run_id} is decided and not held: the next run completes it. Next: reconcile run --select {head.flow}"
    return Conflict("L125", "nobody needs to end this run", detail)
