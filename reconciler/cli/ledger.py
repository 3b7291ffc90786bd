"""`reconcile ledger`: look at what is recorded, back it up and restore it, end what a person has to end."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT
from reconciler.errors import UsageError


@click.group("ledger")
def command() -> None:
    """Look at the ledger, back it up, end held runs."""


@command.command("show")
@click.argument("key", required=False)
@ENVIRONMENT
@click.pass_obj
def show(here: Here, key: str | None, environment: str | None) -> None:
    """Print the document at KEY, or list all keys. Documents hold references to secrets, never secrets.

    Snapshots of strategy diff are listed with their size, and never printed: they are about people.
    """
    from reconciler.ledger.codec import torn
    from reconciler.present.words import size

    store = here.project(environment).ledger().store
    if key is None:
        for each, _ in store.list(""):
            here.console.out(each)
        for each, number in store.blobs(""):
            here.console.out(f"{each}  {size(number)}")
        return
    found = store.read(key)
    if found is None:
        if any(each == key for each, _ in store.blobs(key)):
            detail = "It is a snapshot: what strategy diff compares with. Only a run reads it."
            raise UsageError("U114", "a snapshot isn't printed", detail)
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
    run_id = here.project(environment).release(flow)
    here.console.out(f"Released run {run_id}. Next: reconcile run")


@command.command("abandon")
@click.argument("run")
@ENVIRONMENT
@click.pass_obj
def abandon(here: Here, run: str, environment: str | None) -> None:
    """End the held RUN, whose files can't be published.

    What had been published stays and is recorded, the rest is discarded. Its slot counts as done, but the flow's cursor stays: its rows go
    out with the next export. Ends with 5 where the run is not held, since it is completed by itself.

    Also gives up, after one last try, what can't be cleaned up since its place is gone for good: what an abandoned RUN had staged, or the
    exports of a removed flow with onRemove: purge, which is named instead of a run. Those files stay, if they are still anywhere.
    """
    from reconciler.present.words import plural

    done = here.project(environment).end_run(run)
    if done.run_id is None:
        given_up = (
            f"Given up: what {done.flow} had exported is no longer looked after. The runs of which it is still there: "
        )
        given_up += here.shell(environment).command("history", done.flow)
        here.console.out(f"Purged: all that {done.flow} had exported is deleted." if done.purged else given_up)
    elif done.record is None:
        here.console.out(f"Given up: what run {run} of {done.flow} had staged is no longer looked after.")
    elif done.record.outcome == "exported":
        here.console.out(f"Run {run} of {done.flow} was completed by another runner meanwhile.")
    else:
        manifest = "its manifest too" if done.record.manifest else "no manifest"
        published = f"{plural(len(done.record.files), 'file')} had been published, {manifest}"
        here.console.out(
            f"Ended run {run} of {done.flow}: {published}. The cursor stays: its rows go out with the next export."
        )


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Also where FILE is there already.")
@ENVIRONMENT
@click.pass_obj
def export(here: Here, file: Path, force: bool, environment: str | None) -> None:
    """Back the ledger up to FILE, which only its owner may read. Runs may go on meanwhile.

    Refuses where a document is damaged or missing, and names all of them; and where FILE is there already, unless --force says to write
    over it.
    """
    from reconciler.present.words import plural

    documents = here.project(environment).back_up(file, replace=force)
    here.console.out(f"Saved {plural(documents, 'document')} to {file}. Back: reconcile ledger import {file}")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@ENVIRONMENT
@click.pass_obj
def import_(here: Here, file: Path, environment: str | None) -> None:
    """Restore the ledger from FILE. It must be empty, or hold what an import of this file left that ended halfway.

    What was exported after the backup isn't known to it: the next run exports that again, unless it is looked after first.
    """
    from reconciler.present.words import plural

    documents = here.project(environment).restore(file)
    here.console.out(
        f"Restored {plural(documents, 'document')}. What was exported after the backup goes out again with the next run. "
        "Before that, look for it: reconcile verify"
    )
