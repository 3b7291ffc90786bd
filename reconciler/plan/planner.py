"""`plan(desired, actual, now)`: what an apply would do. Pure: the same arguments give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual, DestinationRecord, FlowHead
from reconciler.plan import access, exports, governance, guards, reasons, verdicts
from reconciler.plan.diff import differences
from reconciler.plan.drift import drift
from reconciler.plan.permitted import Principal
from reconciler.plan.plan import (
    AddFlow,
    CreateDestination,
    CursorEffect,
    DestinationChange,
    FieldDiff,
    FlowChange,
    MoveFlow,
    Plan,
    Reason,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateDestination,
    UpdateFlow,
    order,
)
from reconciler.plan.selection import Selection
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.values.identity import FlowId
from reconciler.values.slot import to_utc
from reconciler.version import __version__

_GONE = ("removed", "moved")


def plan(
    desired: Desired,
    actual: Actual,
    now: datetime,
    *,
    select: tuple[str, ...] | None = None,
    allow_removals: guards.AllowRemovals = None,
    revision: str | None = None,
    committed_at: datetime | None = None,
    allow_rewind: bool = False,
    base: str | None = None,
    principal: Principal | None = None,
) -> Plan:
    """Compares what is declared with what is applied; nothing is read or written.

    `now`: aware. `select`: patterns (`*`, `?`, `[…]`) on flow ids, their short forms and destination names; what none
    matches is left alone. `allow_removals`: how many flows may go, or `all`. `revision`, `committed_at`: the
    commit that `desired` is of, and its time. `base`: the revision that `actual` stands for (`assumed.as_applied`).
    `principal`: who plans; None: not known, so that permissions are shown and none is refused.
    A plan with refusals shows its changes but must not be performed.
    """
    now = to_utc(now)
    record = actual.project
    work = _Planner(desired, actual, now, Selection(select))
    judged = governance.review(desired, actual, now)
    refusals = list(guards.wrong_ledger(desired, actual))
    roles = access.Access.of(work.owner, actual, desired)
    if not refusals:
        work.run()
        refusals += work.refusals
        refusals += verdicts.refusals(judged)
        refusals += guards.protected(work.changes, actual)
        refusals += guards.shared(work.owner, work.changes, actual)
        if not allow_rewind:
            refusals += guards.rewinds(work.owner, actual, committed_at)
        removed = [FlowId.parse(each.subject).short for each in work.changes if isinstance(each, RemoveFlow)]
        share = desired.project.spec.removals.max_share
        refusals += guards.removals(sorted(removed), len(work.applied), share, allow_removals)
        if roles is not None and principal is not None:
            refusals += roles.refusals([*work.changes, *work.governs], principal)
    due = exports.exports(work.settled, work.changes, actual.flows, now) if base is None else []
    return Plan(
        project=work.owner,
        environment=desired.environment,
        lineage=record.lineage if record else None,
        serial=record.serial if record else None,
        simulated=record.simulated if record else desired.project.spec.ledger.simulated,
        config_digest=desired.digest(),
        revision=revision,
        base=base,
        at=now,
        tool=__version__,
        selected=tuple(select or ()),
        changes=tuple(sorted([*work.changes, *work.governs, *due], key=order)),
        refusals=tuple(sorted(set(refusals), key=lambda each: (each.code, each.sentence))),
        unchanged=len(work.settled),
        suspended=sum(1 for head in work.settled if head.state == "suspended"),
        next_export=exports.upcoming(work.settled, work.changes, now),
        refreshed=actual.observed is not None,
        drift=drift(actual.observed, record.lineage, work.selection) if actual.observed and record else (),
        governance=judged,
        permissions=roles.review([*work.changes, *work.governs], principal) if roles is not None else None,
    )


@dataclass
class _Planner:
    """One comparison. `settled`: heads of the selected flows that are as declared."""

    desired: Desired
    actual: Actual
    now: datetime
    selection: Selection
    changes: list[DestinationChange | FlowChange] = field(default_factory=list)
    governs: list[UpdateAccess] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    settled: list[FlowHead] = field(default_factory=list)
    applied: dict[str, FlowHead] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _needed: set[str] = field(default_factory=set)
    _leaving: dict[str, list[FlowHead]] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The project that plans."""
        return self.desired.project.metadata.name

    def run(self) -> None:
        """Flows first: they tell which destinations a selection needs."""
        heads = self.actual.flows
        self.applied = {
            name: heads[name]
            for name in sorted(heads)
            if heads[name].owner == self.owner and heads[name].state not in _GONE
        }
        for _, head in sorted(heads.items()):
            if head.moved_to is not None and head.owner == self.owner:
                self._leaving.setdefault(head.moved_to, []).append(head)
        for flow_id, flow in sorted(self.desired.flows.items()):
            self._flow(flow_id, flow.spec)
        declared = {str(flow_id) for flow_id in self.desired.flows}
        for name, head in self.applied.items():
            if name not in declared and name not in self._moved and self.selection.flow(head.flow_id):
                self._remove_flow(head)
        for name in sorted(self.desired.destination_specs):
            if name in self._needed or self.selection.named(name):
                self._destination(name, self.desired.destination_specs[name])
        self._gone_destinations()
        if self.selection.patterns is None and (found := access.update(self.desired, self.actual)) is not None:
            self.governs.append(found)
        if self.selection.patterns is not None and not self._matches_any():
            patterns = ", ".join(self.selection.patterns)
            self.refusals.append(
                Refusal(code="G107", sentence=f"Nothing that is declared or applied matches: {patterns}.")
            )

    # Selection --------------------------------------------------------------------------------------------------------

    def _matches_any(self) -> bool:
        flows = [*self.desired.flows, *(head.flow_id for head in self.applied.values())]
        own = [name for name, record in self.actual.destinations.items() if record.owner == self.owner]
        return any(map(self.selection.flow, flows)) or any(
            map(self.selection.named, [*self.desired.destination_specs, *own])
        )

    # Flows ------------------------------------------------------------------------------------------------------------

    def _flow(self, flow_id: FlowId, spec: FlowSpec) -> None:
        head = self.actual.flows.get(str(flow_id))
        gone = head is None or head.state in _GONE
        former = self._former(flow_id) if gone else None
        if not self.selection.flow(flow_id) and (former is None or not self.selection.flow(former.flow_id)):
            return
        self._needed.add(flow_id.destination)
        if former is not None:
            self._moved.add(former.flow)
            self._move_flow(flow_id, former, spec, head)
        elif head is None or gone:
            self._add_flow(flow_id, spec, head)
        elif head.owner != self.owner:
            self.refusals.append(guards.foreign("flow", head))
        elif head.spec == spec:  # not the fingerprint: one of an older version lacks the fields that are new
            self.settled.append(head)
        else:
            self._update_flow(head, spec)

    def _former(self, flow_id: FlowId) -> FlowHead | None:
        """The applied flow that this one is a rename of: of its destination, its source, or both."""
        destination = self.desired.destinations[flow_id.destination].metadata.renamed_from
        named = self.desired.audiences if flow_id.kind == "audience" else self.desired.datasets
        source = named[flow_id.source].metadata.renamed_from
        for to, of in ((destination, source), (destination, flow_id.source), (flow_id.destination, source)):
            if to is None or of is None:
                continue
            old = FlowId(to, flow_id.kind, of, flow_id.feed)
            if old not in self.desired.flows and str(old) in self.applied and str(old) not in self._moved:
                return self.applied[str(old)]
        return self._half_moved(flow_id)

    def _half_moved(self, flow_id: FlowId) -> FlowHead | None:
        """A head that was marked as moved to this flow by an apply that ended before it made the new one: what a flow
        removed before left at the new end is of an older generation then."""
        there = self.actual.flows.get(str(flow_id))
        least = there.generation if there else 0
        return next((head for head in self._leaving.get(str(flow_id), ()) if head.generation > least), None)

    def _add_flow(self, flow_id: FlowId, spec: FlowSpec, tombstone: FlowHead | None) -> None:
        self.changes.append(
            AddFlow(
                subject=str(flow_id),
                owner=self.owner,
                reason=reasons.added(spec, again=tombstone is not None),
                generation=tombstone.generation if tombstone else 0,
                spec=spec,
                source_id=spec.source.id or spec.source.name,
            )
        )

    def _remove_flow(self, head: FlowHead) -> None:
        self.changes.append(
            RemoveFlow(
                subject=head.flow,
                owner=self.owner,
                reason=reasons.removed(head.spec),
                generation=head.generation,
                spec=head.spec,
                source_id=head.source_id,
                purge=head.spec.on_remove == "purge",
            )
        )

    def _move_flow(self, flow_id: FlowId, old: FlowHead, spec: FlowSpec, tombstone: FlowHead | None) -> None:
        source_id = spec.source.id or old.source_id
        found = reasons.rebuilds(old.spec, spec, old.source_id, source_id)
        self.changes.append(
            MoveFlow(
                subject=str(flow_id),
                owner=self.owner,
                reason=reasons.renamed(old.flow_id.short, flow_id.short),
                fields=differences(old.spec, spec),
                cursor=_effect(old, found),
                generation=tombstone.generation if tombstone else 0,
                spec=spec,
                source_id=source_id,
                moved_from=old.flow,
                from_generation=old.generation,
                rebuild=" ".join(each.sentence for each in found) or None,
            )
        )

    def _update_flow(self, head: FlowHead, spec: FlowSpec) -> None:
        fields = differences(head.spec, spec)
        source_id = spec.source.id or head.source_id
        found = reasons.rebuilds(head.spec, spec, head.source_id, source_id)
        paths = tuple(each.path for each in fields)
        cursor = _effect(head, found)
        if "suspend" in paths and {*paths} <= {"suspend", "activation"}:
            kind, reason = (SuspendFlow, reasons.SUSPENDED) if spec.suspend else (ResumeFlow, reasons.RESUMED)
            self.changes.append(
                kind(
                    subject=head.flow,
                    owner=self.owner,
                    reason=reason,
                    fields=fields,
                    cursor=cursor,
                    generation=head.generation,
                    spec=spec,
                    source_id=source_id,
                )
            )
            return
        self.changes.append(
            UpdateFlow(
                subject=head.flow,
                owner=self.owner,
                reason=found[0]
                if found and cursor == "rebuild"
                else reasons.changed(paths, compares=spec.changes is not None),
                fields=fields,
                cursor=cursor,
                generation=head.generation,
                spec=spec,
                source_id=source_id,
                rebuild=" ".join(each.sentence for each in found) or None,
            )
        )

    # Destinations -----------------------------------------------------------------------------------------------------

    def _destination(self, name: str, spec: EffectiveDestination) -> None:
        metadata = self.desired.destinations[name].metadata
        record = self.actual.destinations.get(name)
        if record is None:
            former = self._own(metadata.renamed_from)
            self.changes.append(
                CreateDestination(
                    subject=name,
                    owner=self.owner,
                    reason=reasons.renamed(former.name, name) if former else reasons.NEW_DESTINATION,
                    fields=tuple(_destination_fields(former, spec, metadata.protect)) if former else (),
                    spec=spec,
                    protected=metadata.protect,
                    renamed_from=former.name if former else None,
                )
            )
        elif record.owner != self.owner:
            self.refusals.append(guards.foreign("destination", record))
        elif record.spec != spec or record.protected != metadata.protect:
            self.changes.append(
                UpdateDestination(
                    subject=name,
                    owner=self.owner,
                    reason=reasons.CHANGED_DESTINATION,
                    fields=tuple(_destination_fields(record, spec, metadata.protect)),
                    generation=record.generation,
                    spec=spec,
                    protected=metadata.protect,
                )
            )

    def _own(self, name: str | None) -> DestinationRecord | None:
        record = self.actual.destinations.get(name) if name else None
        return record if record and record.owner == self.owner else None

    def _gone_destinations(self) -> None:
        """Records that nothing declares any more. One that is renamed goes once all of its flows have moved."""
        heirs = {each.metadata.renamed_from: name for name, each in sorted(self.desired.destinations.items())}
        leaving = {each.moved_from for each in self.changes if isinstance(each, MoveFlow)}
        leaving |= {each.subject for each in self.changes if isinstance(each, RemoveFlow)}
        used = {head.flow_id.destination for flow, head in self.applied.items() if flow not in leaving}
        for name, record in sorted(self.actual.destinations.items()):
            if record.owner != self.owner or name in self.desired.destination_specs:
                continue
            heir = heirs.get(name)
            if heir is not None and not self._inherits(record, heir):
                heir = None
            if name in used or not self.selection.named(name, *([heir] if heir else [])):
                continue
            self.changes.append(
                RemoveDestination(
                    subject=name,
                    owner=self.owner,
                    reason=reasons.renamed(name, heir) if heir else reasons.REMOVED_DESTINATION,
                    generation=record.generation,
                    spec=record.spec,
                )
            )

    def _inherits(self, record: DestinationRecord, heir: str) -> bool:
        """Whether a record goes because it is renamed, by this plan or by one whose apply ended halfway.

        An heir that was applied before is no rename by its `renamedFrom` alone: flows move to it, or have moved since the record was
        applied. Else a protected destination would go with a line of another one.
        """
        if heir not in self.actual.destinations:
            return True
        moves = [each for each in self.changes if isinstance(each, MoveFlow)]
        if any(
            (FlowId.parse(each.moved_from).destination, FlowId.parse(each.subject).destination) == (record.name, heir)
            for each in moves
        ):
            return True
        return any(
            head.moved_to is not None
            and (head.flow_id.destination, FlowId.parse(head.moved_to).destination) == (record.name, heir)
            and head.applied.at >= record.applied.at
            for head in self.actual.flows.values()
        )


def _effect(head: FlowHead, found: tuple[Reason, ...]) -> CursorEffect:
    """Before the first export there is nothing to rebuild: with `backfill: none`, that would send what was never meant to."""
    if not reasons.has_exported(head):
        return "none"
    return "rebuild" if found or head.rebuild is not None else "keep"


def _destination_fields(record: DestinationRecord, spec: EffectiveDestination, protect: bool) -> Iterator[FieldDiff]:
    yield from differences(record.spec, spec)
    if record.protected != protect:
        before, after = ("true" if each else "false" for each in (record.protected, protect))
        yield FieldDiff(path="protect", before=before, after=after)
