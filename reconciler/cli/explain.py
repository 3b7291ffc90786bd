"""`reconcile explain`: a diagnostic's code in full sentences."""

from __future__ import annotations

import textwrap
from dataclasses import asdict

import click

from reconciler.cli.here import Here
from reconciler.cli.options import FORMAT


@click.command("explain")
@click.argument("code")
@FORMAT
@click.pass_obj
def command(here: Here, code: str, form: str) -> None:
    """What a diagnostic means, and how to mend it."""
    from reconciler.diagnostics import CODES
    from reconciler.present.words import inert

    entry = CODES.get(code.upper())
    if entry is None:
        raise click.BadParameter(
            f"there is no code {inert(code)}. Codes look like Y105, C101 or R101.", param_hint="CODE"
        )
    if form == "json":
        here.console.out_json(asdict(entry))
        return
    parts = [f"{entry.code}  {entry.summary}", textwrap.fill(entry.explanation, 100), textwrap.fill(entry.mend, 100)]
    if entry.example:
        parts.append(textwrap.indent(entry.example.rstrip(), "    "))
    here.console.out("\n\n".join(parts))
