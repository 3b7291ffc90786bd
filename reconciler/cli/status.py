"""`reconcile status`: how the applied flows are doing, and what a person would do next."""

from __future__ import annotations

import sys

import click

from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import flow_options, moment


@click.command("status")
@flow_options
@click.option("--at", metavar="TIME", help="As if it were TIME (ISO 8601 with a zone).")
@click.pass_obj
def command(
    here: Here,
    flow: str | None,
    destinations: tuple[str, ...],
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    at: str | None,
) -> None:
    """How applied flows are doing.

    One line a flow, those that need a person first: failed, held, late, due, running, suspended, ready. A flow that is
    due is late after an hour, or once it missed a slot. FLOW is <destination>/<name>, or a full flow id.
    """
    from reconciler.api.wiring import clock
    from reconciler.cli.main import COMMANDS
    from reconciler.present.status import as_data, as_text

    now = moment(at) or clock()
    found = here.project(environment).status(flow, destinations=destinations, select=select, at=now)
    if form == "json":
        items = [as_data(each, commands=COMMANDS) for each in found]
        here.console.out_json({"at": now.isoformat().replace("+00:00", "Z"), "flows": items})
        return
    here.console.out(as_text(found, commands=COMMANDS, style=style_for(sys.stdout)))
