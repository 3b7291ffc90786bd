"""`reconcile catalog`: destination types, from their declarations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import click

from reconciler.cli.here import Here
from reconciler.cli.options import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.catalog.base import DestinationType

Json = dict[str, object]


@click.command("catalog")
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--data-type", metavar="NAME", help="Only types that accept it: prospects, customers or datasets.")
@click.option(
    "--iam", metavar="DESTINATION", help="The least-privilege IAM policy of an s3 destination of the project."
)
@click.option("--env", "environment", metavar="NAME", help="With --iam: with the overlay environments/NAME.yaml.")
@FORMAT
@click.pass_obj
def command(
    here: Here, type_name: str | None, data_type: str | None, iam: str | None, environment: str | None, form: str
) -> None:
    """Destination types, and what each accepts and needs.

    TYPE shows one of them. Needs no project, except for --iam, which always prints a JSON policy document.
    """
    if iam is not None:
        _print_policy(here, type_name, iam, environment)
        return
    shown = _chosen(type_name, data_type)
    if form == "json":
        here.console.out_json({"types": [_as_data(each) for each in shown]})
    else:
        here.console.out("\n\n".join("\n".join(_lines(each)) for each in shown))


def _chosen(type_name: str | None, data_type: str | None) -> list[DestinationType]:
    from reconciler.catalog.base import DataType
    from reconciler.catalog.types import TYPES

    if type_name is not None and type_name not in TYPES:
        raise click.BadParameter(f"there is no such type. Types: {', '.join(TYPES)}.", param_hint="TYPE")
    if data_type is not None and data_type not in get_args(DataType):
        raise click.BadParameter(f"use one of {', '.join(get_args(DataType))}.", param_hint="--data-type")
    named = [TYPES[type_name]] if type_name else list(TYPES.values())
    return [each for each in named if data_type is None or data_type in each.accepts]


def _print_policy(here: Here, type_name: str | None, name: str, environment: str | None) -> None:
    from reconciler.catalog.iam import s3_policy
    from reconciler.resources.destination import S3DestinationSpec

    destinations = here.desired(environment).destinations
    found = destinations.get(name)
    if type_name not in (None, "s3") or found is None or not isinstance(found.spec, S3DestinationSpec):
        known = [each for each, resource in destinations.items() if isinstance(resource.spec, S3DestinationSpec)]
        listed = f"They are: {', '.join(known)}." if known else "There are none."
        raise click.BadParameter(f"name an s3 destination of this project. {listed}", param_hint="--iam")
    here.console.out(json.dumps(s3_policy(found.spec.connection), indent=2))


def _parameters(of: DestinationType) -> Iterator[Json]:
    """The fields of `spec.connection`, from its model."""
    schema = of.connection.model_json_schema(by_alias=True)
    for field in of.connection.model_fields.values():
        name = field.alias or ""
        about = schema["properties"][name]
        required = field.is_required()
        yield {"name": name, "required": required, "description": _about(about), **_default(field.default, required)}


def _about(schema: Json) -> str:
    """What a field's schema says about it: its description, or which types of value there are."""
    branches = [schema, *_maps(schema.get("anyOf"))]
    for branch in branches:
        if description := branch.get("description"):
            return str(description)
    for branch in branches:
        for tag in _maps([branch.get("discriminator")]):
            return f"One of {', '.join(dict(tag['mapping']))}."  # type: ignore[call-overload]
    return ""


def _maps(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _default(value: object, required: bool) -> Json:
    return {} if required or value in (None, "") else {"default": value}


def _as_data(of: DestinationType) -> Json:
    return {
        "name": of.name,
        "title": of.title,
        "summary": of.summary,
        "category": of.category,
        "delivery": of.delivery,
        "accepts": list(of.accepts),
        "formats": list(of.formats),
        "account": of.account,
        "extra": of.extra,
        "connection": list(_parameters(of)),
    }


def _lines(of: DestinationType) -> Iterator[str]:
    yield f"{of.name}  {of.title}"
    yield f"  {of.summary}"
    yield f"  category     {of.category}, {of.delivery} delivery"
    yield f"  accepts      {', '.join(of.accepts)}"
    yield f"  formats      {', '.join(of.formats)}"
    yield f"  account      {of.account or 'none'}"
    if of.extra:
        yield f"  install      pip install 'reconciler[{of.extra}]'"
    yield "  connection"
    parameters = list(_parameters(of))
    width = max(len(str(each["name"])) for each in parameters)
    for each in parameters:
        need = "required" if each["required"] else "optional"
        default = f" Default: {each['default']}." if "default" in each else ""
        yield f"    {each['name']:<{width}}  {need}  {each['description']}{default}".rstrip()
