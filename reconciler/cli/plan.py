"""`reconcile plan`: what an apply would change, against the ledger or against a git revision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.api.planfile import write_plan
from reconciler.cli import exits
from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT, SELECT, moment, removals
from reconciler.cli.work import working
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.plan.bind import SavedPlan
    from reconciler.plan.data import PlanData
    from reconciler.plan.plan import Plan


@click.command("plan")
@click.option("--base", metavar="REV", help="Compare with this git revision as if it were applied; no ledger is read.")
@SELECT
@ENVIRONMENT
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan, for apply to perform exactly."
)
@click.option("--refresh", is_flag=True, help="Look at the destinations too, and list what isn't as recorded.")
@click.option(
    "--data", is_flag=True, help="Read the datasets too: rows that would leave, who enters and leaves, overlaps."
)
@click.option(
    "--samples",
    type=int,
    metavar="N",
    help="With --data: the shapes of N rows of each due export, letters as x, digits as 9.",
)
@click.option("--at", metavar="TIME", help="Act as if it were TIME: what will be due then.")
@click.option("--allow-removals", metavar="N|all", help="How many flows may go.")
@click.option("--allow-rewind", is_flag=True, help="Plan an older commit than the one applied last.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes.")
@click.pass_obj
def command(
    here: Here,
    base: str | None,
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    out: Path | None,
    refresh: bool,
    data: bool,
    samples: int | None,
    at: str | None,
    allow_removals: str | None,
    allow_rewind: bool,
    detailed_exitcode: bool,
) -> int:
    """Show what would change.

    Compares the configuration with the ledger, or with --base with a git revision: that needs no ledger, no secret
    and no network, and shows no due exports. Changes nothing. Ends with 4 if the plan is refused.

    With --refresh, what isn't as recorded at the destinations is listed apart: whether they can be reached and written to (a
    probe is written and removed), whose they are, and the last export of each flow as its manifest says. verify reads all files.

    With --data, the datasets of flows that are due, added or changed are read, with the credentials that a run would use: how many
    rows would leave and how many stay for what reason, that nobody on a suppression's list is among them, which keys match that didn't
    at the last export and the other way round, because of the edit or of the data, and what audiences of one destination share. Counts
    below 10 read <10. Nothing of any row is shown, and nothing of it is saved with --out. --samples N shows what the first rows that leave
    look like, masked: letters as x, digits as 9. It isn't for markdown.
    """
    from reconciler.plan.bind import save
    from reconciler.plan.data import SAMPLES
    from reconciler.present.words import inert

    if out is not None and base is not None:
        raise UsageError(
            "U105", "a comparison can't be saved", "--out saves a plan against the ledger; leave --base out."
        )
    if refresh and base is not None:
        raise UsageError("G135", "a comparison looks at no destination", "Leave --base or --refresh out.")
    if data and base is not None:
        raise UsageError("G136", "a comparison reads no data", "Leave --base or --data out.")
    if samples is not None and (not data or form == "markdown" or not 1 <= samples <= SAMPLES):
        detail = f"--samples is a number from 1 to {SAMPLES}, goes with --data, and isn't for --format markdown."
        raise UsageError("G137", "samples can't be shown so", detail)
    when, removable = moment(at), removals(allow_removals)
    desired = here.desired(environment)
    project = here.project(environment)
    found = project.plan(
        select=select,
        at=when,
        allow_removals=removable,
        allow_rewind=allow_rewind,
        base=base,
        refresh=refresh,
        desired=desired,
    )
    saved = save(found) if out is not None else None
    then = here.shell(environment).command("apply", str(out)) if out is not None else ""
    against = desired.project.spec.ledger.url if base is None else f"as at {inert(base)}"
    seen = None
    if data and not found.refusals:
        with working(here, environment, "plan") as hooks:
            seen = project.look_at_data(found, samples=samples or 0, hooks=hooks)
    here.console.out(_shown(found, seen, saved, form, against, then))
    if out is not None and saved is not None and not found.refusals:
        write_plan(saved, out)
        until = f"{saved.expires:%Y-%m-%d %H:%M} UTC"
        said = f"Saved to {inert(str(out))} (plan {saved.digest[:12]}, valid until {until}). Apply exactly this: {then}"
        if form == "text":
            here.console.out(said)
        else:
            here.console.say(
                said, "saved", path=str(out), digest=saved.digest, expires=f"{saved.expires:%Y-%m-%dT%H:%M:%SZ}"
            )
    if found.refusals:
        if out is not None:
            here.console.say(
                f"Nothing was saved to {inert(str(out))}: the plan is refused.", "not-saved", "warning", path=str(out)
            )
        return exits.REFUSED
    return exits.CHANGES if detailed_exitcode and found.changes else exits.DONE


def _shown(found: Plan, data: PlanData | None, saved: SavedPlan | None, form: str, against: str, apply: str) -> str:
    from reconciler.present.plan_data import as_text as data_text
    from reconciler.present.plan_json import as_json
    from reconciler.present.plan_markdown import as_markdown
    from reconciler.present.plan_text import as_text

    if form == "json":
        return as_json(found, data)
    if form == "markdown":
        return as_markdown(found, saved=saved if not found.refusals else None, apply=apply, data=data)
    text = as_text(found, ledger=against, style=style_for(sys.stdout))
    return text + (data_text(data) if data is not None else "")
