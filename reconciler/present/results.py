"""What an apply or a run says of each thing it did: one line, two where a folder is worth knowing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from reconciler.apply.changes import Done, Failed, Result
from reconciler.errors import ReconcilerError
from reconciler.ledger.records import RunRecord
from reconciler.plan.plan import NextExport
from reconciler.present.words import changes, excluded, inert, plural, removed, short, size

_VERBS = {
    "create-destination": "created",
    "update-destination": "updated",
    "remove-destination": "removed",
    "add-flow": "added",
    "update-flow": "updated",
    "remove-flow": "removed",
    "move-flow": "moved",
    "adopt-destination": "adopted",
    "adopt-flow": "adopted",
    "suspend-flow": "suspended",
    "resume-flow": "resumed",
    "update-access": "recorded",
    "export": "exported",
}
_INDENT = " " * 17


def export_line(run: RunRecord, width: int = 0, *, completed: bool = False) -> str:
    """Rows, files and size, and where they are. `width`: of the names of what is done, here as below. `completed`: what another runner
    had decided."""
    name = short(run.flow)
    line = f"  ✓ export       {inert(name):<{width}}  {plural(run.rows, 'row')} · {plural(len(run.files), 'file')} · {size(run.size)}"
    line += changes(run.changes) + excluded(run.excluded) + removed(run.changes)
    line += f" · {run.kind} · slot {run.slot:%Y-%m-%d %H:%M}"
    line += " · completed for another runner" if completed else f" · {took(run)}" if took(run) else ""
    line += "".join(f"\n{_INDENT}let pass: {inert(each)}" for each in run.lifted)
    return f"{line}\n{_INDENT}{inert(run.location)}"


def took(run: RunRecord) -> str:
    """`9.2 s`, `1:05 min`; nothing where the recorded times don't tell: both are one where a test's clock stood still."""
    seconds = (run.finished_at - run.claimed_at).total_seconds()
    if seconds <= 0:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} min"


def elsewhere_line(flow: str, until: datetime, width: int = 0) -> str:
    """Who is at it, until when others leave it alone, and what to do if that runner is dead."""
    name = inert(short(flow))
    said = f"  … export       {name:<{width}}  left to another runner, whose lease ends at {until:%Y-%m-%d %H:%M} UTC"
    return f"{said}\n{_INDENT}If that runner is dead: reconcile ledger release {name}"


def idle_line(upcoming: NextExport | None) -> str:
    """Nothing was due, and what is next."""
    if upcoming is None:
        return "Nothing due, and no slot is to come."
    return f"Nothing due. Next export {upcoming.slot:%Y-%m-%d %H:%M} UTC ({inert(short(upcoming.flow))})."


def failure_line(noun: str, name: str, error: ReconcilerError, width: int = 0) -> str:
    """What failed, why, and what to do."""
    said = f"{error.code} {error.summary} · reconcile explain {error.code}"
    return f"  ✗ {noun:<12} {inert(name):<{width}}  {said}\n{_INDENT}{inert(error.detail)}"


def purge_line(flow: str, files: int) -> str:
    """A purge that was completed."""
    return f"  ✓ {'purge':<12} {inert(short(flow))}  {plural(files, 'file')} purged"


def retain_line(flow: str, exports: int, files: int) -> str:
    """Exports that were past `files.retain`."""
    return (
        f"  ✓ {'retain':<12} {inert(short(flow))}  {plural(exports, 'older export')} deleted · {plural(files, 'file')}"
    )


def alert_line(channel: str, error: ReconcilerError) -> str:
    """A channel that didn't take an alert: what wasn't sent waits, and nothing else comes of it."""
    said = f"{error.code} {error.summary} · reconcile explain {error.code}"
    detail = f"{error.detail} What there is to tell waits for the next run."
    return f"  ! {'alert':<12} {inert(channel or 'ledger')}  {said}\n{_INDENT}{inert(detail)}"


def result_line(result: Result, width: int = 0) -> str:
    """One change that was performed, or wasn't."""
    change = result.change
    noun = "export" if change.change == "export" else change.change.rpartition("-")[2]
    name = short(change.subject) if "/" in change.subject else change.subject
    match result:
        case Failed(_, error):
            return failure_line(noun, name, error, width)
        case Done(run=RunRecord() as run):
            return export_line(run, width)
        case Done(until=datetime() as until):
            return elsewhere_line(change.subject, until, width)
        case Done(note=note):
            return f"  ✓ {noun:<12} {inert(name):<{width}}  {_verb(result)}" + (f" · {inert(note)}" if note else "")


def _verb(done: Done) -> str:
    return "left" if done.change.change == "export" and done.run is None else _VERBS[done.change.change]


def totals(results: Iterable[Result]) -> str:
    """`1 created · 1 added · 1 exported · 1 failed`."""
    found: Counter[str] = Counter()
    for each in results:
        found["failed" if isinstance(each, Failed) else _verb(each)] += 1
    return " · ".join(f"{number:,} {verb}" for verb, number in found.items())
