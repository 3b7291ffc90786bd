"""A plan as a pull request's comment: a first line that can be trusted alone, a table, details folded.

Everything that comes from configuration is inert: no mention, link, markup or HTML of its own. The length is bounded.
"""

from __future__ import annotations

import re
from collections import Counter

from reconciler.plan.plan import (
    AddFlow,
    DestinationChange,
    Export,
    FlowChange,
    Plan,
    RemoveFlow,
    UpdateDestination,
)
from reconciler.present.plan_text import counts, details, headline, mark, moment, nothing_to_do, subject
from reconciler.present.words import backfill, cut, inert, plural, recipient

MAX_LENGTH = 60_000
_RESERVE = 600
_ADDED = 5
_HARMLESS = re.compile(r"[^A-Za-z0-9 ,/=\u0080-\U0010ffff-]")


def code(text: str) -> str:
    """Text as code: every character that markdown, HTML or a forge gives a meaning to is written as its number.

    Parsers of links and tables don't see it, and forges look for mentions and references outside of code only.
    """
    return "<code>" + _HARMLESS.sub(lambda found: f"&#{ord(found[0])};", inert(text)) + "</code>"


def as_markdown(plan: Plan, *, digest: str | None = None, expires: str | None = None) -> str:
    """The comment, at most `MAX_LENGTH` characters. `digest`, `expires`: of the saved plan, shown at the end."""
    lines = [f"**{_first_line(plan)}**", ""]
    lines += [f"- Refused {each.code}: {code(cut(each.sentence, 1_000))}" for each in plan.refusals[:20]]
    if len(plan.refusals) > 20:
        lines.append(f"- … and {len(plan.refusals) - 20:,} more refusals")
    footer = _footer(plan, digest, expires)
    lines += [""] if plan.refusals else []
    budget = MAX_LENGTH - _RESERVE - len(footer) - sum(len(line) + 1 for line in lines)
    if plan.changes:
        table = _bounded(["| | what | which | |", "|-|-|-|-|"], [_row(each) for each in plan.changes], budget // 2)
        lines += table
        lines += _folded(plan, budget - sum(len(line) + 1 for line in table))
    return "\n".join([*lines, "", footer]) + "\n"


def _first_line(plan: Plan) -> str:
    if plan.is_empty:
        return nothing_to_do(plan)
    if plan.refusals:
        return f"Refused: {plural(len(plan.refusals), 'reason')}; nothing of this can be applied."
    removed = sum(1 for each in plan.changes if isinstance(each, RemoveFlow))
    added = Counter(_newcomer(each) for each in plan.changes if isinstance(each, AddFlow))
    shown = list(added.items())[:_ADDED]
    parts = [f"{code(where)}: {plural(number, 'flow')} added, {what}" for (where, what), number in shown]
    if len(added) > len(shown):
        parts.append(f"flows added in {len(added) - len(shown):,} more ways")
    parts.append(counts(plan))
    parts.append(f"{plural(removed, 'flow')} removed" if removed else "nothing removed")
    return "; ".join(parts) + "."


def _newcomer(change: AddFlow) -> tuple[str, str]:
    """Where a new flow goes, and what its first export holds."""
    who = recipient(change.spec.destination)
    return change.spec.destination.name + (f" ({who})" if who else ""), _first_export(change)


def _first_export(change: AddFlow) -> str:
    return "suspended" if change.spec.suspend else f"first export: {backfill(change.spec).replace(';', ',')}"


def _row(change: DestinationChange | FlowChange | Export) -> str:
    sign, _, noun = mark(change)
    shown = {"+": "add", "~": "change", "-": "remove", "→": "rename", "▶": "due"}[sign]
    return f"| {shown} | {noun} | {code(subject(change))} | {code(cut(headline(change), 300))} |"


def _folded(plan: Plan, budget: int) -> list[str]:
    updated = {each.subject for each in plan.changes if isinstance(each, UpdateDestination)}
    rows = []
    for each in plan.changes:
        for name, value in details(each, updated):
            rows.append(f"| {code(subject(each))} | {code(cut(name, 80))} | {code(value)} |")
    if not rows:
        return []
    head = ["", "<details><summary>Fields</summary>", "", "| which | field | |", "|-|-|-|"]
    return [*_bounded(head, rows, budget), "", "</details>"]


def _bounded(head: list[str], rows: list[str], budget: int) -> list[str]:
    """As many rows as fit, and how many more there are."""
    used = sum(len(line) + 1 for line in head)
    for at, row in enumerate(rows):
        used += len(row) + 1
        if used > budget:
            return [*head, *rows[:at], "", f"… and {len(rows) - at:,} more; `reconcile plan` shows all."]
    return [*head, *rows]


def _against(plan: Plan) -> str:
    if plan.base:
        return f"compared with {code(plan.base[:40])}, not with a ledger"
    return f"serial {plan.serial}" if plan.serial is not None else "no ledger yet"


def _footer(plan: Plan, digest: str | None, expires: str | None) -> str:
    parts = [
        f"project {code(plan.project)}",
        f"environment {code(plan.environment)}" if plan.environment else "",
        "simulated ledger" if plan.simulated else "",
        _against(plan),
        f"revision {code(plan.revision[:12])}" if plan.revision else "",
        moment(plan.at),
        f"plan {code(digest[:12])}" if digest else "",
        f"valid until {code(expires)}" if expires else "",
    ]
    return " · ".join(part for part in parts if part)
