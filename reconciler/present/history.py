"""Recorded runs as a table, and as JSON data. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from reconciler.ledger.records import RunRecord
from reconciler.present.results import took
from reconciler.present.words import changes, cut, inert, plural, short, size

NOTHING: Mapping[str, str] = MappingProxyType({})
_RIGHT = {3, 4, 5, 6}
_GONE = {None: "deleted", "retain": "deleted", "purge": "purged"}


def as_text(
    runs: Sequence[RunRecord],
    total: int,
    *,
    everything: str,
    width: int | None = None,
    replaced: Mapping[str, str] = NOTHING,
) -> str:
    """One line a run, as given, with a line end. `total`: how many there are; `everything`: the command that shows all. `width`: where
    lines are cut. `replaced`: by run id, the run that a run's file gave way to."""
    if not runs:
        return "No runs yet.\n"
    rows = [_row(run, run.run_id in replaced) for run in runs]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            f"{cell:>{width}}" if column in _RIGHT else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines = [cut(line, width) for line in lines] if width else lines
    if total > len(runs):
        lines.append(f"{plural(total, 'run')}; the newest {len(runs):,} are shown. All: {everything}")
    return "\n".join(lines) + "\n"


def _row(run: RunRecord, replaced: bool) -> tuple[str, ...]:
    return (
        f"{run.slot:%Y-%m-%d %H:%M} UTC",
        inert(short(run.flow)),
        run.kind + (" (on demand)" if run.on_demand else ""),
        plural(run.rows, "row") + changes(run.changes),
        plural(len(run.files), "file"),
        size(run.size),
        took(run) or "–",
        run.outcome + (", replaced" if replaced else "") + (f", {_GONE[run.removed_by]}" if run.removed_at else ""),
        run.run_id,
    )


def _seconds(run: RunRecord) -> float | None:
    """None for a run whose two times are one: both are then the time that a call acted at, and say nothing of how long."""
    if run.finished_at == run.claimed_at:
        return None
    return max(round((run.finished_at - run.claimed_at).total_seconds(), 3), 0.0)


def as_data(run: RunRecord, replaced: Mapping[str, str] = NOTHING) -> dict[str, object]:
    """One run as JSON data: stable keys, null where there is nothing. `size` in bytes, `files` as a number, `replaced` as in `as_text`."""
    kept = run.to_json()
    names = ("flow", "runId", "slot", "kind", "onDemand", "covers", "outcome", "why", "read", "matched")
    sizes = ("excluded", "changes", "rows", "size", "claimedAt", "finishedAt", "location", "manifest")
    return {
        **{name: kept.get(name) for name in (*names, *sizes)},
        "files": len(run.files),
        "durationSeconds": _seconds(run),
        "delaySeconds": run.delay_seconds,
        "lifted": list(run.lifted),
        "removedAt": kept.get("removedAt"),
        "removedBy": kept.get("removedBy"),
        "replacedBy": replaced.get(run.run_id),
    }
