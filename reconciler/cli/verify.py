"""`reconcile verify`: the files at the destinations against what the ledger recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.here import Here
from reconciler.cli.options import flow_options

if TYPE_CHECKING:
    from reconciler.api.verifying import Report
    from reconciler.present.commands import Shell


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
    Destinations that can only be written to can't be verified; that is said, and is no failure. Where a destination can't be reached,
    its flows are said not to be verified and the others are looked at; that ends with 1, or with 6 where others were verified.
    """
    report = here.project(environment).verify(flow, destinations=destinations, select=select)
    if form == "json":
        here.console.out_json(_data(report))
    else:
        here.console.out("\n".join(_text(report, here.shell(environment))))
    if report.findings:
        return exits.FAILED
    return exits.of_several([each.error for each in report.failed], len(report.verified))


def _text(report: Report, shell: Shell) -> Iterator[str]:
    from reconciler.present.words import inert, plural, short

    for finding in report.findings:
        detail = f" · {finding.detail}" if finding.detail else ""
        run = f" · run {finding.run_id}" if finding.run_id else ""
        yield f"{finding.problem:<8}  {inert(finding.where)}{run}{detail}"
    for name in report.unverifiable:
        yield f"unread    {inert(name)} can only be written to, so its files can't be verified"
    for each in report.failed:
        of = f"{short(each.flow)}: {plural(each.runs, 'run')} at {each.destination}"
        yield f"failed    {inert(of)} · {each.error.code} {each.error.summary} · reconcile explain {each.error.code}"
        yield f"          {inert(each.error.detail)}"
    for flow in report.purged:
        yield f"skipped   {flow} was removed and its files were to be deleted (onRemove: purge)"
    if report.replaced:
        yield f"skipped   {plural(len(report.replaced), 'run')} of which later runs replaced the file (files.replace)"
    if report.removed:
        yield f"skipped   {plural(len(report.removed), 'run')} whose files were deleted (files.retain)"
    read = [each for each in report.verified if each.checked is not None]
    files = sum(each.checked or 0 for each in read)
    wrong = len(report.findings)
    missed = sum(each.runs for each in report.failed)
    verdict = (
        f"{plural(wrong, 'thing')} not as recorded" if wrong else "all as recorded" if read else "nothing to verify"
    )
    verdict += f"; {plural(missed, 'run')} couldn't be looked at" if missed else ""
    yield f"{plural(len(read), 'run')}, {plural(files, 'file')} verified: {verdict}"
    damaged = dict.fromkeys(
        (finding.flow, finding.run_id) for finding in report.findings if finding.problem in ("missing", "changed")
    )
    again = [shell.command("export", flow, "--again", run) for flow, run in damaged if flow and run]
    if again:
        yield "To send what is missing or changed once more, in a folder of its own:"
        yield from (f"  {each}" for each in again)


def _data(report: Report) -> dict[str, object]:
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
            for each in report.findings
        ],
        "failed": [
            {
                "flow": each.flow,
                "destination": each.destination,
                "runs": each.runs,
                "code": each.error.code,
                "summary": each.error.summary,
                "detail": each.error.detail,
            }
            for each in report.failed
        ],
        "unverifiable": list(report.unverifiable),
        "purged": list(report.purged),
        "removed": [{"flow": each.flow, "runId": each.run_id} for each in report.removed],
        "replaced": [{"flow": each.flow, "runId": each.run_id} for each in report.replaced],
    }
