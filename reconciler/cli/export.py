"""`reconcile export`: one flow, now."""

from __future__ import annotations

import click

from reconciler.cli.flows import Choice, chosen
from reconciler.cli.session import Session, moment
from reconciler.cli.wiring import Here
from reconciler.errors import Conflict, UsageError


@click.command("export")
@click.argument("flow")
@click.option("--full", is_flag=True, help="Everything that matches, not only what is new.")
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.option("--at", metavar="TIME", help="Act as if it were TIME; ahead of the clock on a simulated ledger only.")
@click.pass_obj
def command(here: Here, flow: str, full: bool, environment: str | None, at: str | None) -> None:
    """Export one flow now, on demand.

    What it exports counts: the next increment holds what is new after it. The schedule's slots are untouched. Ends with 5 where
    another runner is at this flow.
    """
    from reconciler.apply.horizon import not_behind
    from reconciler.apply.runs import Wanted, run_flow
    from reconciler.present.results import export_line

    desired = here.desired(environment)
    session = Session(desired, here.project())
    ledger = session.ledger()
    actual = ledger.actual()
    if actual.project is None:
        raise Conflict("L151", "there is no ledger yet", "Apply first: reconcile apply")
    now = moment(at, simulated=actual.project.simulated)
    not_behind(actual, now)
    head = chosen(actual, Choice(flow, (), ()))[0]
    if head.state in ("removed", "moved"):
        raise UsageError("U106", "this flow isn't applied", f"{head.flow} was {head.state}.")
    wanted = Wanted(now, on_demand=True, full=full)
    record = run_flow(session.context(ledger), head.flow_id, wanted, now)
    if record is None:
        raise Conflict("L120", "another runner was faster", f"{head.flow} has an open run. Try again when it is done.")
    click.echo(export_line(record))
