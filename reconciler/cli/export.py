"""`reconcile export`: one flow, or several, now."""

from __future__ import annotations

import click

from reconciler.cli import exits
from reconciler.cli.here import Here
from reconciler.cli.options import AT, ENVIRONMENT, moment
from reconciler.cli.work import working


@click.command("export")
@click.argument("flows", metavar="FLOW...", nargs=-1, required=True)
@click.option("--full", is_flag=True, help="Everything that matches, not only what is new.")
@click.option("--again", metavar="SLOT", help="The rows of this slot, or of the run with this id, once more.")
@ENVIRONMENT
@AT
@click.pass_obj
def command(
    here: Here, flows: tuple[str, ...], full: bool, again: str | None, environment: str | None, at: str | None
) -> int:
    """Export flows now, on demand. Those over one dataset share a read.

    What they export counts: the next increment holds what is new after it. The schedule's slots are untouched. Ends with 5 where
    another runner is at a flow; of several, with 6 if some exports failed and others didn't.

    With --again, the same files of the dataset are read as then, for a partner who lost them, into a folder of their own; that counts for
    nothing else. Ends with 4 where the flow or those files changed since.
    """
    from reconciler.api.runs import NotExported

    when = moment(at)
    asked = ["export", *flows, *(["--full"] if full else []), *(["--again", again] if again is not None else [])]
    asked += ["--at", at] if at is not None else []
    # No run goes on with what was asked for: what is discarded is to be asked for again.
    look = ("status", flows[0]) if len(flows) == 1 else ("status",)
    with working(here, environment, *asked, done=look) as hooks:
        project = here.project(environment)
        if len(flows) == 1:
            project.export(flows[0], full=full, again=again, at=when, hooks=hooks)
            return exits.of_several([], 1)
        events = project.export_several(flows, full=full, again=again, at=when, hooks=hooks)
    errors = [each.error for each in events if isinstance(each, NotExported)]
    return exits.of_several(errors, len(events) - len(errors))
