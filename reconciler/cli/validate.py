"""`reconcile validate`: what is wrong in the configuration, and where."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT

if TYPE_CHECKING:
    from reconciler.config.load import Loaded
    from reconciler.diagnostics import Diagnostic


@click.command("validate")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option(
    "--connect",
    "connects",
    is_flag=True,
    help="Also try what is declared: secrets, accounts, destinations, datasets, ledger, alert channels. Probes are written and removed.",
)
@ENVIRONMENT
@click.pass_obj
def command(here: Here, form: str, connects: bool, environment: str | None) -> int:
    """Check the configuration, offline.

    YAML, schemas, references, expressions, names, paths, secrets and policies. Reads no data, no secret and opens no
    connection, unless --connect is given. Ends with 3 if anything is wrong, with 4 if nothing is but what a policy
    forbids, with 1 if only --connect met something.
    """
    from reconciler.present.connected import connected_data, connected_lines
    from reconciler.present.diagnostics import as_github, as_json

    project = here.project(environment)
    found = project.validate()
    connected = None
    refused = False
    if found.desired is not None:
        found = _with(found, project.judge(found.desired))
        refused = bool(found.errors)
        connected = project.connect(found.desired) if connects else None
        found = _with(found, connected.findings if connected else ())
    match form:
        case "json":
            extra = {"connected": connected_data(connected.tried)} if connected else {}
            here.console.out(as_json(found.diagnostics, **extra))
        case "github":
            here.console.out(as_github(found.diagnostics))
        case _:
            here.console.out(_text(found) + connected_lines(connected.tried if connected else ()))
    if found.desired is None:
        return exits.INVALID
    if refused:
        return exits.REFUSED
    return exits.FAILED if connected and connected.findings else exits.DONE


def _with(found: Loaded, more: Iterable[Diagnostic]) -> Loaded:
    return replace(found, diagnostics=tuple(sorted((*found.diagnostics, *more))))


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
