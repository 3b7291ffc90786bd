"""`reconcile history`: the recorded runs, newest first."""

from __future__ import annotations

import heapq
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from reconciler.cli.flows import Choice, Opened, chosen, flow_options, opened
from reconciler.cli.wiring import Here, as_json, plural, printable

if TYPE_CHECKING:
    from reconciler.ledger.records import FlowHead, RunRecord

_UNITS = ("B", "kB", "MB", "GB", "TB")


@click.command("history")
@flow_options
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many runs.")
@click.pass_obj
def command(
    here: Here,
    flow: str | None,
    destinations: tuple[str, ...],
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    limit: int,
) -> None:
    """The recorded runs, newest first.

    Flows that are removed or moved are included. FLOW is <destination>/<name>, or a full flow id.
    """
    project, actual = opened(here, environment)
    heads = chosen(actual, Choice(flow, destinations, select), gone=True)
    runs, total = _newest(project, heads, limit)
    if form == "json":
        click.echo(as_json({"runs": [_data(each) for each in runs], "total": total}))
        return
    if not runs:
        click.echo("No runs yet.")
        return
    for line in _table(runs):
        click.echo(line)
    if total > len(runs):
        click.echo(f"{plural(total, 'run')}; the newest {len(runs):,} are shown (-n {total} for all)")


def _newest(project: Opened, heads: list[FlowHead], limit: int) -> tuple[list[RunRecord], int]:
    """Keys hold the slot, so that only the documents that are shown are read."""
    from reconciler.ledger import keys
    from reconciler.ledger.records import RunRecord

    found = [key for head in heads for key, _ in project.ledger.store.list(keys.runs(head.flow_id))]
    newest = heapq.nlargest(limit, found, key=lambda key: key.rpartition("/")[2])
    read = [project.ledger.read(RunRecord, key) for key in newest]
    runs = [each.document for each in read if each is not None]
    return sorted(runs, key=lambda run: (run.slot, run.finished_at, run.run_id), reverse=True), len(found)


def _table(runs: list[RunRecord]) -> list[str]:
    from reconciler.present.words import short

    rows = [
        (
            f"{run.slot:%Y-%m-%d %H:%M} UTC",
            short(run.flow),
            run.kind + (" (on demand)" if run.on_demand else ""),
            plural(run.rows, "row"),
            plural(len(run.files), "file"),
            _size(run.size),
            _took(run),
            run.outcome,
            run.run_id,
        )
        for run in runs
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {3, 4, 5, 6}
    return [
        "  ".join(
            f"{cell:>{width}}" if column in right else f"{printable(cell):<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _took(run: RunRecord) -> str:
    from reconciler.present.status import duration

    seconds = _seconds(run)
    return "–" if seconds is None else duration(timedelta(seconds=seconds))


def _seconds(run: RunRecord) -> int | None:
    """None for a run whose two times are one: both are then the time that a call acted at, and say nothing of how long."""
    if run.finished_at == run.claimed_at:
        return None
    return max(int((run.finished_at - run.claimed_at).total_seconds()), 0)


def _size(size: int) -> str:
    """`254 MB`: decimal units, as file managers and cloud bills count."""
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 9.95 else f"{value:.1f} {_UNITS[unit]}"


def _data(run: RunRecord) -> dict[str, object]:
    kept = run.to_json()
    names = (
        "flow",
        "runId",
        "slot",
        "kind",
        "onDemand",
        "covers",
        "outcome",
        "why",
        "read",
        "matched",
        "excluded",
        "rows",
        "size",
    )
    times = ("claimedAt", "finishedAt", "location", "manifest")
    return {
        **{name: kept.get(name) for name in (*names, *times)},
        "files": len(run.files),
        "durationSeconds": _seconds(run),
    }
