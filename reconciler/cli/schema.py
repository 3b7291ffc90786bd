"""`reconcile schema`: the JSON Schemas that `validate` decides with, for editors."""

from __future__ import annotations

import click

from reconciler.cli.here import Here

OUTPUTS = ("plan", "saved-plan", "catalog")


@click.command("schema")
@click.argument("kind", required=False)
@click.pass_obj
def command(here: Here, kind: str | None) -> None:
    """Print a JSON Schema.

    KIND is a resource's kind, such as Audience; without it, the schema of any resource. plan is that of what plan --format
    json prints, saved-plan that of the file that plan --out writes, catalog that of what catalog --format json prints.
    """
    from reconciler.catalog.types import TYPES
    from reconciler.config.plugged import extended, types
    from reconciler.config.schemas import published, schema_of, text_of
    from reconciler.errors import UsageError
    from reconciler.resources.resource import KINDS

    folded = {name.lower(): name for name in KINDS}
    if kind is None or kind.lower() in folded:
        schema = schema_of(folded[kind.lower()] if kind else None)
        if kind is None or kind.lower() == "destination":
            found, broken = types()
            schema = extended(schema, [each for each in found if each.name not in TYPES])
            for each in broken:
                here.console.say(str(each), "plug-in-unusable", "warning")
    elif kind.lower() in OUTPUTS:
        schema = published(kind.lower())
    else:
        raise UsageError("C107", "unknown kind", f"Known kinds: {', '.join([*KINDS, *OUTPUTS])}.")
    here.console.out(text_of(schema))
