"""`reconcile validate`: what is wrong in the configuration, and where."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT

if TYPE_CHECKING:
    from reconciler.config.load import Loaded


@click.command("validate")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@ENVIRONMENT
@click.pass_obj
def command(here: Here, form: str, environment: str | None) -> int:
    """Check the configuration, offline.

    YAML, schemas, references, expressions, names, paths, secrets and policies. Reads no data, no secret and opens no
    connection. Ends with 3 if anything is wrong, with 4 if nothing is but what a policy forbids.
    """
    from reconciler.present.diagnostics import as_github, as_json

    project = here.project(environment)
    found = project.validate()
    if found.desired is not None:
        found = replace(found, diagnostics=tuple(sorted((*found.diagnostics, *project.judge(found.desired)))))
    match form:
        case "json":
            here.console.out(as_json(found.diagnostics))
        case "github":
            here.console.out(as_github(found.diagnostics))
        case _:
            here.console.out(_text(found))
    if found.desired is None:
        return exits.INVALID
    return exits.REFUSED if found.errors else exits.DONE


def _text(found: Loaded) -> str:
    from reconciler.present.diagnostics import as_text
    from reconciler.present.words import plural

    text = as_text(found.diagnostics, found.files, files=len(found.files), style=style_for(sys.stdout))
    if (desired := found.desired) is not None and not found.errors:
        text += (
            f"Valid: {plural(len(desired.places), 'resource')} in {plural(len(found.files), 'file')}, "
            f"{plural(len(desired.flows), 'flow')}.\n"
        )
    return text
