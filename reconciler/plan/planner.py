"""`plan(desired, actual, now)`: what an apply would do. Pure: the same arguments give the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from reconciler.config.desired import Desired, DesiredFlow
from reconciler.ledger.records import Actual, DestinationRecord, FlowHead
from reconciler.plan import access, exports, flow_changes, governance, guards, handover, reasons, verdicts
from reconciler.plan.diff import differences
from reconciler.plan.drift import drift
from reconciler.plan.flow_changes import TRANSFER
from reconciler.plan.permitted import Principal
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    CreateDestination,
    DestinationChange,
    FieldDiff,
    FlowChange,
    Handover,
    MoveFlow,
    Plan,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    UpdateAccess,
    UpdateDestination,
    order,
)
from reconciler.plan.selection import Selection
from reconciler.resources.effective import EffectiveDestination
from reconciler.resources.metadata import OwnedMetadata
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
    work = _Planner(desired, actual, now, Selection(select), assumed=base is not None)
    judged = governance.review(desired, actual, now)
    refusals = list(guards.wrong_ledger(desired, actual))
    roles = access.Access.of(work.owner, actual, desired)
    if not refusals:
        work.run()
        refusals += work.refusals
        refusals += verdicts.refusals(judged, work.changes)
        refusals += verdicts.too_late(work.changes, judged)
        refusals += guards.protected(work.changes, actual)
        refusals += guards.offered(work.changes, actual)
        refusals += guards.in_use(work.owner, work.changes, actual)
        refusals += guards.selected(work.changes, desired)
        refusals += guards.shared(work.owner, work.changes, actual)
        if not allow_rewind:
            refusals += guards.rewinds(work.owner, actual, committed_at)
        removed = [FlowId.parse(each.subject).short for each in work.changes if isinstance(each, RemoveFlow)]
        share = desired.project.spec.removals.max_share
        refusals += guards.removals(sorted(removed), len(work.applied), share, allow_removals)
        if roles is not None and principal is not None:
            refusals += roles.refusals([*work.changes, *work.governs], principal)
    due = exports.exports(work.settled, work.changes, actual.flows, now) if base is None else []
    if verdicts.takes_away(work.changes):
        due = [each for each in due if each.subject not in verdicts.forbidden(judged)]
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
        handovers=tuple(sorted(work.handovers, key=lambda each: each.subject)),
    )


@dataclass
class _Planner:
    """One comparison. `assumed`: with a revision, as if that were applied, so that what other projects have isn't known. `settled`: heads
    of the selected flows that are as declared."""

    desired: Desired
    actual: Actual
    now: datetime
    selection: Selection
    assumed: bool = False
    changes: list[DestinationChange | FlowChange] = field(default_factory=list)
    governs: list[UpdateAccess] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    settled: list[FlowHead] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
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
            self._flow(flow_id, flow)
        declared = {str(flow_id) for flow_id in self.desired.flows}
        for name, head in self.applied.items():
            if name not in declared and name not in self._moved and self.selection.flow(head.flow_id):
                self.changes.append(flow_changes.remove(head, self.actual.exported.get(name)))
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

    def _flow(self, flow_id: FlowId, flow: DesiredFlow) -> None:
        spec = flow.spec
        head = self.actual.flows.get(str(flow_id))
        gone = head is None or head.state in _GONE
        former = self._former(flow_id) if gone else None
        if not self.selection.flow(flow_id) and (former is None or not self.selection.flow(former.flow_id)):
            return
        self._needed.add(flow_id.destination)
        if former is not None:
            self._moved.add(former.flow)
            self.changes.append(flow_changes.move(flow_id, former, spec, head))
        elif head is None or gone:
            self._new_flow(flow, head)
        elif head.owner != self.owner:
            self._found(handover.of_flow(self.owner, flow, head))
        elif head.spec == spec:  # not the fingerprint: one of an older version lacks the fields that are new
            self.settled.append(head)
            if spec.transfer_to is not None:
                self.handovers.append(Handover(subject=head.flow, to=spec.transfer_to, adopted=False))
        else:
            self.changes.append(flow_changes.update(head, spec))

    def _new_flow(self, flow: DesiredFlow, tombstone: FlowHead | None) -> None:
        if (found := handover.taken(flow, tombstone, self.owner)) is not None:
            self.handovers.append(found)
            return
        if (theirs := self._theirs(flow)) is not None:
            self._found(handover.of_flow(self.owner, handover.formerly(flow, theirs.flow_id), theirs, flow.id))
            return
        waiting = handover.not_adopted(flow, self.owner, self.applied, self.actual.destinations)
        if waiting is None:
            self.changes.append(flow_changes.add(flow.id, self.owner, flow.spec, tombstone))
        elif self.assumed:
            self.changes.append(handover.adopt_flow(self.owner, flow, None, waiting.project))
        else:
            self.refusals.append(handover.nothing_there(flow, waiting))

    def _found(self, what: AdoptFlow | AdoptDestination | Handover | Refusal) -> None:
        match what:
            case AdoptFlow() | AdoptDestination():
                self.changes.append(what)
            case Handover():
                self.handovers.append(what)
            case Refusal():
                self.refusals.append(what)
            case _:
                assert_never(what)

    def _theirs(self, flow: DesiredFlow) -> FlowHead | None:
        """The flow of another project that this one is to be adopted from, where it has another name there."""
        projects = {each.project for each in flow.adopting}
        heads = (self.actual.flows.get(str(old)) for old in self._formers(flow.id)) if projects else ()
        return next((head for head in heads if head and head.owner in projects and head.state not in _GONE), None)

    def _former(self, flow_id: FlowId) -> FlowHead | None:
        """The applied flow that this one is a rename of: of its destination, its source, or both."""
        for old in self._formers(flow_id):
            if str(old) in self.applied and str(old) not in self._moved:
                return self.applied[str(old)]
        return self._half_moved(flow_id)

    def _formers(self, flow_id: FlowId) -> Iterator[FlowId]:
        """The ids that a flow may have had, and that nothing else is declared under."""
        destination = self.desired.destinations[flow_id.destination].metadata.renamed_from
        named = self.desired.audiences if flow_id.kind == "audience" else self.desired.datasets
        source = named[flow_id.source].metadata.renamed_from
        for to, of in ((destination, source), (destination, flow_id.source), (flow_id.destination, source)):
            if to is None or of is None:
                continue
            old = FlowId(to, flow_id.kind, of, flow_id.feed)
            if old not in self.desired.flows:
                yield old

    def _half_moved(self, flow_id: FlowId) -> FlowHead | None:
        """A head that was marked as moved to this flow by an apply that ended before it made the new one: what a flow
        removed before left at the new end is of an older generation then."""
        there = self.actual.flows.get(str(flow_id))
        least = there.generation if there else 0
        return next((head for head in self._leaving.get(str(flow_id), ()) if head.generation > least), None)

    # Destinations -----------------------------------------------------------------------------------------------------

    def _destination(self, name: str, spec: EffectiveDestination) -> None:
        metadata = self.desired.destinations[name].metadata
        record = self.actual.destinations.get(name)
        if record is None and self.assumed and metadata.adopt_from is not None:
            self._found(handover.adopt_destination(self.owner, spec, metadata, None, metadata.adopt_from))
        elif (
            record is None and (theirs := self._theirs_renamed(metadata.renamed_from, metadata.adopt_from)) is not None
        ):
            self._of_another(theirs.name, spec.model_copy(update={"name": theirs.name}), metadata, theirs, then=name)
        elif record is None and (
            found := handover.taken_destination(spec, metadata, self.actual.destinations.values())
        ):
            self.handovers.append(found)
        elif record is None:
            former = self._own(metadata.renamed_from)
            self.changes.append(
                CreateDestination(
                    subject=name,
                    owner=self.owner,
                    reason=reasons.renamed(former.name, name) if former else reasons.NEW_DESTINATION,
                    fields=tuple(_destination_fields(former, spec, metadata)) if former else (),
                    spec=spec,
                    protected=metadata.protect,
                    transfer_to=metadata.transfer_to,
                    renamed_from=former.name if former else None,
                )
            )
        elif record.owner != self.owner:
            self._of_another(name, spec, metadata, record)
        elif fields := tuple(_destination_fields(record, spec, metadata)):
            offer = [each.path for each in fields] == [TRANSFER]
            self.changes.append(
                UpdateDestination(
                    subject=name,
                    owner=self.owner,
                    reason=reasons.offered(metadata.transfer_to) if offer else reasons.CHANGED_DESTINATION,
                    fields=fields,
                    generation=record.generation,
                    spec=spec,
                    protected=metadata.protect,
                    transfer_to=metadata.transfer_to,
                )
            )
        elif metadata.transfer_to is not None:
            self.handovers.append(Handover(subject=name, to=metadata.transfer_to, adopted=False))

    def _theirs_renamed(self, old: str | None, project: str | None) -> DestinationRecord | None:
        """The destination that is to be adopted from another project, where it has another name there."""
        record = self.actual.destinations.get(old) if old and old not in self.desired.destination_specs else None
        return record if record is not None and record.owner == project else None

    def _of_another(
        self,
        name: str,
        spec: EffectiveDestination,
        metadata: OwnedMetadata,
        record: DestinationRecord,
        then: str | None = None,
    ) -> None:
        """A destination that is declared here and another project's; `then`: with another name."""
        here = [flow for flow_id, flow in self.desired.flows.items() if flow_id.destination == name]
        own = any(head.flow_id.destination == name for head in self.applied.values())
        heads = [self.actual.flows.get(str(flow.id)) for flow in here]
        found = handover.of_destination(
            self.owner,
            spec,
            metadata,
            record,
            uses=own or any(each.project == record.owner for flow in here for each in flow.adopting),
            adds=any(_arrives(each, name) for each in self.changes),
            offered=any(head is not None and head.spec.transfer_to == self.owner for head in heads),
            then=then,
        )
        if found is not None:
            self._found(found)

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


def _arrives(change: DestinationChange | FlowChange, name: str) -> bool:
    """Whether a flow begins on a destination, or comes from another one."""
    if isinstance(change, MoveFlow):
        old, new = (FlowId.parse(each).destination for each in (change.moved_from, change.subject))
        return new == name != old
    return isinstance(change, AddFlow) and FlowId.parse(change.subject).destination == name


def _destination_fields(
    record: DestinationRecord, spec: EffectiveDestination, metadata: OwnedMetadata
) -> Iterator[FieldDiff]:
    yield from differences(record.spec, spec)
    if record.protected != metadata.protect:
        before, after = ("true" if each else "false" for each in (record.protected, metadata.protect))
        yield FieldDiff(path="protect", before=before, after=after)
    if record.transfer_to != metadata.transfer_to:
        yield FieldDiff(path=TRANSFER, before=record.transfer_to, after=metadata.transfer_to)
