"""`reconcile run`: the due exports of what is already applied."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.here import Here
from reconciler.cli.options import AT, ENVIRONMENT, SELECT, moment, part_of
from reconciler.cli.work import working

if TYPE_CHECKING:
    from reconciler.api.runs import Event


@click.command("run")
@SELECT
@click.option("--parallel", type=click.IntRange(1, 64), default=1, metavar="N", help="Flows at once.  [default: 1]")
@click.option("--shard", metavar="I/N", help="Only the I-th of N parts of the flows: for N runners that share them.")
@ENVIRONMENT
@AT
@click.pass_obj
def command(
    here: Here, select: tuple[str, ...], parallel: int, shard: str | None, environment: str | None, at: str | None
) -> int:
    """Export what is due, of what is applied. Nothing is created, changed or removed; open runs are completed first.

    Needs the ledger alone: of the configuration, only the Project and the ledger's Account are read. Any number of runners may
    do this at once: each slot is exported once. Ends with 6 if some exports failed and others didn't, with 75 if the
    outcome of one is unknown.
    """
    from reconciler.api.purges import NotDiscarded, NotPurged
    from reconciler.api.retaining import NotRemoved
    from reconciler.api.runs import NotExported

    when, part = moment(at), part_of(shard)
    with working(here, environment, "run") as hooks:
        events = here.project(environment).run(select=select, at=when, parallel=parallel, shard=part, hooks=hooks)
    if len(events) > 1:
        here.console.out(_totals(events))
    errors = [each.error for each in events if isinstance(each, NotExported | NotPurged | NotRemoved | NotDiscarded)]
    return exits.of_several(errors, len(events) - len(errors))


def _totals(events: tuple[Event, ...]) -> str:
    """`37 exported · 1 failed`."""
    from reconciler.api.purges import NotDiscarded, NotPurged, Purged
    from reconciler.api.retaining import NotRemoved, Removed
    from reconciler.api.runs import Exported, NotExported

    verbs: dict[type[Event], str] = {Exported: "exported", Purged: "purged", Removed: "thinned"}
    verbs |= dict.fromkeys((NotExported, NotPurged, NotRemoved, NotDiscarded), "failed")
    found = Counter(verbs[type(each)] for each in events)
    return " · ".join(f"{number:,} {verb}" for verb, number in found.items())
