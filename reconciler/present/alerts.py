"""What an alert says: a title, one line of what is the case, and what to do next. Names of flows, numbers, times and codes alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, assert_never

from reconciler.alerts.base import Message, Mood
from reconciler.catalog.base import AlertEvent
from reconciler.ledger.alerts import Facts, Notice
from reconciler.ledger.records import FlowHead
from reconciler.plan.due import due
from reconciler.present.commands import HERE, Shell
from reconciler.present.words import excluded, plural, size
from reconciler.values.slot import slot_text

_NAMED: Final = 20
"""So many alerts are named in a message of many."""
_MOODS: Final[dict[AlertEvent, Mood]] = {
    "run-started": "info",
    "run-succeeded": "success",
    "run-failed": "failure",
    "run-delayed": "warning",
    "run-held": "failure",
    "excluded-rate-exceeded": "warning",
    "row-count-unusual": "warning",
    "destination-unreachable": "failure",
    "suppression-stale": "failure",
    "recovered": "success",
}
_OVER: Final[dict[AlertEvent, str]] = {
    "run-failed": "failed",
    "run-delayed": "late",
    "run-held": "held",
    "excluded-rate-exceeded": "too many rows excluded",
    "row-count-unusual": "unusual row count",
    "destination-unreachable": "destination unreachable",
    "suppression-stale": "suppression stale",
}


def message(notice: Notice, head: FlowHead, project: str, shell: Shell = HERE) -> Message:
    """One alert in words. `project`: the name of the one that the flow belongs to; `shell`: how commands are to be pasted."""
    flow = head.flow_id.short
    title, said = _words(notice, head)
    commands = [shell.command(*each) for each in _next(notice, head)]
    lines = [said, *([f"Next: {commands[0]}", *(f"      {each}" for each in commands[1:])] if commands else [])]
    return Message(
        id=notice.id,
        source=_source(project, shell),
        event=notice.event,
        subject=head.flow,
        at=notice.at,
        mood=_MOODS[notice.event],
        title=f"{flow}: {title}",
        body="\n".join(lines),
        data=_data(notice, head, commands),
    )


def digest(noticed: Sequence[tuple[FlowHead, Notice]], project: str, now: datetime, shell: Shell = HERE) -> Message:
    """Many alerts in one message: how many of each event, the first of them by name, and where all are seen. There is one at least."""
    kinds = Counter(notice.event for _, notice in noticed)
    parts = [_words(notice, head)[0] for head, notice in noticed[:_NAMED]]
    lines = [", ".join(f"{number:,} {event}" for event, number in kinds.most_common())]
    lines += [f"{head.flow_id.short}: {said}" for (head, _), said in zip(noticed, parts, strict=False)]
    if len(noticed) > _NAMED:
        lines.append(f"… and {len(noticed) - _NAMED:,} more")
    moods: tuple[Mood, ...] = ("failure", "warning", "info", "success")
    return Message(
        id=hashlib.sha256("".join(notice.id for _, notice in noticed).encode()).hexdigest()[:32],
        source=_source(project, shell),
        event="digest",
        subject=project,
        at=now,
        mood=min((_MOODS[event] for event in kinds), key=moods.index),
        title=f"{project}: {plural(len(noticed), 'more alert')}",
        body="\n".join([*lines, f"Next: {shell.command('status')}"]),
        data={},
    )


def _source(project: str, shell: Shell) -> str:
    return f"/reconciler/{project}" + (f"/{shell.environment}" if shell.environment else "")


def _words(notice: Notice, head: FlowHead) -> tuple[str, str]:
    """Title and line."""
    event, facts = notice.event, notice.facts
    why = f"{facts.code} {facts.sentence}"
    slot = f"Slot {_moment(facts)}" if facts.slot else "The flow"
    match event:
        case "run-started":
            return "run started", f"{slot}, {facts.kind}, run {facts.run_id}."
        case "run-succeeded":
            return f"exported {plural(facts.rows or 0, 'row')}", _exported(facts)
        case "run-failed":
            return f"run failed: {why}", f"{slot} wasn't exported. {_again(notice, head)}"
        case "run-held":
            return f"export held: {why}", f"{slot} waits for a person, who sees why with the first command."
        case "destination-unreachable":
            return (
                f"destination unreachable: {why}",
                f"{slot} didn't reach {head.flow_id.destination}. {_again(notice, head)}",
            )
        case "suppression-stale":
            return f"nothing may leave: {why}", f"{slot} waits until the suppression list is whole and recent."
        case "run-delayed":
            return f"late: slot {_moment(facts)} isn't exported", f"It has been due for more than {facts.limit}."
        case "excluded-rate-exceeded":
            return f"more than {facts.limit} of the rows stayed behind", _exported(facts)
        case "row-count-unusual":
            usual = f"The median of {facts.runs} earlier exports is {plural(facts.usual or 0, 'row')}; {facts.limit} off is the limit."
            return f"{plural(facts.rows or 0, 'row')} exported, which is unusual", f"{usual} {_exported(facts)}"
        case "recovered":
            return "recovered", f"Over: {', '.join(_OVER.get(each, each) for each in facts.over)}. {_exported(facts)}"
        case _:
            assert_never(event)


def _again(notice: Notice, head: FlowHead) -> str:
    return "The next run tries again." if _for_a_run(notice, head) else "No run tries it again: it was asked for."


def _for_a_run(notice: Notice, head: FlowHead) -> bool:
    """Whether a run has anything to do with the flow: what was asked for, beside the schedule, has to be asked for again."""
    return head.open is not None or due(head.spec.schedule, head.since, head.last_slot, notice.at).slot is not None


def _exported(facts: Facts) -> str:
    what = f"{plural(facts.rows or 0, 'row')} · {plural(facts.files or 0, 'file')} · {size(facts.size or 0)}"
    return f"Slot {_moment(facts)}: {what}{excluded(facts.excluded)} · run {facts.run_id}."


def _moment(facts: Facts) -> str:
    return f"{facts.slot:%Y-%m-%d %H:%M} UTC" if facts.slot else ""


def _next(notice: Notice, head: FlowHead) -> list[tuple[str, ...]]:
    match notice.event:
        case "run-started" | "run-succeeded" | "recovered":
            return []
        case "run-failed" | "run-held" | "destination-unreachable" | "suppression-stale":
            again = ("run", "--select", head.flow) if _for_a_run(notice, head) else ("export", head.flow)
            return [("status", head.flow), ("explain", notice.facts.code or ""), again]
        case "run-delayed":
            return [("status", head.flow), ("run", "--select", head.flow)]
        case "excluded-rate-exceeded" | "row-count-unusual":
            return [("history", head.flow)]
        case _:
            assert_never(notice.event)


def _data(notice: Notice, head: FlowHead, commands: list[str]) -> dict[str, object]:
    facts = notice.facts
    found: dict[str, object] = {
        "event": notice.event,
        "flow": head.flow,
        "destination": head.flow_id.destination,
        "code": facts.code,
        "summary": facts.sentence,
        "slot": slot_text(facts.slot) if facts.slot else None,
        "runId": facts.run_id,
        "kind": facts.kind,
        "rows": facts.rows,
        "files": facts.files,
        "bytes": facts.size,
        "excluded": dict(facts.excluded) or None,
        "usual": facts.usual,
        "usualOf": facts.runs,
        "limit": facts.limit,
        "over": list(facts.over) or None,
        "commands": commands or None,
    }
    return {key: value for key, value in found.items() if value is not None}
