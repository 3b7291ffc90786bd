"""A plan as people read it in a terminal: one line a change, what matters below it, a count at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import assert_never

from reconciler.ledger.records import StillThere
from reconciler.plan import reasons
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    AnyChange,
    CreateDestination,
    Export,
    FieldDiff,
    Handover,
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
from reconciler.present.plan_access import access_value
from reconciler.present.plan_permissions import permissions_text
from reconciler.present.plan_policies import policies_text
from reconciler.present.plan_renames import perhaps_renamed
from reconciler.present.words import (
    alerts,
    backfill,
    columns,
    cut,
    deleted,
    encrypted,
    exclusions,
    guards,
    increments,
    inert,
    labelled,
    location,
    plural,
    recipient,
    revision,
    schedule,
    short,
    suppression,
)

Style = Callable[[str, str], str]
_MAX_NAME = 40
_Changed = UpdateFlow | MoveFlow | AdoptFlow
_HANDOVERS = 10
_SHOWING = UpdateDestination | AdoptDestination


def plain(text: str, role: str) -> str:
    """The style without colours. Roles: `add`, `change`, `remove`, `export`, `move`, `refused`, `quiet`."""
    return text


def as_text(plan: Plan, *, ledger: str | None = None, style: Style = plain) -> str:
    """The plan, with a line end. Nothing to do is one line. `ledger`: its URL, for the header."""
    if plan.is_empty:
        said = nothing_to_do(plan) + (" The ledger is SIMULATED." if plan.simulated else "")
        more = [*handed_over(plan), *_drift(plan, style), *policies_text(plan, style)]
        return "\n".join([said, *more]) + "\n"
    width = name_width(plan)
    lines = [header(plan, ledger), ""]
    shown, renamed = shown_by_destinations(plan), perhaps_renamed(plan)
    for each in plan.changes:
        sign, role, noun = mark(each)
        lines.append(f"  {style(sign, role)} {noun:<12} {inert(subject(each)):<{width}}  {inert(headline(each))}")
        lines += [f"      {cut(inert(name), 40):<12} {value}" for name, value in details(each, shown, renamed)]
    lines += ["", counts(plan)] if plan.changes else []
    lines += handed_over(plan)
    lines += _drift(plan, style)
    lines += policies_text(plan, style)
    lines += permissions_text(plan)
    lines += [style(f"Refused  {each.code}  {inert(each.sentence)}", "refused") for each in plan.refusals]
    if plan.refusals:
        lines.append(f"Nothing of this can be applied · reconcile explain {plan.refusals[0].code}")
    return "\n".join(lines) + "\n"


def name_width(plan: Plan) -> int:
    """Of the column that names what is changed."""
    return min(max((len(subject(each)) for each in plan.changes), default=0), _MAX_NAME)


def handed_over(plan: Plan) -> list[str]:
    """What is offered to another project, or is that one's already; the first of many by name."""
    lines = [_handed(each) for each in plan.handovers[:_HANDOVERS]]
    if (more := len(plan.handovers) - _HANDOVERS) > 0:
        lines.append(f"… and {more:,} more that are handed over.")
    return lines


def _handed(each: Handover) -> str:
    name = inert(called(each.subject))
    if each.adopted:
        return f"Handed over: {name} belongs to project {each.to} now; what declares it here can be taken out."
    return f"Offered: {name} is offered to project {each.to}, which hasn't adopted it yet; until then all goes on here."


def _drift(plan: Plan, style: Style) -> list[str]:
    """What a look at the destinations showed, if there was one."""
    if not plan.refreshed:
        return []
    if not plan.drift:
        return ["No drift: what was looked at is as recorded."]
    lines = ["", f"Drift: {plural(len(plan.drift), 'thing')} not as recorded; nothing is done about it by itself."]
    for each in plan.drift:
        lines.append(f"  {style('!', 'refused')} {inert(called(each.subject))}  {inert(each.sentence)}")
    return lines


def header(plan: Plan, ledger: str | None) -> str:
    """Project, environment, ledger, revision, time: what the plan is of."""
    store = f"ledger {ledger} " if ledger else "ledger "
    store += f"(serial {plan.serial})" if plan.serial is not None else "(to be made)"
    parts = [
        plan.project,
        f"environment {plan.environment}" if plan.environment else "",
        f"compared with {plan.base[:40]}" if plan.base else store,
        "SIMULATED" if plan.simulated else "",
        f"revision {revision(plan.revision)}" if plan.revision else "",
        f"only {', '.join(plan.selected)}" if plan.selected else "",
        moment(plan.at),
    ]
    return "reconcile  " + " · ".join(inert(part) for part in parts if part)


def nothing_to_do(plan: Plan) -> str:
    """One line that says so, and what comes next."""
    if plan.base:
        return f"Nothing changes: {plural(plan.unchanged, 'flow')} as in the base."
    text = f"Nothing to do: {plural(plan.unchanged, 'flow')} as declared"
    if plan.suspended:
        text += f" ({plan.suspended:,} suspended)"
    if plan.next_export:
        text += f", next export {moment(plan.next_export.slot)} ({short(plan.next_export.flow)})"
    return text + "."


def moment(at: datetime) -> str:
    """`2026-12-02 02:00 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def subject(change: AnyChange) -> str:
    """A destination's name, a flow's short name."""
    return called(change.subject)


def called(subject: str) -> str:
    """A destination's name as it is, a flow's id in short."""
    return short(subject) if "/" in subject else subject


def mark(change: AnyChange) -> tuple[str, str, str]:
    """Sign, role for the style, noun."""
    match change:
        case CreateDestination():
            return "+", "add", "destination"
        case UpdateDestination():
            return "~", "change", "destination"
        case RemoveDestination():
            return "-", "remove", "destination"
        case AddFlow():
            return "+", "add", "flow"
        case UpdateFlow() | SuspendFlow() | ResumeFlow():
            return "~", "change", "flow"
        case MoveFlow():
            return "→", "move", "flow"
        case AdoptFlow():
            return "⇐", "move", "flow"
        case AdoptDestination():
            return "⇐", "move", "destination"
        case RemoveFlow():
            return "-", "remove", "flow"
        case UpdateAccess():
            return "~", "change", "access"
        case Export():
            return "▶", "export", "export"
        case _:
            assert_never(change)


def headline(change: AnyChange) -> str:
    """What happens, in one line without the subject."""
    match change:
        case CreateDestination():
            former = f"renamed from {change.renamed_from}" if change.renamed_from else "create"
            return " · ".join(
                part for part in (former, location(change.spec), recipient(change.spec), encrypted(change.spec)) if part
            )
        case UpdateDestination() | AdoptDestination():
            what = "update" if change.reason.code == reasons.CHANGED_DESTINATION.code else change.reason.sentence
            parts = (what, location(change.spec), recipient(change.spec), encrypted(change.spec))
            return " · ".join(part for part in parts if part)
        case RemoveDestination():
            return change.reason.sentence
        case AddFlow() if change.spec.suspend:
            return f"suspended · {_rhythm(change)}"
        case AddFlow():
            return f"FIRST EXPORT: {backfill(change.spec)} · {_rhythm(change)}"
        case UpdateFlow() | MoveFlow() | AdoptFlow():
            paused = " · suspended" if change.spec.suspend else ""
            return f"{_why(change)} · {_cursor(change)}{paused}"
        case RemoveFlow(deletes=StillThere() as found):
            return f"{change.reason.sentence.rstrip('.')}: {deleted(found)}."
        case RemoveFlow() | SuspendFlow() | ResumeFlow():
            return change.reason.sentence
        case UpdateAccess():
            return "what permissions are judged by: roles, identity, policies, labels"
        case Export():
            return _export(change)
        case _:
            assert_never(change)


def _rhythm(change: AddFlow) -> str:
    return f"then {change.spec.mode}, {schedule(change.spec.schedule)}"


def _why(change: _Changed) -> str:
    """The reason, and for a rebuild all of them."""
    if change.rebuild is None or change.cursor != "rebuild":
        return change.reason.sentence
    return change.rebuild if isinstance(change, UpdateFlow) else f"{change.reason.sentence} {change.rebuild}"


def _cursor(change: _Changed) -> str:
    match change.cursor:
        case "rebuild":
            return "next export is a full REBUILD"
        case "keep":
            return "cursor kept"
        case "none":
            return "nothing exported yet"
        case _:
            assert_never(change.cursor)


def _export(change: Export) -> str:
    slot = f"slot {change.slot:%Y-%m-%d %H:%M}"
    if change.run_id or change.reason.code == reasons.AGREEMENT_ENDED:
        return f"{slot} · {change.reason.sentence}"
    kind = "first export" if change.kind == "full" and change.cursor == "none" else change.kind
    return " · ".join([slot, kind, *([f"for {plural(change.missed, 'missed slot')} too"] if change.missed else [])])


def shown_by_destinations(plan: Plan) -> Mapping[str, frozenset[FieldDiff]]:
    """The fields that a destination's own change shows, by its name."""
    return {each.subject: frozenset(each.fields) for each in plan.changes if isinstance(each, _SHOWING)}


def details(
    change: AnyChange, shown: Mapping[str, frozenset[FieldDiff]], renamed: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Lines below a change. A flow leaves out what its destination's own change shows (see `shown_by_destinations`). `renamed`: see
    `perhaps_renamed`."""
    if isinstance(change, AddFlow):
        if hint := renamed.get(change.subject):
            yield "renamed?", inert(hint)
        yield "columns", cut(inert(columns(change.spec)), 300)
        if change.spec.source.where is not None:
            yield "where", cut(inert(change.spec.source.where), 300)
        if followed := increments(change.spec):
            yield "increments", inert(followed)
        if kept_back := exclusions(change.spec):
            yield "held back", cut(inert(kept_back), 300)
        if limits := guards(change.spec):
            yield "guards", inert(limits)
        if told := alerts(change.spec):
            yield "alerts", cut(inert(told), 300)
        return
    for each in change.fields:
        if isinstance(change, SuspendFlow | ResumeFlow) and each.path == "suspend":
            continue
        of_destination = each.model_copy(update={"path": each.path.removeprefix("destination.")})
        if of_destination != each and of_destination in shown.get(change.subject.partition("/")[0], ()):
            continue
        before, after = (_side(change, each.path, text) for text in (each.before, each.after))
        after += inert(_labels_of(change, each))
        yield each.path.removeprefix("source."), f"{before}  →  {after}"


def _side(change: AnyChange, path: str, text: str | None) -> str:
    if text is None:
        return "(none)"
    if isinstance(change, UpdateAccess):  # who gets which right is what a person signs: it is said, and at length
        return cut(inert(access_value(path, text)), 500)
    if path.startswith("suppressions.") and path.count(".") == 1:
        text = suppression(text)
    return cut(inert(text))


def _labels_of(change: AnyChange, field: FieldDiff) -> str:
    """The labels of a column that newly leaves, or leaves otherwise."""
    if not isinstance(change, _Changed) or field.after is None:
        return ""
    name = field.path.removeprefix("columns.")
    found = [each for each in change.spec.columns if each.name == name and name != field.path]
    return labelled(change.spec.labels(found[0])) if found else ""


def counts(plan: Plan) -> str:
    """`1 destination to create · 1 flow to add, 1 to rebuild · 1 export due · 37 flows unchanged`."""
    destinations: Counter[str] = Counter()
    flows: Counter[str] = Counter()
    for each in plan.changes:
        verb = each.change.split("-")[0]
        if isinstance(each, CreateDestination | UpdateDestination | AdoptDestination | RemoveDestination):
            destinations[verb] += 1
        elif not isinstance(each, Export | UpdateAccess):
            rebuilt = each.cursor == "rebuild" and isinstance(each, _Changed)
            flows["rebuild" if rebuilt else verb] += 1
    exports = sum(1 for each in plan.changes if isinstance(each, Export))
    parts = [_tally(destinations, "destination"), _tally(flows, "flow")]
    parts.append("permissions to record" if any(isinstance(each, UpdateAccess) for each in plan.changes) else "")
    parts.append(f"{plural(exports, 'export')} due" if exports else "")
    parts.append(f"{plural(plan.unchanged, 'flow')} unchanged" if plan.unchanged else "")
    return " · ".join(part for part in parts if part)


def _tally(found: Counter[str], noun: str) -> str:
    pieces = [f"{number:,} to {verb}" for verb, number in found.items()]
    if not pieces:
        return ""
    first = next(iter(found.items()))
    return ", ".join([f"{plural(first[1], noun)} to {first[0]}", *pieces[1:]])
