"""Which exports a plan holds: due slots and runs to finish, given what the plan changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from reconciler.ledger.records import FlowHead
from reconciler.plan import reasons
from reconciler.plan.calendar import next_slot
from reconciler.plan.due import Due, due
from reconciler.plan.plan import (
    AddFlow,
    AdoptFlow,
    DestinationChange,
    Export,
    FlowChange,
    MoveFlow,
    NextExport,
    Reason,
    ResumeFlow,
    UpdateFlow,
)
from reconciler.resources.basis import basis
from reconciler.resources.effective import FlowSpec
from reconciler.resources.schedule import ScheduleSpec
from reconciler.values.cursor import DiffCursor
from reconciler.values.manifest import RunKind

_Changes = Iterable[DestinationChange | FlowChange]


class _Subject(NamedTuple):
    flow: str
    owner: str
    generation: int


@dataclass(frozen=True, slots=True)
class _Clock:
    """What is due at one moment: worked out once for all flows that share a schedule, a beginning and a last slot."""

    now: datetime
    _known: dict[tuple[ScheduleSpec, datetime, datetime | None], Due] = field(default_factory=dict)

    def due(self, schedule: ScheduleSpec, since: datetime, last: datetime | None) -> Due:
        """See `due.due`."""
        key = (schedule, since, last)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = due(schedule, since, last, self.now)
        return found


def _subject(change: FlowChange) -> _Subject:
    return _Subject(change.subject, change.owner, change.generation)


def exports(
    settled: Iterable[FlowHead], changes: _Changes, heads: Mapping[str, FlowHead], now: datetime
) -> list[Export]:
    """Exports of flows as declared, and of those that the plan adds, changes, moves or resumes."""
    found = []
    clock = _Clock(now)
    for head in settled:
        if head.open is not None:
            found.append(_unfinished(head, now))
        if (head.open is None or head.open.on_demand) and head.state != "suspended":
            found += _due(head, head.spec, _Subject(head.flow, head.owner, head.generation), head.rebuild, clock)
    for change in changes:
        match change:
            case AddFlow() if not change.spec.suspend:
                found += _due(None, change.spec, _subject(change), None, clock)
            case UpdateFlow() | ResumeFlow() | MoveFlow() | AdoptFlow() if not change.spec.suspend:
                there = heads.get(change.moved_from if isinstance(change, MoveFlow) else change.subject)
                if there is None:
                    continue  # it is adopted, and no ledger is at hand: what is there isn't known
                fresh = None if isinstance(change, ResumeFlow) or change.cursor != "rebuild" else change.rebuild
                rebuild = fresh or there.rebuild
                found += _due(there, change.spec, _subject(change), rebuild, clock)
            case _:
                pass
    return found


def _unfinished(head: FlowHead, now: datetime) -> Export:
    run = head.open
    assert run is not None
    return Export(
        subject=head.flow,
        owner=head.owner,
        reason=reasons.unfinished(run, now),
        generation=head.generation,
        slot=run.slot,
        kind=run.kind,
        run_id=run.run_id,
        on_demand=run.on_demand,
        missed=run.covers,
    )


def _due(
    head: FlowHead | None, spec: FlowSpec, subject: _Subject, rebuild: str | None, clock: _Clock
) -> Iterator[Export]:
    """The due slot, if any. A decided run is completed by whatever change comes first, so its slot counts as done."""
    last, exported = (head.last_slot, head.cursor is not None) if head else (None, False)
    if head and head.open and head.open.phase == "publishing":
        exported = True
        if not head.open.on_demand:
            last = max(last, head.open.slot) if last else head.open.slot
    found = clock.due(spec.schedule, head.since if head else clock.now, last)
    if found.slot is None:
        return
    stale = _stale(head, spec) if rebuild is None else None
    rebuild = stale.sentence if stale else rebuild
    covers = found.missed if spec.schedule.catch_up == "latest" else 0
    yield Export(
        subject=subject.flow,
        owner=subject.owner,
        reason=reasons.ended(spec, clock.now)
        or stale
        or reasons.due(found.missed, found.missed_capped, spec.schedule.catch_up),
        cursor="rebuild" if rebuild else "keep" if exported else "none",
        generation=subject.generation,
        slot=found.slot,
        kind=_kind(spec, exported, rebuild),
        missed=covers,
    )


def _stale(head: FlowHead | None, spec: FlowSpec) -> Reason | None:
    """Why the flow's snapshot can't be compared with, where nothing that was applied says so: this version compares otherwise."""
    cursor = head.cursor if head else None
    if spec.changes is None or not isinstance(cursor, DiffCursor) or cursor.basis == basis(spec):
        return None
    return reasons.COMPARISON_CHANGED


def _kind(spec: FlowSpec, exported: bool, rebuild: str | None) -> RunKind:
    if spec.mode == "full" or (not exported and not rebuild):
        return "full"
    return "rebuild" if rebuild else "increment"


def upcoming(settled: Iterable[FlowHead], changes: _Changes, now: datetime) -> NextExport | None:
    """The earliest slot after `now` of any flow that isn't suspended once the plan is applied."""
    flows: list[tuple[str, FlowSpec]] = [(head.flow, head.spec) for head in settled]
    for change in changes:
        if isinstance(change, AddFlow | UpdateFlow | ResumeFlow | MoveFlow | AdoptFlow):
            flows.append((change.subject, change.spec))
    known: dict[ScheduleSpec, datetime | None] = {}
    best: tuple[datetime, str] | None = None
    for flow, spec in flows:
        if spec.suspend:
            continue
        if spec.schedule not in known:
            known[spec.schedule] = next_slot(spec.schedule, now)
        slot = known[spec.schedule]
        if slot is not None and (best is None or (slot, flow) < best):
            best = (slot, flow)
    return NextExport(flow=best[1], slot=best[0]) if best else None
