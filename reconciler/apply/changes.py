"""Performs the changes of a plan, one after the other, each whole. Reads the change alone, never its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import assert_never

from reconciler.apply.context import Context
from reconciler.apply.purge import purge
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.apply.sealing import sealing_for
from reconciler.apply.snapshots import free_snapshots, snapshot_of
from reconciler.apply.together import origin
from reconciler.apply.units import together, units
from reconciler.destinations.lacking import naming_all
from reconciler.errors import Conflict, DestinationError, OutcomeUnknown, ReconcilerError
from reconciler.export.job import Interrupted
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, DestinationRecord, FlowHead, ProjectRecord, RunRecord
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    Change,
    CreateDestination,
    Export,
    MoveFlow,
    Plan,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateDestination,
    UpdateFlow,
)
from reconciler.resources.effective import fingerprint
from reconciler.stores.ledger import Versioned
from reconciler.values.identity import FlowId


@dataclass(frozen=True, slots=True)
class Done:
    """One change that was performed. `run`: what an export recorded. `note`: what else is worth saying, else empty. `until`: of an export
    that is left to the runner that has it open, when that one's lease ends."""

    change: Change
    run: RunRecord | None = None
    note: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """One change that wasn't. Nothing of it is left half done that the next apply wouldn't complete."""

    change: Change
    error: ReconcilerError


Result = Done | Failed


@dataclass(frozen=True, slots=True)
class Apply:
    """One apply: the ledger's lineage, who applies, and the time that it acts at."""

    context: Context
    lineage: str
    applied: Applied
    now: datetime

    def perform(self, plan: Plan, told: Callable[[Result], None], *, exports: bool = True) -> tuple[Result, ...]:
        """Every change in the plan's order, exports last. One that fails leaves the others whole; what stands on it isn't tried.

        `told` hears of each at once, one at a time. Raises `OutcomeUnknown`: then nothing further is begun; `Interrupted` once asked to
        stop.
        """
        results: dict[int, Result] = {}
        broken: set[str] = set()
        for at, change in enumerate(plan.changes):
            if isinstance(change, Export):
                continue
            if self.context.stop():
                raise Interrupted
            results[at] = result = self._one(change, broken)
            if isinstance(result, Failed):
                broken |= {change.subject, change.moved_from if isinstance(change, MoveFlow) else change.subject}
            told(result)
        if exports:
            due = {at: each for at, each in enumerate(plan.changes) if isinstance(each, Export)}
            results |= self._exports(due, broken, told)
        return tuple(results[at] for at in sorted(results))

    def _exports(
        self, changes: Mapping[int, Export], broken: set[str], told: Callable[[Result], None]
    ) -> dict[int, Result]:
        """By their numbers in the plan. Nothing stands on an export, so that those of one dataset can be read together."""
        telling = Lock()

        def perform(context: Context, at: int) -> Result:
            result = replace(self, context=context)._one(changes[at], broken)
            with telling:
                told(result)
            return result

        results: dict[int, Result] = {}
        for unit in units(self.context, [(self._origin(each, len(changes)), at) for at, each in changes.items()]):
            if self.context.stop():
                raise Interrupted
            found = together(self.context, unit, perform) if len(unit) > 1 else [perform(self.context, unit[0])]
            results |= zip(unit, found, strict=True)
        return results

    def _origin(self, change: Export, of: int) -> str | None:
        """What it has in common with those that it can be read with; None: it is read apart, or meets by itself what is wrong."""
        if change.on_demand or of == 1:
            return None
        with suppress(ReconcilerError):
            head = self.context.ledger.head(FlowId.parse(change.subject))
            return origin(head.document) if head else None
        return None

    def _one(self, change: Change, broken: set[str]) -> Result:
        try:
            if _stands_on(change, broken):
                raise Conflict("L124", "not tried", f"{change.subject}: what it stands on failed before it.")
            return self._perform(change)
        except OutcomeUnknown:
            raise
        except ReconcilerError as error:
            return Failed(change, error)

    def _perform(self, change: Change) -> Done:
        match change:
            case CreateDestination() | UpdateDestination() | AdoptDestination():
                return self._destination(change)
            case RemoveDestination():
                return self._remove_destination(change)
            case AddFlow():
                return self._add(change)
            case UpdateFlow() | SuspendFlow() | ResumeFlow() | AdoptFlow():
                return self._update(change)
            case RemoveFlow():
                return self._remove(change)
            case MoveFlow():
                return self._move(change)
            case UpdateAccess():
                return self._access(change)
            case Export():
                return self._export(change)
            case _:
                assert_never(change)

    def _destination(self, change: CreateDestination | UpdateDestination | AdoptDestination) -> Done:
        sealing_for(self.context, change.spec)
        destination = self.context.open_destination(change.spec)
        try:
            report = destination.probe()
        except DestinationError as error:
            raise naming_all(destination, error) from error
        destination.claim_owner(self.lineage)
        key = keys.destination(change.subject)
        found = self.context.ledger.read(DestinationRecord, key)
        _same(change, found.document.generation if found else 0)
        record = DestinationRecord(
            nonce=self.context.ledger.nonce(),
            name=change.subject,
            owner=change.owner,
            spec=change.spec,
            fingerprint=fingerprint(change.spec),
            generation=change.generation + 1,
            protected=change.protected,
            transfer_to=change.transfer_to,
            applied=self.applied,
        )
        if found is None:
            self.context.ledger.create(key, record)
        else:
            self.context.ledger.replace(key, record, found.version)
        return Done(change, note=", ".join(report.steps))

    def _access(self, change: UpdateAccess) -> Done:
        """What permissions are judged by from now on, in the project's document."""
        found = self.context.ledger.read(ProjectRecord, keys.PROJECT)
        if found is None:
            raise _stale(change)
        governing = {name: each for name, each in (found.document.governing or {}).items() if name != change.owner}
        if change.spec is not None:
            governing[change.owner] = change.spec
        update = {"nonce": self.context.ledger.nonce(), "governing": governing or None}
        self.context.ledger.replace(keys.PROJECT, found.document.model_copy(update=update), found.version)
        return Done(change)

    def _remove_destination(self, change: RemoveDestination) -> Done:
        key = keys.destination(change.subject)
        found = self.context.ledger.read(DestinationRecord, key)
        if found is not None:
            _same(change, found.document.generation)
            self.context.ledger.delete(key, found.version)
        return Done(change)

    def _add(self, change: AddFlow) -> Done:
        flow_id = FlowId.parse(change.subject)
        found = self._vacant(change, flow_id)
        head = transitions.added(
            change.spec,
            owner=change.owner,
            source_id=change.source_id,
            applied=self.applied,
            nonce=self.context.ledger.nonce(),
            before=found.document if found else None,
        )
        if found is None:
            self.context.ledger.create(keys.flow(flow_id), head)
        else:
            self.context.ledger.swap(found, head)
        return Done(change)

    def _update(self, change: UpdateFlow | SuspendFlow | ResumeFlow | AdoptFlow) -> Done:
        head = self._settled(change, change.generation)
        rebuild = change.rebuild if isinstance(change, UpdateFlow | AdoptFlow) else None
        source_id, nonce = change.source_id, self.context.ledger.nonce()
        if isinstance(change, AdoptFlow):
            new = transitions.adopted(
                head.document,
                change.spec,
                owner=change.owner,
                rebuild=rebuild,
                source_id=source_id,
                applied=self.applied,
                nonce=nonce,
            )
        else:
            new = transitions.updated(
                head.document, change.spec, rebuild=rebuild, source_id=source_id, applied=self.applied, nonce=nonce
            )
        updated = self.context.ledger.swap(head, new)
        free_snapshots(self.context.ledger, [snapshot_of(head.document.cursor)], updated.document)
        settle(self.context, head.document.flow_id, self.now)
        return Done(change)

    def _remove(self, change: RemoveFlow) -> Done:
        head = self._settled(change, change.generation)
        gone = transitions.removed(
            head.document, purge=change.purge, applied=self.applied, nonce=self.context.ledger.nonce()
        )
        removed = self.context.ledger.swap(head, gone)
        free_snapshots(self.context.ledger, [snapshot_of(head.document.cursor)], removed.document)
        settle(self.context, head.document.flow_id, self.now)
        if not change.purge:
            return Done(change, note="files kept")
        return Done(change, note=_purged(purge(self.context, head.document.flow_id, self.now)))

    def _move(self, change: MoveFlow) -> Done:
        """The old head is marked before the new one exists; where an earlier apply ended in between, this goes on from there."""
        old_id, new_id = FlowId.parse(change.moved_from), FlowId.parse(change.subject)
        old = self._settled(change, change.from_generation, old_id)
        there = self._vacant(change, new_id)
        away = transitions.moved_away(
            old.document,
            change.subject,
            applied=self.applied,
            nonce=self.context.ledger.nonce(),
            before=there.document if there else None,
        )
        new = transitions.moved_here(
            old.document,
            change.spec,
            applied=self.applied,
            nonce=self.context.ledger.nonce(),
            before=there.document if there else None,
            source_id=change.source_id,
            rebuild=change.rebuild,
        )
        self.context.ledger.swap(old, away)
        if there is None:
            self.context.ledger.create(keys.flow(new_id), new)
        else:
            self.context.ledger.swap(there, new)
        return Done(change)

    def _export(self, change: Export) -> Done:
        flow_id = FlowId.parse(change.subject)
        try:
            done = self._exported(change, flow_id)
        except ReconcilerError as error:
            self.context.ended(flow_id, error)
            raise
        self.context.ended(flow_id, None)
        return done

    def _exported(self, change: Export, flow_id: FlowId) -> Done:
        meant: list[RunRecord] = []

        def hears(run: RunRecord) -> None:
            """The run that the change is to finish is its result; of any other, it is told apart."""
            (meant.append if run.run_id == change.run_id else self.context.completed)(run)

        context = replace(self.context, completed=hears)
        if change.on_demand:
            # Its slot is the minute at which somebody asked, not one of the schedule's: never to be repeated as one.
            settle(context, flow_id, self.now)
            run = None
        else:
            run = run_flow(context, flow_id, Wanted(change.slot, covers=change.missed), self.now)
        run = run or next(iter(meant), None)
        return Done(change, run) if run else self._not_ours(change, flow_id)

    def _not_ours(self, change: Export, flow_id: FlowId) -> Done:
        head = self.context.ledger.head(flow_id)
        if head is not None and head.document.open is not None:
            return Done(change, until=head.document.open.lease.until)
        note = "nothing of it is left open" if change.on_demand else "another runner had it"
        return Done(change, note=note)

    def _vacant(self, change: Change, flow_id: FlowId) -> Versioned[FlowHead] | None:
        """What a removed flow left under an id that is wanted again: still as the plan saw it, and nothing of its purge owed."""
        found = self.context.ledger.head(flow_id)
        _same(change, found.document.generation if found else 0)
        if found is None or not found.document.purge:
            return found
        purge(self.context, flow_id, self.now)
        return self.context.ledger.head(flow_id)

    def _settled(self, change: Change, generation: int, flow_id: FlowId | None = None) -> Versioned[FlowHead]:
        """The head with nothing decided left open, still as the plan saw it."""
        head = settle(self.context, flow_id or FlowId.parse(change.subject), self.now)
        if head is None:
            raise _stale(change)
        _same(change, head.document.generation, generation)
        return head


def _stands_on(change: Change, broken: set[str]) -> bool:
    """Whether a change needs one that failed: a flow its destination, an export its flow, a removed destination that its flows left."""
    if isinstance(change, UpdateAccess):
        return False
    if isinstance(change, RemoveDestination):
        return any(each == change.subject or each.startswith(f"{change.subject}/") for each in broken)
    return bool(broken & {change.subject.partition("/")[0], change.subject})


def _purged(files: int | None) -> str:
    return "purged by another runner" if files is None else f"{files:,} file{'' if files == 1 else 's'} purged"


def _same(change: Change, now: int, seen: int | None = None) -> None:
    if now != (change.generation if seen is None else seen):
        raise _stale(change)


def _stale(change: Change) -> Conflict:
    return Conflict(
        "L123", "the plan is stale", f"{change.subject} was changed since it was planned. Plan again: reconcile plan"
    )
