"""`reconcile ledger`: look at what is recorded; end a dead runner's lease."""

from __future__ import annotations

import json

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT
from reconciler.errors import Conflict, UsageError


@click.group("ledger")
def command() -> None:
    """Look at the ledger, and release a dead runner's lease."""


@command.command("show")
@click.argument("key", required=False)
@ENVIRONMENT
@click.pass_obj
def show(here: Here, key: str | None, environment: str | None) -> None:
    """Print the document at KEY, or list all keys. Documents hold references to secrets, never secrets."""
    from reconciler.ledger.codec import torn

    store = here.project(environment).ledger().store
    if key is None:
        for each, _ in store.list(""):
            here.console.out(each)
        return
    found = store.read(key)
    if found is None:
        raise UsageError("U107", "no such document", "reconcile ledger show lists the keys that there are.")
    try:
        shown = json.dumps(json.loads(found.body), indent=2)
    except (ValueError, RecursionError) as error:
        raise torn(key) from error
    here.console.out(shown)


@command.command("release")
@click.argument("flow")
@ENVIRONMENT
@click.pass_obj
def release(here: Here, flow: str, environment: str | None) -> None:
    """End the lease of FLOW's open run, so that the next run need not wait for it.

    For a runner that is surely dead. One that is alive loses nothing but its work: it can't publish what another took over.
    """
    from reconciler.api.choose import Choice, chosen
    from reconciler.api.project import of_environment
    from reconciler.ledger import transitions

    ledger = here.project(environment).ledger()
    actual = ledger.actual()
    of_environment(actual, environment)
    head = ledger.head(chosen(actual, Choice(flow))[0].flow_id)
    run = head.document.open if head else None
    if head is None or run is None:
        raise Conflict("U108", "there is nothing to release", f"{flow} has no open run.")
    over = run.lease.model_copy(update={"until": run.claimed_at})
    ledger.swap(head, transitions.renew(head.document, run.run_id, over, nonce=ledger.nonce()))
    here.console.out(f"Released run {run.run_id}. Next: reconcile run")
