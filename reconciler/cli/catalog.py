"""`reconcile catalog`: destination types, from their declarations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT, FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.catalog.base import DataType, DestinationType
    from reconciler.config.fields import Field

_READABLE = 60
"""Characters of a pattern that says more to people than its description; JSON has them all."""

Json = dict[str, object]
Connections = dict[str, dict[str, "tuple[DataType, ...]"]]
"""Destination type to destinations and what they accept."""


@click.command("catalog")
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--data-type", metavar="NAME", help="Only types that accept it: prospects, customers or datasets.")
@click.option(
    "--iam", metavar="DESTINATION", help="The least-privilege IAM policy of an s3 destination of the project."
)
@ENVIRONMENT
@FORMAT
@click.pass_obj
def command(
    here: Here, type_name: str | None, data_type: str | None, iam: str | None, environment: str | None, form: str
) -> None:
    """Destination types, and what each accepts and needs.

    TYPE shows one of them, with patterns and the account's parameters. Where there is a project, its connections are listed. --iam
    needs one, and always prints a JSON policy document.
    """
    if iam is not None:
        _print_policy(here, type_name, iam, environment)
        return
    connections = _connections(here, environment)
    shown = [_as_data(each, connections) for each in _chosen(here, type_name, data_type)]
    if form == "json":
        here.console.out_json({"types": shown})
    else:
        here.console.out("\n\n".join("\n".join(_lines(each, full=type_name is not None)) for each in shown))


def _chosen(here: Here, type_name: str | None, data_type: str | None) -> list[DestinationType]:
    from reconciler.catalog.base import DataType
    from reconciler.config.plugged import types

    found, broken = types()
    for error in broken:
        here.console.say(str(error), "plug-in-unusable", "warning")
    named = [each for each in found if type_name in (None, each.name)]
    if not named:
        known = ", ".join(each.name for each in found)
        raise click.BadParameter(f"there is no such type. Types: {known}.", param_hint="TYPE")
    if data_type is not None and data_type not in get_args(DataType):
        raise click.BadParameter(f"use one of {', '.join(get_args(DataType))}.", param_hint="--data-type")
    return [each for each in named if data_type is None or data_type in each.accepts]


def _print_policy(here: Here, type_name: str | None, name: str, environment: str | None) -> None:
    from reconciler.catalog.iam import s3_policy
    from reconciler.catalog.s3 import S3Connection

    destinations = here.desired(environment).destinations
    found = destinations.get(name)
    if type_name not in (None, "s3") or found is None or not isinstance(found.spec.connection, S3Connection):
        known = [each for each, resource in destinations.items() if isinstance(resource.spec.connection, S3Connection)]
        listed = f"They are: {', '.join(known)}." if known else "There are none."
        raise click.BadParameter(f"name an s3 destination of this project. {listed}", param_hint="--iam")
    here.console.out(json.dumps(s3_policy(found.spec.connection), indent=2))


def _connections(here: Here, environment: str | None) -> Connections | None:
    """The project's destinations; none where there is no project, None where it isn't valid, which is said."""
    from reconciler.errors import ConfigInvalid

    try:
        project = here.project(environment)
    except ConfigInvalid:
        return {}
    desired = project.validate().desired
    if desired is None:
        here.console.say(
            "The project here isn't valid, so its connections aren't shown. Next: reconcile validate",
            "catalog-without-project",
            "warning",
        )
        return None
    found: Connections = {}
    for name, each in desired.destinations.items():
        found.setdefault(each.spec.type, {})[name] = each.spec.takes
    return found


def _as_data(of: DestinationType, connections: Connections | None) -> Json:
    from reconciler.catalog.base import control
    from reconciler.config.fields import account_fields, connection_fields

    own = None if connections is None else connections.get(of.name, {})
    return {
        "name": of.name,
        "title": of.title,
        "summary": of.summary,
        "category": of.category,
        "delivery": of.delivery,
        "accepts": list(of.accepts),
        "formats": list(of.formats),
        "control": None if own is None else control(own.values()),
        "connections": None
        if own is None
        else [{"name": name, "accepts": list(accepts)} for name, accepts in own.items()],
        "accounts": list(of.accounts),
        "extra": of.extra,
        "connection": [_parameter(each) for each in connection_fields(of)],
        "accountFields": {kind: [_parameter(each) for each in account_fields(kind)] for kind in of.accounts},
    }


def _parameter(field: Field) -> Json:
    default = {} if field.default in (None, "") else {"default": field.default}
    return {
        "name": field.path,
        "required": field.required,
        "secret": field.secret,
        "value": field.value,
        "pattern": field.pattern,
        "when": field.when,
        "description": field.about,
        **default,
    }


def _lines(of: Json, *, full: bool) -> Iterator[str]:
    yield f"{of['name']}  {of['title']}"
    yield f"  {of['summary']}"
    yield f"  category     {of['category']}, {of['delivery']} delivery"
    yield f"  accepts      {_listed(of['accepts'])}"
    yield f"  formats      {_listed(of['formats'])}"
    yield f"  account      {_listed(of['accounts']) or 'none'}"
    if of["extra"]:
        yield f"  install      pip install 'reconciler[{of['extra']}]'"
    if of["control"] is not None:
        yield f"  control      {of['control']}"
    if connections := _maps(of["connections"]):
        yield "  connections  " + ", ".join(f"{each['name']} ({_listed(each['accepts'])})" for each in connections)
    yield "  connection"
    yield from _table(_maps(of["connection"]), full=full)
    accounts = of["accountFields"]
    if full and isinstance(accounts, dict):
        for kind, parameters in accounts.items():
            yield f"  account of type {kind}"
            yield from _table(_maps(parameters), full=full)


def _table(parameters: list[Json], *, full: bool) -> Iterator[str]:
    width = max(len(str(each["name"])) for each in parameters)
    for each in parameters:
        need = "required" if each["required"] else "optional"
        words = [f"With {each['when']}." if each["when"] else "", str(each["description"])]
        if "default" in each:
            words.append(f"Default: {each['default']}.")
        if full:
            words.append(f"Pattern: {each['pattern']}" if 0 < len(str(each["pattern"] or "")) <= _READABLE else "")
        about = " ".join(word for word in (f"{str(each['value']).replace('`', '')}.", *words) if word)
        yield f"    {each['name']:<{width}}  {need}  {about}"


def _listed(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else ""


def _maps(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
