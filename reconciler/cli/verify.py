"""`reconcile verify`: the files at the destinations against what the ledger recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from reconciler.cli.flows import Choice, Opened, chosen, flow_options, opened
from reconciler.cli.wiring import Here, as_json, plural, printable

if TYPE_CHECKING:
    from reconciler.apply.verify import Finding, Open, Verified
    from reconciler.ledger.records import FlowHead, RunRecord


@dataclass
class _Report:
    """What was looked at. `purged`: flows whose files were deleted on purpose."""

    verified: list[Verified] = field(default_factory=list)
    others: list[Finding] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    def findings(self) -> Iterator[Finding]:
        for each in self.verified:
            yield from each.findings
        yield from self.others


@click.command("verify")
@flow_options
@click.pass_obj
def command(
    here: Here,
    flow: str | None,
    destinations: tuple[str, ...],
    select: tuple[str, ...],
    environment: str | None,
    form: str,
) -> int:
    """Compare destinations with the ledger.

    Reads every file of every recorded run back and hashes it again. Tells what is missing, changed, unknown in the
    flow's folders, or left over in a staging area. Changes nothing. Ends with 1 if anything isn't as recorded.
    Destinations that can only be written to can't be verified; that is said, and is no failure.
    """
    project, actual = opened(here, environment)
    report = _verify(project, chosen(actual, Choice(flow, destinations, select), gone=True))
    click.echo(as_json(_data(report)) if form == "json" else "\n".join(_text(report)))
    return 1 if any(report.findings()) else 0


def _verify(project: Opened, heads: list[FlowHead]) -> _Report:
    from reconciler.apply.verify import leftovers, recorded, unknown, verify_run

    connect = _connector(project)
    report = _Report()
    runs: list[RunRecord] = []
    for head in heads:
        if head.state == "removed" and head.spec.on_remove == "purge":
            report.purged.append(head.flow)
            continue
        for run in recorded(project.ledger, head.flow_id):
            report.verified.append(verify_run(run, connect))
            runs.append(run)
    report.others += unknown(project.ledger, runs, connect)
    places = {connect(each).location(): each for each in [head.spec.destination for head in heads]}
    places |= {connect(run.spec.destination).location(): run.spec.destination for run in runs}
    for place in places.values():
        report.others += leftovers(project.ledger, place, connect)
    return report


def _connector(project: Opened) -> Open:
    """One connection per destination: its spec is its identity."""
    from reconciler.destinations.base import Destination
    from reconciler.resources.effective import EffectiveDestination, fingerprint

    kept: dict[str, Destination] = {}

    def connect(destination: EffectiveDestination) -> Destination:
        name = fingerprint(destination)
        if name not in kept:
            kept[name] = project.destination(destination)
        return kept[name]

    return connect


def _text(report: _Report) -> Iterator[str]:
    for finding in report.findings():
        detail = f" · {finding.detail}" if finding.detail else ""
        run = f" · run {finding.run_id}" if finding.run_id else ""
        yield f"{finding.problem:<8}  {printable(finding.where)}{run}{detail}"
    for name in _unverifiable(report):
        yield f"unread    {printable(name)} can only be written to, so its files can't be verified"
    for flow in report.purged:
        yield f"skipped   {flow} was removed and its files were to be deleted (onRemove: purge)"
    read = [each for each in report.verified if each.checked is not None]
    files = sum(each.checked or 0 for each in read)
    wrong = sum(1 for _ in report.findings())
    verdict = (
        f"{plural(wrong, 'thing')} not as recorded" if wrong else "all as recorded" if read else "nothing to verify"
    )
    yield f"{plural(len(read), 'run')}, {plural(files, 'file')} verified: {verdict}"


def _unverifiable(report: _Report) -> list[str]:
    return sorted({each.run.spec.destination.name for each in report.verified if each.checked is None})


def _data(report: _Report) -> dict[str, object]:
    return {
        "runs": [
            {
                "flow": each.run.flow,
                "runId": each.run.run_id,
                "verified": each.checked is not None,
                "files": each.checked,
            }
            for each in report.verified
        ],
        "findings": [
            {
                "problem": each.problem,
                "flow": each.flow,
                "runId": each.run_id,
                "name": each.name,
                "location": each.where,
                "detail": each.detail or None,
            }
            for each in report.findings()
        ],
        "unverifiable": _unverifiable(report),
        "purged": report.purged,
    }
