"""`reconcile run`: the due exports of what is already applied."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from reconciler.cli.session import Session, moment
from reconciler.cli.wiring import Here
from reconciler.errors import Conflict, OutcomeUnknown, ReconcilerError, unexpected

PARTLY = 6


@click.command("run")
@click.option("--select", multiple=True, metavar="PATTERN", help="Only these flows or destinations; may be repeated.")
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.option("--at", metavar="TIME", help="Act as if it were TIME; ahead of the clock on a simulated ledger only.")
@click.pass_obj
def command(here: Here, select: tuple[str, ...], environment: str | None, at: str | None) -> int:
    """Export what is due, of what is applied. Nothing is created, changed or removed; open runs are completed first.

    Any number of runners may do this at once: each slot is exported once. Ends with 6 if some exports failed and others didn't,
    with 75 if the outcome of one is unknown.
    """
    from reconciler.apply.due import due_exports
    from reconciler.apply.horizon import not_behind
    from reconciler.apply.purge import purge
    from reconciler.apply.runs import Wanted, run_flow, settle
    from reconciler.export.job import Interrupted
    from reconciler.present.results import export_line, failure_line

    desired = here.desired(environment)
    session = Session(desired, here.project())
    ledger = session.ledger()
    actual = ledger.actual()
    if actual.project is None:
        raise Conflict("L151", "there is no ledger yet", "run never makes one. Apply first: reconcile apply")
    now = moment(at, simulated=actual.project.simulated)
    not_behind(actual, now)
    context = session.context(ledger)
    done = 0
    errors: list[ReconcilerError] = []
    for head, slot, missed in due_exports(actual, now):
        names = (head.flow, head.flow_id.short, head.flow_id.destination)
        if select and not any(fnmatchcase(name, pattern) for name in names for pattern in select):
            continue
        try:
            if slot is None:
                settle(context, head.flow_id, now)
                if head.purge:
                    purge(context, head.flow_id)
                continue
            record = run_flow(context, head.flow_id, Wanted(slot, covers=missed), now)
        except Interrupted:
            raise
        except Exception as error:
            # One flow's trouble is its own, whatever it is: the night's other exports go on.
            errors.append(error if isinstance(error, ReconcilerError) else unexpected(error))
            click.echo(failure_line("export", head.flow_id.short, errors[-1]), err=True)
            continue
        if record is not None:
            done += 1
            click.echo(export_line(record))
    if not done and not errors:
        click.echo("Nothing due.")
    return exit_code(errors, done)


def exit_code(errors: Sequence[ReconcilerError], done: int) -> int:
    """0; 75 where any outcome is unknown; where the only flow failed, its error's own; else 6."""
    if any(isinstance(each, OutcomeUnknown) for each in errors):
        return OutcomeUnknown.exit_code
    if len(errors) == 1 and not done:
        return errors[0].exit_code
    return PARTLY if errors else 0
