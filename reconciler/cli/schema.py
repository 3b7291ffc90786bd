"""`reconcile schema`: the JSON Schemas that `validate` decides with, for editors."""

from __future__ import annotations

import click


@click.command("schema")
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """Print a JSON Schema.

    KIND is a resource's kind, such as Audience; without it, the schema of any resource.
    """
    from reconciler.config.schemas import schema_of, text_of
    from reconciler.resources.resource import KINDS

    folded = {name.lower(): name for name in KINDS}
    click.echo(text_of(schema_of(kind and folded.get(kind.lower(), kind))), nl=False)
