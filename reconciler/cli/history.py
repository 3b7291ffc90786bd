"""`reconcile history`: the recorded runs, newest first."""

from __future__ import annotations

import sys

import click

from reconciler.cli.console import width
from reconciler.cli.here import Here
from reconciler.cli.options import flow_options


@click.command("history")
@flow_options
@click.option("-n", "limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many runs.")
@click.pass_obj
def command(
    here: Here,
    flow: str | None,
    destinations: tuple[str, ...],
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    limit: int,
) -> None:
    """The recorded runs, newest first.

    Flows that are removed or moved are included. FLOW is <destination>/<name>, or a full flow id.
    """
    from reconciler.present.history import as_data, as_text

    project = here.project(environment)
    found = project.history(flow, destinations=destinations, select=select, limit=limit)
    if form == "json":
        here.console.out_json({"runs": [as_data(each, found.replaced) for each in found.runs], "total": found.total})
    else:
        again = ["history", *([flow] if flow else [])]
        for name, values in (("--destination", destinations), ("--select", select)):
            again += [word for value in values for word in (name, value)]
        everything = here.shell(environment).command(*again, "-n", str(found.total))
        here.console.out(
            as_text(found.runs, found.total, everything=everything, width=width(sys.stdout), replaced=found.replaced)
        )
