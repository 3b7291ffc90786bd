"""A plan as people and machines see it: one line a change with what it means, then what differs; versioned JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import assert_never

from reconciler.config.text import CONTROL, INVISIBLE
from reconciler.plan.plan import (
    AddFlow,
    Change,
    CreateDestination,
    Export,
    FieldDiff,
    MoveFlow,
    Plan,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateDestination,
    UpdateFlow,
)
from reconciler.resources.activation import BackfillFrom
from reconciler.resources.destination import LocalDestinationSpec, S3DestinationSpec
from reconciler.resources.effective import EffectiveDestination
from reconciler.values.identity import FlowId

FORMAT_VERSION = 1
_MAX_VALUE = 200
_TIME = "%Y-%m-%d %H:%M"


def as_json(plan: Plan) -> str:
    """`{"version": 1, "plan": {…}}`."""
    return json.dumps({"version": FORMAT_VERSION, "plan": plan.to_json()}, indent=2, ensure_ascii=False) + "\n"


def as_text(plan: Plan, against: str) -> str:
    """The plan for people. `against`: what it compares with, such as the ledger's url."""
    if plan.is_empty:
        return _nothing(plan)
    head = ["reconcile  " + plan.project, against, *([plan.revision[:12]] if plan.revision else [])]
    lines = [" · ".join([*head, f"{plan.at:{_TIME}} UTC"]), ""]
    width = max((len(_short(each)) for each in plan.changes), default=0)
    for each in plan.changes:
        sign, kind, what = _headline(each)
        lines.append(f"  {sign} {kind:<11}  {_short(each):<{width}}  {what}".rstrip())
        lines += [_difference(field) for field in _own_fields(each)]
    if plan.refusals:
        lines += ["", *(f"  ✗ {each.code}  {_inert(each.sentence)}" for each in plan.refusals)]
    return "\n".join([*lines, "", " · ".join(_counts(plan))]) + "\n"


def _nothing(plan: Plan) -> str:
    flows = f"{plan.unchanged:,} flow{'' if plan.unchanged == 1 else 's'} as declared"
    coming = plan.next_export
    if coming is None:
        return f"Nothing to do: {flows}.\n"
    return f"Nothing to do: {flows}, next export {coming.slot:{_TIME}} UTC ({FlowId.parse(coming.flow).short}).\n"


def _short(change: Change) -> str:
    if isinstance(change, CreateDestination | UpdateDestination | RemoveDestination):
        return change.subject
    return FlowId.parse(change.subject).short


def _headline(change: Change) -> tuple[str, str, str]:
    """Sign, kind of object and what happens."""
    match change:
        case CreateDestination():
            return "+", "destination", f"create · {_place(change.spec)}" + _recipient(change.spec)
        case UpdateDestination():
            return "~", "destination", change.reason.sentence
        case RemoveDestination():
            return "-", "destination", change.reason.sentence
        case AddFlow():
            return "+", "flow", _first_export(change)
        case UpdateFlow():
            return "~", "flow", change.reason.sentence + (" Next export is a full rebuild." if change.rebuild else "")
        case MoveFlow():
            again = " Next export is a full rebuild." if change.rebuild else ""
            return "~", "flow", change.reason.sentence + again
        case RemoveFlow():
            return "-", "flow", change.reason.sentence
        case SuspendFlow() | ResumeFlow():
            return "~", "flow", change.reason.sentence
        case Export():
            return "▶", "export", f"slot {change.slot:{_TIME}} · {change.kind}"
        case _:
            assert_never(change)


def _first_export(change: AddFlow) -> str:
    spec = change.spec
    match spec.backfill:
        case "full":
            first = "FIRST EXPORT: everything that matches"
        case "none":
            first = "first export: only what is new from then on"
        case BackfillFrom(from_=start):
            first = f"first export: files from {start:{_TIME}} UTC on"
        case _:
            assert_never(spec.backfill)
    suspended = " · suspended" if spec.suspend else ""
    return f"{first} · then {spec.mode}, {spec.schedule.frequency}{suspended}"


def _place(destination: EffectiveDestination) -> str:
    match destination.spec:
        case S3DestinationSpec(connection=connection):
            return _inert(f"s3://{connection.bucket}/{connection.path.strip('/')}")
        case LocalDestinationSpec(connection=local):
            return _inert(local.path)
        case _:
            assert_never(destination.spec)


def _recipient(destination: EffectiveDestination) -> str:
    recipient = destination.spec.recipient
    return f" · {_inert(recipient.name)} ({recipient.country})" if recipient else ""


def _own_fields(change: Change) -> Iterator[FieldDiff]:
    """What differs in the object itself: a flow's destination has a line of its own."""
    for field in change.fields:
        if isinstance(change, CreateDestination | UpdateDestination) or not field.path.startswith("destination."):
            yield field


def _difference(field: FieldDiff) -> str:
    before, after = (_inert(text)[:_MAX_VALUE] if text is not None else "none" for text in (field.before, field.after))
    return f"      {_inert(field.path)}  {before}  →  {after}"


def _counts(plan: Plan) -> Iterator[str]:
    """What there is to do, objects first; kinds without changes are left out."""
    of: list[str] = [each.change for each in plan.changes]
    for kind in ("destination", "flow"):
        verbs = [("to add", ("create", "add")), ("to change", ("update", "move", "suspend", "resume"))]
        verbs.append(("to remove", ("remove",)))
        counts = [(sum(of.count(f"{each}-{kind}") for each in names), verb) for verb, names in verbs]
        if shown := ", ".join(f"{count:,} {verb}" for count, verb in counts if count):
            yield f"{kind}s: {shown}"
    if due := of.count("export"):
        yield f"{due:,} export{'' if due == 1 else 's'} due"
    yield f"{plan.unchanged:,} flow{'' if plan.unchanged == 1 else 's'} unchanged"
    if plan.refusals:
        yield "refused: nothing may be applied"


def _inert(text: str) -> str:
    """Text on one line that can't move a terminal's cursor nor hide."""
    for pattern in (CONTROL, INVISIBLE):
        text = pattern.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return " ".join(text.split())
