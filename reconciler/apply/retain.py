"""`files.retain`: deletes what a flow exported longer ago than is to be kept, exactly what those runs recorded and nothing else.

An undecided run has no document yet, and a stranger's file is in none: neither is ever touched. The manifest goes first, then the
files, then the run's document says so. Whatever ends in between, or fails, is gone on with by the next run or apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.apply.conditions import unremoved
from reconciler.apply.context import Context
from reconciler.apply.deleting import delete_run
from reconciler.apply.reaching import reaching
from reconciler.errors import Conflict, DestinationError, OutcomeUnknown, ReconcilerError
from reconciler.export.job import Interrupted
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import FlowHead, Life, RunRecord
from reconciler.resources.dataset import duration
from reconciler.stores.ledger import Ledger, Versioned
from reconciler.values.identity import FlowId


@dataclass
class Thinned:
    """`exports` and `files` that were deleted; what is said of a flow afterwards. `through` and `again` as in `Retained`."""

    exports: int = 0
    files: int = 0
    through: str | None = None
    again: datetime | None = None
    failed: list[ReconcilerError] = field(default_factory=list)

    def later(self, at: datetime) -> None:
        """Something may be due then."""
        self.again = min(at, self.again or at)


def wanted(head: FlowHead, now: datetime) -> bool:
    """Whether there may be something to delete; tells it from the head alone."""
    if head.spec.destination.spec.files.retain is None or head.state not in ("active", "suspended"):
        return False
    done = head.retained
    return done is None or not done.settled or (done.again is not None and done.again <= now)


def thin(context: Context, flow_id: FlowId, now: datetime) -> Thinned | None:
    """Deletes what is no longer to be kept at `now` (aware). None: nothing was to be looked at.

    A run whose files can't be deleted doesn't keep those of others. Raises `DestinationError` H121 where any are left, after the head
    says so; `OutcomeUnknown`, `StoreError`, `Interrupted`.
    """
    head = context.ledger.head(flow_id)
    if head is None or not wanted(head.document, now):
        return None
    found = _Thinning(context, head.document, now).all()
    problem = _left(found.failed) if found.failed else None
    _note(context, head, found, problem, now)
    if problem is not None:
        raise problem
    return found


class _Thinning:
    """One look at one flow's recorded runs, oldest first."""

    def __init__(self, context: Context, head: FlowHead, now: datetime) -> None:
        self._context, self._head, self._now = context, head, now
        self._reach = reaching(context.ledger, head)
        self._names = sorted(_names(context.ledger, head))
        before = head.retained.through if head.retained else None
        self._found = Thinned(through=before)

    def all(self) -> Thinned:
        """Reads no more documents than there are runs to delete, and of a number to keep those that are counted."""
        retain = self._head.spec.destination.spec.files.retain
        if isinstance(retain, int):
            self._older_than_the_newest(retain)
        elif retain is not None:
            kept = duration(retain)
            self._until(self._now - kept, kept)
        return self._found

    def _older_than_the_newest(self, number: int) -> None:
        """By slot; what was sent again isn't one of them, and goes once as many exports followed it."""
        counted: list[RunRecord] = []
        for name, life in reversed(self._names):
            run = self._read(name, life)
            if run is not None and run.outcome == "exported" and run.resend_of is None:
                counted.append(run)
                if len(counted) == number:
                    keep = {each.run_id for each in counted}
                    self._until(min(_left_at(each) for each in counted) - timedelta(microseconds=1), None, keep)
                    return

    def _until(self, cutoff: datetime, kept: timedelta | None, keep: frozenset[str] | set[str] = frozenset()) -> None:
        """Deletes what left at `cutoff` or earlier. `kept`: for how long the rest is."""
        whole = True
        for name, life in self._names:
            if self._found.through is not None and name <= self._found.through and whole:
                continue
            if self._context.stop():
                raise Interrupted
            if keys.slot_of(name) > cutoff:
                if kept is not None:
                    self._found.later(keys.slot_of(name) + kept)
                return
            run = self._read(name, life)
            if run is not None and not self._gone(run, cutoff, kept, keep):
                whole = False
            if whole:
                self._found.through = name

    def _gone(self, run: RunRecord, cutoff: datetime, kept: timedelta | None, keep: frozenset[str] | set[str]) -> bool:
        """Whether nothing of a run is there any more."""
        if run.removed_at is not None or not (run.files or run.manifest):
            return True
        if _left_at(run) > cutoff or run.run_id in keep:
            if kept is not None:
                self._found.later(_left_at(run) + kept)
            return False
        try:
            return self._delete(run)
        except OutcomeUnknown:
            raise
        except ReconcilerError as error:
            self._found.failed.append(error)
            return False

    def _delete(self, run: RunRecord) -> bool:
        if not run.spec.destination.spec.deletes:
            return True  # claimed while it could only be written to: then nothing of it is ours to take back
        if delete_run(self._context, run, self._reach(run.spec.destination), "retain", self._now):
            self._found.exports += 1
            self._found.files += len(run.files)
        return True

    def _read(self, name: str, life: Life) -> RunRecord | None:
        found = self._context.ledger.read(RunRecord, f"{keys.runs(FlowId.parse(life.flow))}{name}")
        if found is None or not life.born <= found.document.generation <= life.until:
            return None
        return found.document


def _names(ledger: Ledger, head: FlowHead) -> Iterator[tuple[str, Life]]:
    for life in head.lives():
        for key, _ in ledger.store.list(keys.runs(FlowId.parse(life.flow))):
            yield key.rpartition("/")[2], life


def _left_at(run: RunRecord) -> datetime:
    """When an export left. Its slot, where that is later: a simulated ledger runs ahead of the clock."""
    return max(run.slot, run.finished_at)


def _note(
    context: Context, head: Versioned[FlowHead], found: Thinned, problem: DestinationError | None, now: datetime
) -> None:
    """Says on the head how far it got. Where that changed meanwhile, whoever changed it has made sure that it is looked at again."""
    before = head.document.retained.unremoved if head.document.retained else None
    new = transitions.thinned(
        head.document,
        through=found.through,
        removed=found.exports,
        again=found.again,
        unremoved=unremoved(problem, now, before) if problem else None,
        nonce=context.ledger.nonce(),
    )
    try:
        context.ledger.swap(head, new)
    except Conflict:
        fresh = context.ledger.head(head.document.flow_id)
        if fresh is not None and found.exports:
            with suppress(Conflict):
                context.ledger.swap(
                    fresh, transitions.counted(fresh.document, found.exports, nonce=context.ledger.nonce())
                )


def _left(failed: list[ReconcilerError]) -> DestinationError:
    first = failed[0]
    permanent = all(isinstance(each, DestinationError) and each.permanent for each in failed)
    return DestinationError(
        "H121",
        "older exports couldn't be deleted",
        f"Files of {len(failed):,} exports are kept longer than files.retain says: {first.code} {first.summary}: "
        f"{first.detail.rstrip('.')}. The next run or apply tries again.",
        permanent=permanent,
    )
