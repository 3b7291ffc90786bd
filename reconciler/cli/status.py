"""`reconcile status`: how the applied flows are doing, and what a person would do next."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import click

from reconciler.cli.console import redraws, style_for, width
from reconciler.cli.here import Here
from reconciler.cli.options import flow_options, moment
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.api.looking import Overview

EVERY = 5.0
"""Seconds between two looks of --watch."""
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "openmetrics"]),
    default="text",
    show_default=True,
    help="openmetrics: what Project.spec.metrics.openMetrics writes.",
)


@click.command("status")
@partial(flow_options, form=_FORMAT)
@click.option("--at", metavar="TIME", help="As if it were TIME (ISO 8601 with a zone).")
@click.option("--watch", is_flag=True, help="Look again every few seconds, until Ctrl-C.")
@click.pass_obj
def command(
    here: Here,
    flow: str | None,
    destinations: tuple[str, ...],
    select: tuple[str, ...],
    environment: str | None,
    form: str,
    at: str | None,
    watch: bool,
) -> None:
    """How applied flows are doing.

    One line a flow, those that need a person first: failed, held, late, due, running, suspended, ready. A flow that is
    due is late after an hour, or once it missed a slot. What was to be removed and is still there is listed below. FLOW
    is <destination>/<name>, or a full flow id; more is said of one. --watch redraws on a terminal; elsewhere it shows all
    again once something changed, JSON one object a line.
    """
    from reconciler.api.wiring import clock

    if watch and at is not None:
        raise click.UsageError("--watch looks at the clock; --at is for a single look.")
    if watch and form == "openmetrics":
        raise click.UsageError("--watch shows text or JSON; metrics are looked at once.")
    now = moment(at) or clock()
    project = here.project(environment)
    ledger = project.ledger()

    def look(when: datetime) -> Overview:
        return project.overview(flow, destinations=destinations, select=select, at=when, ledger=ledger)

    view = _View(here, environment, form, detailed=flow is not None)
    if watch:
        _watch(view, look, clock)
    else:
        here.console.out(view.text(look(now), now))


@dataclass(frozen=True, slots=True)
class _View:
    """How a look is shown."""

    here: Here
    environment: str | None
    form: str
    detailed: bool

    def text(self, found: Overview, now: datetime, *, indent: int | None = 2) -> str:
        """One look, with a line end."""
        from reconciler.present import cleanups
        from reconciler.present.json_text import versioned
        from reconciler.present.status import as_data, as_text, details

        if self.form == "openmetrics":
            from reconciler.present.metrics import as_openmetrics

            return as_openmetrics(found.flows, now)
        shell = self.here.shell(self.environment)
        if self.form == "json":
            items = [as_data(each, shell=shell) for each in found.flows]
            left = [cleanups.as_data(each, shell=shell) for each in found.clean_ups]
            at = now.isoformat().replace("+00:00", "Z")
            return versioned({"at": at, "flows": items, "cleanUps": left}, indent=indent)
        style, columns = style_for(sys.stdout), width(sys.stdout)
        text = as_text(found.flows, found.clean_ups, shell=shell, style=style, width=columns)
        return text + "".join(f"\n{details(each)}" for each in found.flows if self.detailed)


def _watch(
    view: _View,
    look: Callable[[datetime], Overview],
    clock: Callable[[], datetime],
) -> None:
    """Until a signal. What can't be looked at the first time is an error; later it is said, and looked at again."""
    console = view.here.console
    redrawn = view.form == "text" and redraws(sys.stdout)
    seen: object = None
    while True:
        now = clock()
        try:
            found = look(now)
        except ReconcilerError as error:
            if seen is None:
                raise
            console.error(error)
        else:
            # Ages change all the time; that alone is nothing to tell where lines add up.
            flows = found.flows
            what = [(each.head.nonce, each.state, each.next_slot, each.missed, each.note, each.book) for each in flows]
            if redrawn:
                console.out(f"{_CLEAR}{view.text(found, now)}\n{now:%Y-%m-%d %H:%M:%S} UTC · Ctrl-C ends")
            elif (what, found.clean_ups) != seen:
                console.out(view.text(found, now, indent=None))
            seen = (what, found.clean_ups)
        time.sleep(EVERY)
