"""`reconcile validate`: what is wrong in the configuration, and where."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli.wiring import Here, coloured, plural, style_for

if TYPE_CHECKING:
    from reconciler.config.load import Loaded

INVALID = 3


@click.command("validate")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--env", "environment", metavar="NAME", help="With the overlay environments/NAME.yaml.")
@click.pass_obj
def command(here: Here, form: str, environment: str | None) -> int:
    """Check the configuration, offline.

    YAML, schemas, references, expressions, names, paths and secrets. Reads no data, no secret and opens no
    connection. Ends with 3 if anything is wrong.
    """
    from reconciler.present.diagnostics import as_github, as_json

    found = here.load(environment)
    match form:
        case "json":
            click.echo(as_json(found.diagnostics), nl=False)
        case "github":
            click.echo(as_github(found.diagnostics), nl=False)
        case _:
            _text(found)
    return INVALID if found.desired is None else 0


def _text(found: Loaded) -> None:
    from reconciler.present.diagnostics import as_text

    stream = sys.stdout
    text = as_text(found.diagnostics, found.files, files=len(found.files), style=style_for(stream))
    click.echo(text, nl=False, color=coloured(stream))
    if (desired := found.desired) is not None:
        click.echo(
            f"Valid: {plural(len(desired.places), 'resource')} in {plural(len(found.files), 'file')}, "
            f"{plural(len(desired.flows), 'flow')}."
        )
