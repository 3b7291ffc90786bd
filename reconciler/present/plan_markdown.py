"""A plan as a pull request's comment: a first line that can be trusted alone, a table per destination, details folded.

Everything that comes from configuration is inert: no mention, link, markup or HTML of its own. The length is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.plan.bind import SavedPlan
from reconciler.plan.data import PlanData
from reconciler.plan.plan import AnyChange, Export, Plan
from reconciler.present.markdown import bounded, code, length
from reconciler.present.plan_data import as_markdown as data_table
from reconciler.present.plan_permissions import permissions_markdown
from reconciler.present.plan_policies import policies_markdown, standing
from reconciler.present.plan_renames import perhaps_renamed
from reconciler.present.plan_summary import Group, by_destination, summary
from reconciler.present.plan_text import (
    called,
    details,
    handed_over,
    headline,
    mark,
    moment,
    nothing_to_do,
    shown_by_destinations,
    subject,
)
from reconciler.present.words import cut, plural, revision
from reconciler.values.identity import FlowId

MAX_LENGTH = 60_000
"""Characters; GitHub takes 65,536 in a comment."""
_RESERVE = 600
_LISTED = 20
_SIGNS = {"+": "add", "~": "change", "-": "remove", "→": "rename", "⇐": "adopt", "▶": "due"}


def as_markdown(plan: Plan, *, saved: SavedPlan | None = None, apply: str = "", data: PlanData | None = None) -> str:
    """The comment, at most `MAX_LENGTH` characters. `saved`: the plan as it was saved; `apply`: the command that applies that; `data`:
    what a look at the datasets showed."""
    groups = by_destination(plan)
    lines = [
        f"**{_first_line(plan, groups)}{_broken(plan)}{_drifted(plan)}**",
        *_refusals(plan),
        *_handed_over(plan),
        *_drift(plan),
        *policies_markdown(plan),
        *permissions_markdown(plan),
    ]
    footer = _footer(plan, saved, apply)
    budget = MAX_LENGTH - _RESERVE - length(lines) - length(footer)
    tables = _tables(groups, budget * 6 // 10)
    if data is not None:
        tables += data_table(data, (budget - length(tables)) // 2)
    folded = _folded(plan, budget - length(tables))
    return "\n".join([*lines, *tables, *folded, "", *footer]) + "\n"


def _first_line(plan: Plan, groups: Sequence[Group]) -> str:
    if plan.refusals:
        return f"Refused: {plural(len(plan.refusals), 'reason')}; nothing of this can be applied."
    return summary(groups) if groups else nothing_to_do(plan)


def _broken(plan: Plan) -> str:
    return " What goes on breaks policies." if standing(plan) else ""


def _drifted(plan: Plan) -> str:
    if not plan.refreshed:
        return ""
    found = plural(len(plan.drift), "thing")
    return f" At the destinations, {found} not as recorded." if plan.drift else " The destinations are as recorded."


def _handed_over(plan: Plan) -> list[str]:
    lines = [f"- {code(each)}" for each in handed_over(plan)]
    return ["", *lines] if lines else []


def _drift(plan: Plan) -> list[str]:
    shown = [
        f"- {each.code}: {code(called(each.subject))} {code(cut(each.sentence, 500))}" for each in plan.drift[:_LISTED]
    ]
    if (more := len(plan.drift) - _LISTED) > 0:
        shown.append(f"- … and {more:,} more")
    return ["", "Drift, apart from what is declared; nothing is done about it by itself:", "", *shown] if shown else []


def _refusals(plan: Plan) -> list[str]:
    shown = [f"- Refused {each.code}: {code(cut(each.sentence, 1_000))}" for each in plan.refusals[:_LISTED]]
    if (more := len(plan.refusals) - _LISTED) > 0:
        shown.append(f"- … and {plural(more, 'more refusal')}")
    return ["", *shown] if shown else []


def _tables(groups: Sequence[Group], budget: int) -> list[str]:
    """As many destinations as fit; the first ones don't use up what the others need."""
    lines: list[str] = []
    for at, group in enumerate(groups):
        head = ["", f"{code(cut(group.title, 120))}", "", "| | what | which | |", "|-|-|-|-|"]
        rows = [_row(each) for each in group.changes]
        left = budget - length(lines)
        share = max(left // (len(groups) - at), min(left, 4_000))
        if length(head) + len(rows[0]) >= share:
            changes = sum(len(each.changes) for each in groups[at:])
            rest = plural(len(groups) - at, "more destination")
            return [*lines, "", f"… and {rest} with {plural(changes, 'change')}; `reconcile plan` shows all."]
        lines += bounded(head, rows, share)
    return lines


def _row(change: AnyChange) -> str:
    sign, _, noun = mark(change)
    which = ""
    if "/" in change.subject:
        flow = FlowId.parse(change.subject)
        noun = noun if isinstance(change, Export) else flow.kind
        which = code("/".join(each for each in (flow.source, flow.feed) if each))
    return f"| {_SIGNS[sign]} | {noun} | {which} | {code(cut(headline(change), 300))} |"


def _folded(plan: Plan, budget: int) -> list[str]:
    shown, renamed = shown_by_destinations(plan), perhaps_renamed(plan)
    rows = []
    for each in plan.changes:
        for name, value in details(each, shown, renamed):
            rows.append(f"| {code(subject(each))} | {code(cut(name, 80))} | {code(value)} |")
    if not rows:
        return []
    head = ["", "<details><summary>Fields</summary>", "", "| which | field | |", "|-|-|-|"]
    if length(head) + len(rows[0]) + 100 > budget:
        return ["", f"{plural(len(rows), 'field')} left out for length; `reconcile plan` shows all."]
    return [*bounded(head, rows, budget - 100), "", "</details>"]


def _against(plan: Plan) -> str:
    if plan.base:
        return f"compared with {code(plan.base[:40])}, not with a ledger"
    return f"serial {plan.serial}" if plan.serial is not None else "no ledger yet"


def _footer(plan: Plan, saved: SavedPlan | None, apply: str) -> list[str]:
    parts = [
        f"project {code(plan.project)}",
        f"environment {code(plan.environment)}" if plan.environment else "",
        "simulated ledger" if plan.simulated else "",
        _against(plan),
        f"revision {code(revision(plan.revision, 12))}" if plan.revision else "",
        f"only {code(cut(', '.join(plan.selected), 200))}" if plan.selected else "",
        moment(plan.at),
        f"plan {code(saved.digest[:12])}" if saved else "",
        f"valid until {moment(saved.expires)}" if saved else "",
    ]
    lines = [" · ".join(part for part in parts if part)]
    if plan.changes and not plan.refusals:
        lines += ["", _how(saved, apply)]
    return lines


def _how(saved: SavedPlan | None, apply: str) -> str:
    if saved is not None:
        return f"Apply exactly this: {code(cut(apply, 300))}"
    return f"To apply once this is merged: {code('reconcile apply')}, which plans again and shows it before it does anything."
