"""Flows that a plan adds and removes at once, and that look like one flow under another name. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.plan.plan import AddFlow, Plan, RemoveFlow
from reconciler.resources.effective import FlowSpec
from reconciler.values.identity import FlowId


def perhaps_renamed(plan: Plan) -> Mapping[str, str]:
    """By the id of an added flow, what would keep its cursor: without it everything leaves once more, as of a new flow.

    Only where one removed flow means the same but for the names, and only one added flow does.
    """
    gone = [each for each in plan.changes if isinstance(each, RemoveFlow)]
    new = [each for each in plan.changes if isinstance(each, AddFlow)]
    if not gone or not new:
        return {}
    was = {each.subject: _nameless(each.spec) for each in gone}
    becomes = {each.subject: _nameless(each.spec) for each in new}
    found = {}
    for subject, spec in becomes.items():
        alike = [name for name, other in was.items() if other == spec]
        if len(alike) == 1 and sum(other == spec for other in becomes.values()) == 1:
            found[subject] = _said(FlowId.parse(alike[0]), FlowId.parse(subject))
    return found


def _nameless(spec: FlowSpec) -> FlowSpec:
    source = spec.source.model_copy(update={"name": "", "id": None, "dataset": ""})
    destination = spec.destination.model_copy(update={"name": ""})
    return spec.model_copy(update={"source": source, "destination": destination, "activation": "", "protect": False})


def _said(old: FlowId, new: FlowId) -> str:
    parts = []
    if old.source != new.source:
        parts.append(f"renamedFrom: {old.source} in {new.kind} {new.source}")
    if old.destination != new.destination:
        parts.append(f"renamedFrom: {old.destination} in destination {new.destination}")
    return f"if it is {old.short} under another name, write {' and '.join(parts)}: nothing is sent twice then"
