"""`reconcile run`: the due exports of what is already applied."""

from __future__ import annotations

import click

from reconciler.cli import exits
from reconciler.cli.here import Here
from reconciler.cli.options import AT, ENVIRONMENT, SELECT, moment
from reconciler.cli.work import working


@click.command("run")
@SELECT
@ENVIRONMENT
@AT
@click.pass_obj
def command(here: Here, select: tuple[str, ...], environment: str | None, at: str | None) -> int:
    """Export what is due, of what is applied. Nothing is created, changed or removed; open runs are completed first.

    Needs the ledger alone: of the configuration, only the Project and the ledger's Account are read. Any number of runners may
    do this at once: each slot is exported once. Ends with 6 if some exports failed and others didn't, with 75 if the
    outcome of one is unknown.
    """
    from reconciler.api.purges import NotPurged
    from reconciler.api.runs import NotExported

    when = moment(at)
    with working(here.console) as hooks:
        events = here.project(environment).run(select=select, at=when, hooks=hooks)
    if not events:
        here.console.out("Nothing due.")
    errors = [each.error for each in events if isinstance(each, NotExported | NotPurged)]
    return exits.of_several(errors, len(events) - len(errors))
