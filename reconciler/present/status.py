"""How applied flows are doing: one row a flow, those that need a person first. Pure: heads and a time in, text out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from reconciler.ledger.alerts import AlertBook
from reconciler.ledger.records import FlowHead
from reconciler.plan.calendar import next_slot
from reconciler.plan.due import Due, due
from reconciler.present.cleanups import CleanUp, as_lines
from reconciler.present.commands import HERE, Shell
from reconciler.present.words import (
    alerts,
    changes,
    cut,
    days_left,
    excluded,
    guards,
    inert,
    location,
    override,
    plural,
    revision,
    schedule,
)
from reconciler.resources.override import Override
from reconciler.values.cursor import Cursor, DiffCursor
from reconciler.values.slot import slot_text

State = Literal["failed", "held", "late", "due", "running", "suspended", "ready"]
ORDER: tuple[State, ...] = ("failed", "held", "late", "due", "running", "suspended", "ready")
LATE_AFTER = timedelta(hours=1)
Style = Callable[[str, str], str]


def plain(text: str, role: str) -> str:
    """The style without colours. Roles: the conditions, and `quiet`."""
    return text


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One flow at one time. `next_slot`: the due one, or else the one to come. `missed`: other slots without an export.

    `age`: since the last export. `lifted`: each override and the days it has left; below 0 once it has ended.

    `note`: why, in words. `next_commands`: what a person would do next, each as arguments of `reconcile`. `book`: what was told of it
    to its alert channels.
    """

    head: FlowHead
    state: State
    next_slot: datetime | None
    missed: int
    age: timedelta | None
    lifted: tuple[tuple[Override, int], ...]
    note: str
    next_commands: tuple[tuple[str, ...], ...]
    book: AlertBook | None = None

    def commands(self, shell: Shell = HERE) -> list[str]:
        """`reconcile …`, to be pasted into a shell; empty where there is nothing to do."""
        return [shell.command(*each) for each in self.next_commands]


def flow_status(head: FlowHead, now: datetime, book: AlertBook | None = None) -> FlowStatus:
    """What a flow is doing at `now` (aware). The flow is active or suspended. `book`: of its alerts, if there is one."""
    last = head.last_slot
    if head.open is not None and head.open.phase == "publishing" and not head.open.on_demand:
        last = max(last, head.open.slot) if last else head.open.slot
    waiting = due(head.spec.schedule, head.since, last, now)
    state, note = _state(head, waiting, now)
    upcoming = waiting.slot or next_slot(head.spec.schedule, now)
    return FlowStatus(
        head=head,
        state=state,
        next_slot=None if state == "suspended" else upcoming,
        missed=waiting.missed,
        age=now - head.last_run.finished_at if head.last_run else None,
        lifted=tuple((each, each.days_left(now)) for each in head.spec.overrides),
        note=note,
        next_commands=_next_commands(head, state, waiting),
        book=book,
    )


def by_urgency(found: Iterable[FlowStatus]) -> list[FlowStatus]:
    """What needs a person first; within a condition by name."""
    return sorted(found, key=lambda each: (ORDER.index(each.state), each.head.flow))


def _state(head: FlowHead, waiting: Due, now: datetime) -> tuple[State, str]:
    run, condition = head.open, head.condition
    stuck = run is not None and condition is not None and condition.run_id == run.run_id
    if run is not None and run.lease.until > now and not stuck:
        return "running", f"{run.phase} {run.kind}, slot {_moment(run.slot)}"
    if condition is not None:
        tries = f" ({condition.attempts:,} times)" if condition.attempts > 1 else ""
        which = f" · run {condition.run_id}" if stuck else ""
        return condition.type, f"{condition.code} {condition.sentence}{tries}{which}"
    if run is not None:
        done = "complete" if run.phase == "publishing" else "discard"
        return "late", f"the runner of slot {_moment(run.slot)} is gone; the next run will {done} its work"
    if head.state == "suspended":
        return "suspended", ""
    if waiting.slot is None:
        return "ready", f"{plural(waiting.missed, 'slot')} skipped" if waiting.missed else ""
    missed = f"{plural(waiting.missed, 'slot')}{' or more' if waiting.missed_capped else ''} missed"
    if waiting.missed or now - waiting.slot > LATE_AFTER:
        return "late", missed if waiting.missed else ""
    return "due", ""


def _next_commands(head: FlowHead, state: State, waiting: Due) -> tuple[tuple[str, ...], ...]:
    match state:
        case "failed" | "held":
            nothing_for_a_run = head.open is None and waiting.slot is None
            again = ("export", head.flow_id.short) if nothing_for_a_run else ("run", "--select", head.flow)
            return (("explain", head.condition.code), again) if head.condition else (again,)
        case "late" | "due":
            return (("run", "--select", head.flow),)
        case "running" | "suspended" | "ready":
            return ()
        case _:
            assert_never(state)


# Text -----------------------------------------------------------------------------------------------------------------


def as_text(
    found: Iterable[FlowStatus],
    undone: Iterable[CleanUp] = (),
    *,
    shell: Shell = HERE,
    style: Style = plain,
    width: int | None = None,
) -> str:
    """One line a flow, what to do next below it, what is `undone` of clean-ups, counts at the end. `width`: where those lines are cut;
    commands never are."""
    flows, left = by_urgency(found), as_lines(undone, shell=shell)
    if not flows:
        return "\n".join([f"No flows are applied. Next: {shell.command('plan')}", *left]) + "\n"
    rows = [(each.head.flow_id.short, last_text(each.head), _next_text(each), _age_text(each.age)) for each in flows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for each, row in zip(flows, rows, strict=True):
        cells = "  ".join(f"{inert(cell):<{width}}" for cell, width in zip(row, widths, strict=True))
        shown = cut(cells.rstrip(), max(width - 11, 20)) if width else cells.rstrip()
        lines.append(f"{style(f'{each.state:<9}', each.state)}  {shown}".rstrip())
        for lifted, days in each.lifted:
            if days >= 0 or lifted.policy is not None:
                lines.append(f"{'':11}{inert(override(lifted))} ({days_left(days)})")
        lines += [f"{'':11}{inert(trouble)}" for trouble in _troubles(each)]
        if each.note:
            lines.append(f"{'':11}{inert(each.note)}")
        if detail := _detail(each):
            lines.append(f"{'':11}{inert(detail)}")
        lines += [f"{'':11}{command}" for command in each.commands(shell)]
    counts = {state: sum(each.state == state for each in flows) for state in ORDER}
    summary = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    return "\n".join([*lines, *left, "", f"{plural(len(flows), 'flow')}: {summary}"]) + "\n"


def _detail(status: FlowStatus) -> str:
    """Which guard with its numbers, which file, and how to mend it: what the flow's condition says of itself."""
    condition = status.head.condition
    return condition.detail if condition and status.state in ("failed", "held") else ""


def _troubles(status: FlowStatus) -> list[str]:
    """Alert channels that don't take what there is to tell."""
    if status.book is None:
        return []
    waiting = Counter(each.channel for each in status.book.waiting)
    return [
        f"{plural(waiting[each.channel], 'alert')} to {each.channel} waiting since {_moment(each.since)}: {each.code} {each.sentence}"
        for each in status.book.troubles
        if waiting[each.channel]
    ]


def details(status: FlowStatus) -> str:
    """What is known of one flow beyond its line, with line ends."""
    head = status.head
    by = f"{head.applied.by}, {_moment(head.applied.at)}" + (
        f", revision {revision(head.applied.revision)}" if head.applied.revision else ""
    )
    folder = f"{location(head.spec.destination)}/{head.source_id}"
    rows = {
        "applied": f"{by} · generation {head.generation}",
        "offered": f"to project {head.spec.transfer_to}, which hasn't adopted it yet" if head.spec.transfer_to else "",
        "schedule": schedule(head.spec.schedule) + (" (suspended)" if head.state == "suspended" else ""),
        "cursor": _cursor_text(head),
        "guards": guards(head.spec),
        "alerts": alerts(head.spec),
        "goes to": folder,
        "kept": _kept_text(head),
        "last run": f"{head.last_run.run_id} · {head.last_run.kind} · {head.last_run.location}"
        if head.last_run
        else "",
    }
    return "".join(f"{'':11}{name:<9} {inert(text)}\n" for name, text in rows.items() if text)


def _cursor_text(head: FlowHead) -> str:
    if head.rebuild:
        return f"the next export is full: {head.rebuild}"
    if head.cursor is None:
        return "none: the next export is the first"
    if isinstance(head.cursor, DiffCursor):
        people = "1 person" if head.cursor.rows == 1 else f"{head.cursor.rows:,} people"
        return f"{people} of {head.cursor.location} compared with ({head.cursor.strategy})"
    what = plural(head.cursor.files, "file") if head.cursor.table is None else str(head.cursor.table)
    return f"{what} of {head.cursor.location} done with ({head.cursor.strategy})"


def _cursor(cursor: Cursor) -> dict[str, object]:
    told: dict[str, object] = {"strategy": cursor.strategy, "location": cursor.location, "files": cursor.files}
    return told | ({"table": cursor.table.to_json()} if cursor.table else {})


def _kept_text(head: FlowHead) -> str:
    retain = head.spec.destination.spec.files.retain
    if retain is None:
        return ""
    kept = plural(retain, "export") if isinstance(retain, int) else f"exports of {retain}"
    return f"{kept}; {plural(head.retained.removed if head.retained else 0, 'older one')} deleted so far"


def last_text(head: FlowHead) -> str:
    """The last export in short."""
    run = head.last_run
    return (
        f"last {_moment(run.slot)} · {plural(run.rows, 'row')}{changes(run.changes)}{excluded(run.excluded)}"
        if run
        else "never exported"
    )


def _next_text(status: FlowStatus) -> str:
    if status.next_slot is None:
        return "next –"
    word = "due " if status.state in ("due", "late") else "next"
    return f"{word} {_moment(status.next_slot)}"


def _age_text(age: timedelta | None) -> str:
    return "" if age is None else f"{duration(age)} old"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(span: timedelta) -> str:
    """`45 s`, `12 min`, `5 h`, `3 d`: the largest unit that fits, cut; never below zero."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size * (2 if unit != "min" else 1):
            return f"{seconds // size:,} {unit}"
    return f"{seconds} s"


# JSON -----------------------------------------------------------------------------------------------------------------


def as_data(status: FlowStatus, *, shell: Shell = HERE) -> dict[str, object]:
    """One flow as JSON data: stable keys, null where there is nothing. `ageSeconds` is since the last export."""
    head, run = status.head, status.head.last_run
    commands = status.commands(shell)
    cursor = head.cursor
    lifted = [{**each.to_json(), "inForce": days >= 0, "daysLeft": max(days, 0)} for each, days in status.lifted]
    return {
        "flow": head.flow,
        "owner": head.owner,
        "transferTo": head.spec.transfer_to,
        "condition": status.state,
        "note": status.note or None,
        "detail": _detail(status) or None,
        "code": head.condition.code if head.condition else None,
        "lastSlot": slot_text(head.last_slot) if head.last_slot else None,
        "lastRun": run.to_json() if run else None,
        "nextSlot": slot_text(status.next_slot) if status.next_slot else None,
        "missed": status.missed,
        "ageSeconds": int(status.age.total_seconds()) if status.age is not None else None,
        "revision": head.applied.revision,
        "appliedAt": f"{head.applied.at:%Y-%m-%dT%H:%M:%SZ}",
        "cursor": _cursor(cursor) if cursor else None,
        "rebuild": head.rebuild,
        "override": lifted[0] if lifted else None,
        "overrides": lifted,
        "retain": _retain_data(head),
        "alerts": _alert_data(status),
        "nextCommand": commands[0] if commands else None,
        "nextCommands": commands,
    }


def _alert_data(status: FlowStatus) -> dict[str, object] | None:
    """`told`: states that a channel was told of and that aren't over; `waiting`: alerts still to be sent; `dropped`: given up."""
    if not status.head.spec.alerts:
        return None
    book = status.book
    raised = book.raised if book else ()
    return {
        "channels": [each.name for each in status.head.spec.alerts],
        "told": [
            {"channel": each.channel, "event": each.event, "since": f"{each.since:%Y-%m-%dT%H:%M:%SZ}"}
            for each in raised
        ],
        "waiting": len(book.waiting) if book else 0,
        "dropped": book.dropped if book else 0,
        "troubles": [each.to_json() for each in book.troubles] if book else [],
    }


def _retain_data(head: FlowHead) -> dict[str, object] | None:
    retain, done = head.spec.destination.spec.files.retain, head.retained
    if retain is None:
        return None
    return {"keep": retain, "removed": done.removed if done else 0, "problem": done.problem if done else None}
