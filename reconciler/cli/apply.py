"""`reconcile apply`: shows the plan, asks, performs it."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import Session, moment, removals
from reconciler.cli.wiring import Here
from reconciler.errors import Conflict, UsageError
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.apply.changes import Result

REFUSED = 4
PARTLY = 6


@click.command("apply")
@click.argument("planfile", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--no-exports", is_flag=True, help="Leave due exports to the next run.")
@click.option("--select", multiple=True, metavar="PATTERN", help="Only these flows or destinations; may be repeated.")
@click.option("--allow-removals", metavar="N|all", help="How many flows may go.")
@click.option("--allow-rewind", is_flag=True, help="Apply an older commit than the one applied last.")
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.option("--at", metavar="TIME", help="Act as if it were TIME; ahead of the clock on a simulated ledger only.")
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
    from reconciler.apply.changes import Apply
    from reconciler.apply.horizon import not_behind
    from reconciler.apply.initialise import open_for_apply
    from reconciler.plan.bind import check_saved
    from reconciler.plan.planner import plan
    from reconciler.present.plan_json import read_saved
    from reconciler.present.plan_text import as_text
    from reconciler.present.results import result_line, totals

    desired = here.desired(environment)
    session = Session(desired, here.project())
    spec = desired.project.spec.ledger
    now = moment(at, simulated=spec.simulated)
    ledger = session.ledger()
    actual = ledger.actual()
    applied = session.applied(now)
    if planfile is not None:
        saved = read_saved(planfile.read_text("utf-8"))
        if refusal := check_saved(saved, actual, now, __version__, desired.digest()):
            raise Conflict(refusal.code, "the saved plan can't be performed", refusal.sentence)
        found = saved.plan
    else:
        found = plan(
            desired,
            actual,
            now,
            select=select or None,
            allow_removals=removals(allow_removals),
            revision=applied.revision,
            committed_at=applied.committed_at,
            allow_rewind=allow_rewind,
        )
    click.echo(as_text(found, ledger=spec.url), nl=False)
    if found.refusals:
        return REFUSED
    if not found.changes:
        return 0
    not_behind(actual, now)
    _agree(yes)
    opened = open_for_apply(
        ledger,
        project=desired.project.metadata.name,
        environment=environment,
        simulated=spec.simulated,
        applied=applied,
        lineage=lambda: secrets.token_hex(16),
    )
    if opened.made and spec.url.startswith("file://") and os.environ.get("CI"):
        click.echo(
            "A new ledger was made in this checkout. Unless it is kept, the next run exports everything again.",
            err=True,
        )
    context = session.context(ledger)

    def told(result: Result) -> None:
        click.echo(result_line(result))

    results = Apply(context, opened.record.lineage, applied, now).perform(found, told, exports=not no_exports)
    click.echo(totals(results))
    return exit_code(results)


def exit_code(results: tuple[Result, ...]) -> int:
    """0; where the only change failed, its error's own; 6 where others were done or failed too."""
    from reconciler.apply.changes import Failed

    bad = [each for each in results if isinstance(each, Failed)]
    if not bad:
        return 0
    return bad[0].error.exit_code if len(results) == 1 else PARTLY


def _agree(yes: bool) -> None:
    if yes:
        return
    if os.environ.get("CI") or not sys.stdin.isatty():
        raise UsageError("U104", "nobody to ask", "Give --yes, or apply a plan that was saved and reviewed.")
    click.confirm("Apply this?", abort=True)
