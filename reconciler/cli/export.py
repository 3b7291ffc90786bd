"""`reconcile export`: one flow, now."""

from __future__ import annotations

import click

from reconciler.cli.here import Here
from reconciler.cli.options import AT, ENVIRONMENT, moment
from reconciler.cli.work import working


@click.command("export")
@click.argument("flow")
@click.option("--full", is_flag=True, help="Everything that matches, not only what is new.")
@click.option("--again", metavar="SLOT", help="The rows of this slot, or of the run with this id, once more.")
@ENVIRONMENT
@AT
@click.pass_obj
def command(here: Here, flow: str, full: bool, again: str | None, environment: str | None, at: str | None) -> None:
    """Export one flow now, on demand.

    What it exports counts: the next increment holds what is new after it. The schedule's slots are untouched. Ends with 5 where
    another runner is at this flow.

    With --again, the same files of the dataset are read as then, for a partner who lost them, into a folder of their own; that counts for
    nothing else. Ends with 4 where the flow or those files changed since.
    """
    when = moment(at)
    asked = ["export", flow, *(["--full"] if full else []), *(["--again", again] if again is not None else [])]
    asked += ["--at", at] if at is not None else []
    # No run goes on with what was asked for: what is discarded is to be asked for again.
    with working(here, environment, *asked, done=("status", flow)) as hooks:
        here.project(environment).export(flow, full=full, again=again, at=when, hooks=hooks)
