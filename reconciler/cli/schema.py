"""`reconcile schema`: the JSON Schemas that `validate` decides with, for editors."""

from __future__ import annotations

import click

from reconciler.cli.here import Here


@click.command("schema")
@click.argument("kind", required=False)
@click.pass_obj
def command(here: Here, kind: str | None) -> None:
    """Print a JSON Schema.

    KIND is a resource's kind, such as Audience; without it, the schema of any resource.
    """
    from reconciler.config.schemas import schema_of, text_of
    from reconciler.resources.resource import KINDS

    folded = {name.lower(): name for name in KINDS}
    here.console.out(text_of(schema_of(kind and folded.get(kind.lower(), kind))))
