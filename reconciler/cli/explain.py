"""`reconcile explain`: a diagnostic's code in full sentences."""

from __future__ import annotations

import textwrap
from dataclasses import asdict

import click

from reconciler.cli.wiring import as_json, printable


@click.command("explain")
@click.argument("code")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(code: str, form: str) -> None:
    """What a diagnostic means, and how to mend it."""
    from reconciler.diagnostics import CODES

    entry = CODES.get(code.upper())
    if entry is None:
        raise click.BadParameter(
            f"there is no code {printable(code)}. Codes look like Y105, C101 or R101.", param_hint="CODE"
        )
    if form == "json":
        click.echo(as_json(asdict(entry)))
        return
    parts = [f"{entry.code}  {entry.summary}", textwrap.fill(entry.explanation, 100), textwrap.fill(entry.mend, 100)]
    if entry.example:
        parts.append(textwrap.indent(entry.example.rstrip(), "    "))
    click.echo("\n\n".join(parts))
