"""`reconcile apply`: shows the plan, asks, performs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from reconciler.api.planfile import read_plan
from reconciler.cli import exits
from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import AT, ENVIRONMENT, SELECT, moment, removals
from reconciler.cli.work import working
from reconciler.errors import UsageError


@click.command("apply")
@click.argument("planfile", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--no-exports", is_flag=True, help="Leave due exports to the next run.")
@SELECT
@click.option("--allow-removals", metavar="N|all", help="How many flows may go.")
@click.option("--allow-rewind", is_flag=True, help="Apply an older commit than the one applied last.")
@ENVIRONMENT
@AT
@click.pass_obj
def command(
    here: Here,
    planfile: Path | None,
    yes: bool,
    no_exports: bool,
    select: tuple[str, ...],
    allow_removals: str | None,
    allow_rewind: bool,
    environment: str | None,
    at: str | None,
) -> int:
    """Perform what the plan says, due exports included.

    Shows the plan and asks; with --yes it doesn't. A PLANFILE is performed exactly, or refused with the reason. Ends with 4 if the
    plan is refused, 5 if it is stale, 6 if some changes failed and the rest is done.
    """
    from reconciler.api.acting import acting_at
    from reconciler.api.purges import NotDiscarded, NotPurged
    from reconciler.api.retaining import NotRemoved
    from reconciler.apply.changes import Failed
    from reconciler.present.plan_text import as_text, name_width
    from reconciler.present.results import totals
    from reconciler.present.words import inert

    if planfile is not None and (select or allow_removals is not None or allow_rewind):
        raise UsageError(
            "G134",
            "a saved plan is performed as it is",
            "--select, --allow-removals and --allow-rewind are for planning.",
        )
    when, removable = moment(at), removals(allow_removals)
    desired = here.desired(environment)
    project = here.project(environment)
    spec = desired.project.spec.ledger
    now = acting_at(when, simulated=spec.simulated)
    saved = read_plan(planfile) if planfile is not None else None
    found = saved.plan if saved else None
    if found is None:
        found = project.plan(
            select=select,
            at=now,
            allow_removals=removable,
            allow_rewind=allow_rewind,
            desired=desired,
        )
    if saved is not None and planfile is not None:
        until = f"{saved.expires:%Y-%m-%d %H:%M} UTC"
        here.console.out(f"Plan {saved.digest[:12]} of {inert(str(planfile))}, valid until {until}\n")
    here.console.out(as_text(found, ledger=spec.url, style=style_for(sys.stdout)))
    if found.refusals:
        return exits.REFUSED
    if found.changes:
        _agree(yes, reviewed=saved is not None)
    with working(here, environment, "apply", width=name_width(found)) as hooks:
        done = project.apply(saved or found, at=when, exports=not no_exports, desired=desired, hooks=hooks)
    if done.results:
        here.console.out(totals(done.results))
    if done.made and spec.url.startswith("file://") and os.environ.get("CI"):
        here.console.say(
            f"{style_for(sys.stderr)('Warning:', 'warning')} A new ledger was made in this checkout. Unless it is kept, the next run "
            "exports everything again.",
            "ledger-made",
            "warning",
        )
    bad = [each.error for each in done.results if isinstance(each, Failed)]
    bad += [each.error for each in done.purges if isinstance(each, NotPurged | NotDiscarded)]
    bad += [each.error for each in done.retained if isinstance(each, NotRemoved)]
    return exits.of_several(bad, len(done.results) + len(done.purges) + len(done.retained) - len(bad))


def _agree(yes: bool, *, reviewed: bool = False) -> None:
    """Asks a person. Where there is none, a plan that was saved and reviewed needs no other yes."""
    if yes:
        return
    if os.environ.get("CI") or not sys.stdin.isatty():
        if reviewed:
            return
        raise UsageError("U104", "nobody to ask", "Give --yes, or apply a plan that was saved and reviewed.")
    click.confirm("Apply this?", abort=True)
