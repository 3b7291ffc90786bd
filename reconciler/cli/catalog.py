"""`reconcile catalog`: destination types, from their declarations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT, FORMAT
from reconciler.diagnostics import did_you_mean

if TYPE_CHECKING:
    from reconciler.api.catalog import Connection
    from reconciler.catalog.base import DestinationType
    from reconciler.catalog.control import May
    from reconciler.present.catalog import ListedType


@click.command("catalog")
@click.argument("type_name", metavar="[TYPE]", required=False)
@click.option("--data-type", metavar="NAME", help="Only types that accept it: prospects, customers or datasets.")
@click.option("--iam", metavar="DESTINATION", help="The least-privilege policy of a cloud destination of the project.")
@click.option("--applied", is_flag=True, help="Also the destinations that the ledger has.")
@ENVIRONMENT
@FORMAT
@click.pass_obj
def command(
    here: Here,
    type_name: str | None,
    data_type: str | None,
    iam: str | None,
    applied: bool,
    environment: str | None,
    form: str,
) -> None:
    """Destination types, and what each accepts and needs.

    TYPE shows one of them, with patterns and the account's parameters. Where there is a project, its connections are listed, and the
    control that applies: set-up, activate, activate-audiences or export-datasets. --iam needs one, and always prints a JSON
    policy document.
    """
    if iam is not None:
        _print_policy(here, type_name, iam, environment)
        return
    from reconciler.present.catalog import CatalogOutput, as_text

    types = _listed(here, _chosen(here, type_name, data_type), environment, applied)
    if form == "json":
        text = json.dumps(CatalogOutput(types=tuple(types)).to_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        text = as_text(types, full=type_name is not None)
    here.console.out(text)


def _chosen(here: Here, type_name: str | None, data_type: str | None) -> list[DestinationType]:
    from reconciler.catalog.base import DataType
    from reconciler.config.plugged import types

    found, broken = types()
    for error in broken:
        here.console.say(str(error), "plug-in-unusable", "warning")
    named = [each for each in found if type_name in (None, each.name)]
    if not named:
        names = [each.name for each in found]
        hint = did_you_mean(type_name or "", names) or f" Types: {', '.join(names)}."
        raise click.BadParameter(f"there is no such type.{hint}", param_hint="TYPE")
    if data_type is not None and data_type not in get_args(DataType):
        raise click.BadParameter(f"use one of {', '.join(get_args(DataType))}.", param_hint="--data-type")
    return [each for each in named if data_type is None or data_type in each.accepts]


def _print_policy(here: Here, type_name: str | None, name: str, environment: str | None) -> None:
    from reconciler.catalog.iam import policy

    policies = {
        each: found
        for each, resource in here.desired(environment).destinations.items()
        if type_name in (None, resource.spec.about.name) and (found := policy(resource.spec.connection)) is not None
    }
    if name not in policies:
        kind = "a cloud" if type_name is None else type_name
        listed = f"They are: {', '.join(policies)}." if policies else "There are none."
        raise click.BadParameter(
            f"name {kind} destination of this project. {listed} local and sftp need no policy: what the user may do "
            "there decides.",
            param_hint="--iam",
        )
    here.console.out(json.dumps(policies[name], indent=2))


def _listed(here: Here, types: list[DestinationType], environment: str | None, applied: bool) -> list[ListedType]:
    """The types with the project's connections. Where there is no project, there are none; where it isn't valid, that is said."""
    from reconciler.catalog.control import control, control_of
    from reconciler.present.catalog import ListedConnection, listed

    found, may = _connections(here, environment, applied)
    shown: list[ListedType] = []
    for of in types:
        if found is None:
            shown.append(listed(of, None, None))
            continue
        own = [each for each in found if each.type == of.name]
        lines = [
            ListedConnection(
                name=each.name,
                accepts=each.target.accepts,
                control=control_of(of, each.target, may),
                declared=each.declared,
                applied=each.applied,
            )
            for each in own
        ]
        shown.append(listed(of, control(of, [each.target for each in own], may), lines))
    return shown


def _connections(here: Here, environment: str | None, applied: bool) -> tuple[tuple[Connection, ...] | None, May]:
    """The project's destinations, none where there is no project, None where it isn't valid, which is said; and what somebody may do."""
    from reconciler.api.catalog import allowed, connections
    from reconciler.catalog.control import unrestricted
    from reconciler.errors import ConfigInvalid

    try:
        project = here.project(environment)
    except ConfigInvalid:
        if applied:
            raise
        return (), unrestricted
    desired = project.validate().desired
    if desired is None:
        here.console.say(
            "The project here isn't valid, so its connections aren't shown. Next: reconcile validate",
            "catalog-without-project",
            "warning",
        )
        return None, unrestricted
    actual = project.ledger().actual() if applied else None
    may = allowed(desired, actual, project.root)
    if not may.known:
        said = "There are roles, and no ID token says who this is: control is shown as if all were allowed."
        here.console.say(said, "catalog-for-nobody", "warning")
    return connections(desired, actual), may.may
