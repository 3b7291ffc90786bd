"""`reconcile plan`: what an apply would change, against the ledger or against a git revision."""

from __future__ import annotations

import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.wiring import Here, printable, valid

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession
    from reconciler.config.desired import Desired
    from reconciler.ledger.records import Actual
    from reconciler.plan.plan import Plan

CHANGES = 2
REFUSED = 4


@click.command("plan")
@click.option("--base", metavar="REV", help="Compare with this git revision as if it were applied; no ledger is read.")
@click.option("--select", multiple=True, metavar="PATTERN", help="Only these flows or destinations; may be repeated.")
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes.")
@click.pass_obj
def command(
    here: Here, base: str | None, select: tuple[str, ...], environment: str | None, form: str, detailed_exitcode: bool
) -> int:
    """Show what would change.

    Compares the configuration with the ledger, or with --base with a git revision: that needs no ledger, no secret
    and no network, and shows no due exports. Changes nothing. Ends with 4 if the plan is refused.
    """
    from reconciler.plan.planner import plan
    from reconciler.present.plans import as_json, as_text

    desired = here.desired(environment)
    now = datetime.now(UTC)
    actual = _actual(desired, here.project()) if base is None else _base(here, base, environment, now)
    found = plan(desired, actual, now, select=select or None)
    if base is not None:
        found = _without_exports(found)
    against = f"ledger {desired.project.spec.ledger.url}" if base is None else f"compared with {base}"
    click.echo(as_json(found) if form == "json" else as_text(found, printable(against)), nl=False)
    if found.refusals:
        return REFUSED
    return CHANGES if detailed_exitcode and found.changes else 0


def _base(here: Here, revision: str, environment: str | None, now: datetime) -> Actual:
    """The ledger as if the revision were applied. Raises ConfigInvalid P110; ends with 3 if it isn't valid there."""
    from reconciler.config.load import load_revision
    from reconciler.plan.assumed import as_applied

    found = load_revision(here.project(), revision, environment)
    if found.desired is None:
        click.echo(f"At {printable(revision)}, the configuration is not valid:", err=True)
    return as_applied(valid(found), now)


def _actual(desired: Desired, root: Path) -> Actual:
    """What the project's ledger holds; nothing where there is none yet."""
    from reconciler.stores.ledger import Ledger
    from reconciler.stores.open import open_store

    store = open_store(desired.project.spec.ledger.url, root=root, session=lambda: _session(desired, root))
    return Ledger(store, lambda: secrets.token_hex(16), time.sleep).actual()


def _session(desired: Desired, root: Path) -> AwsSession:
    from reconciler.accounts.aws import AwsSession, ambient_session
    from reconciler.accounts.secrets import SecretSource

    source = SecretSource(root, os.environ)
    name = desired.project.spec.ledger.account
    return ambient_session(source) if name is None else AwsSession(desired.accounts[name].spec, source)


def _without_exports(found: Plan) -> Plan:
    """Which slots are due, only a ledger knows."""
    kept = tuple(each for each in found.changes if each.change != "export")
    return found.model_copy(update={"changes": kept, "next_export": None})
