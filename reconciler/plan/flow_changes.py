"""The changes of a project's own flows, each from what is declared and what is applied. Which of them is meant, the planner decides."""

from __future__ import annotations

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual, FlowHead, StillThere
from reconciler.plan import reasons
from reconciler.plan.diff import differences
from reconciler.plan.plan import AddFlow, FlowChange, MoveFlow, Reason, RemoveFlow, ResumeFlow, SuspendFlow, UpdateFlow
from reconciler.resources.effective import FlowSpec
from reconciler.values.identity import FlowId

TRANSFER = "transferTo"
"""The field that says to whom something is offered."""


def add(flow_id: FlowId, owner: str, spec: FlowSpec, tombstone: FlowHead | None) -> AddFlow:
    """A flow that isn't applied; `tombstone`: what one of its name left."""
    return AddFlow(
        subject=str(flow_id),
        owner=owner,
        reason=reasons.added(spec, again=tombstone is not None),
        generation=tombstone.generation if tombstone else 0,
        spec=spec,
        source_id=spec.source.id or spec.source.name,
    )


def purging(desired: Desired, actual: Actual) -> list[FlowHead]:
    """Applied flows of the project that a plan may remove together with what they exported: what of it is there is worth counting."""
    return [
        head
        for _, head in sorted(actual.flows.items())
        if head.owner == desired.project.metadata.name
        and head.state in ("active", "suspended")
        and head.spec.on_remove == "purge"
        and head.flow_id not in desired.flows
    ]


def remove(head: FlowHead, exported: StillThere | None) -> RemoveFlow:
    """A flow that isn't declared any more. `exported`: what a purge would delete, if that is known."""
    return RemoveFlow(
        subject=head.flow,
        owner=head.owner,
        reason=reasons.removed(head.spec),
        generation=head.generation,
        spec=head.spec,
        source_id=head.source_id,
        purge=head.spec.on_remove == "purge",
        deletes=exported if head.spec.on_remove == "purge" else None,
    )


def move(flow_id: FlowId, old: FlowHead, spec: FlowSpec, tombstone: FlowHead | None) -> MoveFlow:
    """A rename; `tombstone`: what a flow of the new name left."""
    source_id = spec.source.id or old.source_id
    found = reasons.rebuilds(old.spec, spec, old.source_id, source_id)
    return MoveFlow(
        subject=str(flow_id),
        owner=old.owner,
        reason=reasons.renamed(old.flow_id.short, flow_id.short),
        fields=differences(old.spec, spec),
        cursor=reasons.effect(old, found),
        generation=tombstone.generation if tombstone else 0,
        spec=spec,
        source_id=source_id,
        moved_from=old.flow,
        from_generation=old.generation,
        rebuild=" ".join(each.sentence for each in found) or None,
    )


def update(head: FlowHead, spec: FlowSpec) -> FlowChange:
    """A flow that is declared otherwise than it was applied: suspended or resumed, where that is all."""
    fields = differences(head.spec, spec)
    source_id = spec.source.id or head.source_id
    found = reasons.rebuilds(head.spec, spec, head.source_id, source_id)
    paths = tuple(each.path for each in fields)
    cursor = reasons.effect(head, found)
    if "suspend" in paths and {*paths} <= {"suspend", "activation"}:
        kind, reason = (SuspendFlow, reasons.SUSPENDED) if spec.suspend else (ResumeFlow, reasons.RESUMED)
        return kind(
            subject=head.flow,
            owner=head.owner,
            reason=reason,
            fields=fields,
            cursor=cursor,
            generation=head.generation,
            spec=spec,
            source_id=source_id,
        )
    return UpdateFlow(
        subject=head.flow,
        owner=head.owner,
        reason=found[0] if found and cursor == "rebuild" else _changed(paths, spec),
        fields=fields,
        cursor=cursor,
        generation=head.generation,
        spec=spec,
        source_id=source_id,
        rebuild=" ".join(each.sentence for each in found) or None,
    )


def _changed(paths: tuple[str, ...], spec: FlowSpec) -> Reason:
    if paths == (TRANSFER,):
        return reasons.offered(spec.transfer_to)
    return reasons.changed(paths, compares=spec.changes is not None)
