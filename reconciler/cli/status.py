"""`reconcile status`: how the applied flows are doing, and what a person would do next."""

from __future__ import annotations

import sys

import click

from reconciler.cli.flows import Choice, chosen, flow_options, moment, opened
from reconciler.cli.wiring import Here, as_json, coloured

_COLOURS = {"failed": "red", "held": "red", "late": "yellow", "due": "cyan", "running": "green"}


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
    from reconciler.cli.main import COMMANDS
    from reconciler.present.status import as_data, as_text, by_urgency, flow_status

    now = moment(at)
    _, actual = opened(here, environment)
    heads = chosen(actual, Choice(flow, destinations, select))
    if flow is not None and heads and heads[0].state in ("removed", "moved"):
        head = heads[0]
        raise click.BadParameter(f"{head.flow} was {head.state}; see reconcile history {head.flow}", param_hint="FLOW")
    found = by_urgency(flow_status(head, now) for head in heads)
    if form == "json":
        items = [as_data(each, commands=COMMANDS) for each in found]
        click.echo(as_json({"at": now.isoformat().replace("+00:00", "Z"), "flows": items}))
        return
    click.echo(as_text(found, commands=COMMANDS, style=_style), nl=False)


def _style(text: str, role: str) -> str:
    return click.style(text, fg=_COLOURS[role]) if role in _COLOURS and coloured(sys.stdout) else text
