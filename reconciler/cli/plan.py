"""`reconcile plan`: what an apply would change, against the ledger or against a git revision."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import Session, moment, removals
from reconciler.cli.wiring import Here, printable, valid
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.ledger.records import Actual
    from reconciler.plan.bind import SavedPlan
    from reconciler.plan.plan import Plan

CHANGES = 2
REFUSED = 4


@click.command("plan")
@click.option("--base", metavar="REV", help="Compare with this git revision as if it were applied; no ledger is read.")
@click.option("--select", multiple=True, metavar="PATTERN", help="Only these flows or destinations; may be repeated.")
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan, for apply to perform exactly."
)
@click.option("--at", metavar="TIME", help="Act as if it were TIME: what will be due then.")
@click.option("--allow-removals", metavar="N|all", help="How many flows may go.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes.")
@click.pass_obj
def command(
    here: Here,
    base: str | None,
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    out: Path | None,
    at: str | None,
    allow_removals: str | None,
    detailed_exitcode: bool,
) -> int:
    """Show what would change.

    Compares the configuration with the ledger, or with --base with a git revision: that needs no ledger, no secret
    and no network, and shows no due exports. Changes nothing. Ends with 4 if the plan is refused.
    """
    from reconciler.config.revision import head
    from reconciler.plan.bind import save
    from reconciler.plan.planner import plan

    if out is not None and base is not None:
        raise UsageError(
            "U105", "a comparison can't be saved", "--out saves a plan against the ledger; leave --base out."
        )
    desired = here.desired(environment)
    now = moment(at, simulated=True)
    actual = Session(desired, here.project()).ledger().actual() if base is None else _base(here, base, environment, now)
    found = plan(
        desired,
        actual,
        now,
        select=select or None,
        allow_removals=removals(allow_removals),
        revision=head(here.project()),
        base=base,
    )
    saved = save(found) if out is not None else None
    against = desired.project.spec.ledger.url if base is None else f"as at {printable(base)}"
    click.echo(_shown(found, saved, form, against), nl=False)
    if out is not None and saved is not None and not found.refusals:
        _write(out, saved)
        until = f"{saved.expires:%Y-%m-%d %H:%M} UTC"
        click.echo(
            f"Saved to {out} (valid until {until}). Apply exactly this: reconcile apply {out}", err=form != "text"
        )
    if found.refusals:
        return REFUSED
    return CHANGES if detailed_exitcode and found.changes else 0


def _shown(found: Plan, saved: SavedPlan | None, form: str, against: str) -> str:
    from reconciler.present.plan_json import as_json, saved_text
    from reconciler.present.plan_markdown import as_markdown
    from reconciler.present.plan_text import as_text

    if form == "json":
        return as_json(found)
    if form == "markdown":
        digest = hashlib.sha256(saved_text(saved).encode()).hexdigest() if saved else None
        expires = f"{saved.expires:%Y-%m-%d %H:%M} UTC" if saved else None
        return as_markdown(found, digest=digest, expires=expires)
    return as_text(found, ledger=against)


def _write(out: Path, saved: SavedPlan) -> None:
    """For its owner alone, and whole: what was there is replaced only by a finished file."""
    from reconciler.present.plan_json import saved_text

    beside = out.with_name(f".{out.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(saved_text(saved))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(out)


def _base(here: Here, revision: str, environment: str | None, now: datetime) -> Actual:
    """The ledger as if the revision were applied. Raises ConfigInvalid P110; ends with 3 if it isn't valid there."""
    from reconciler.config.load import load_revision
    from reconciler.plan.assumed import as_applied

    found = load_revision(here.project(), revision, environment)
    if found.desired is None:
        click.echo(f"At {printable(revision)}, the configuration is not valid:", err=True)
    return as_applied(valid(found), now)
