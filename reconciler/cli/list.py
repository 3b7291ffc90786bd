"""`reconcile list`: the resources of a project, and which of them a destination takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT, FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.config.desired import Desired
    from reconciler.resources.role import RoleSpec

KINDS = (
    "accounts",
    "destinations",
    "datasets",
    "audiences",
    "schedules",
    "activations",
    "suppressions",
    "labels",
    "marketingactions",
    "policies",
    "alertchannels",
    "roles",
    "flows",
)
Row = dict[str, object]


@click.command("list")
@click.argument("kind")
@click.option("--for", "destination", metavar="DESTINATION", help="Only what a destination accepts or is sent.")
@ENVIRONMENT
@FORMAT
@click.pass_obj
def command(here: Here, kind: str, destination: str | None, environment: str | None, form: str) -> None:
    """The resources of a project.

    KIND is accounts, destinations, datasets, audiences, schedules, activations, suppressions, labels, marketingactions, policies,
    alertchannels, roles or flows; the singular is fine, and so is a kind's name. Labels, marketing actions and policies are listed with
    the core ones.
    --for shows the audiences or datasets whose data type the destination accepts, or its activations or flows.
    """
    wanted = next((each for each in KINDS if kind.lower() in (each, _singular(each))), None)
    if wanted is None:
        raise click.BadParameter(f"use one of {', '.join(KINDS)}.", param_hint="KIND")
    desired = here.desired(environment)
    rows = _eligible(wanted, desired, destination) if destination is not None else _ROWS[wanted](desired)
    if form == "json":
        here.console.out_json({"kind": wanted, "items": rows})
    elif rows:
        here.console.out("\n".join(_table(rows)))
    else:
        here.console.out(f"No {wanted}{' for ' + destination if destination else ''}.")


def _eligible(wanted: str, desired: Desired, name: str) -> list[Row]:
    found = desired.destinations.get(name)
    if found is None:
        known = ", ".join(desired.destinations) or "none"
        raise click.BadParameter(f"there is no such destination. Known: {known}.", param_hint="--for")
    rows = _ROWS[wanted](desired)
    match wanted:
        case "audiences" | "datasets":
            accepts: tuple[str, ...] = found.spec.takes
            return [row for row in rows if row.get("dataType", "datasets") in accepts]
        case "activations" | "flows":
            return [row for row in rows if row["destination"] == name]
        case _:
            raise click.UsageError("--for goes with audiences, datasets, activations and flows.")


def _accounts(desired: Desired) -> list[Row]:
    return [{"name": name, "type": each.spec.type} for name, each in desired.accounts.items()]


def _destinations(desired: Desired) -> list[Row]:
    return [
        {"name": name, "type": each.spec.type, "accepts": list(each.spec.takes)}
        for name, each in desired.destinations.items()
    ]


def _datasets(desired: Desired) -> list[Row]:
    return [
        {
            "name": name,
            "format": each.spec.format,
            "columns": len(each.spec.columns),
            "location": each.spec.place,
        }
        for name, each in desired.datasets.items()
    ]


def _audiences(desired: Desired) -> list[Row]:
    return [
        {"name": name, "dataType": each.spec.data_type, "dataset": each.spec.dataset, "where": each.spec.where}
        for name, each in desired.audiences.items()
    ]


def _schedules(desired: Desired) -> list[Row]:
    return [{"name": name, "frequency": each.spec.frequency} for name, each in desired.schedules.items()]


def _activations(desired: Desired) -> list[Row]:
    return [
        {"name": name, "destination": each.spec.destination, "schedule": each.spec.schedule, "mode": each.spec.mode}
        for name, each in desired.activations.items()
    ]


def _suppressions(desired: Desired) -> list[Row]:
    return [
        {
            "name": name,
            "dataset": each.spec.dataset,
            "match": [match.column for match in each.spec.match],
            "maxAge": each.spec.max_age or "",
        }
        for name, each in desired.suppressions.items()
    ]


def _labels(desired: Desired) -> list[Row]:
    from reconciler.catalog.labels import CORE_LABELS

    own = {name: each.spec.meaning for name, each in desired.labels.items()}
    return _meanings(CORE_LABELS, own)


def _marketing_actions(desired: Desired) -> list[Row]:
    from reconciler.catalog.marketing import CORE_ACTIONS

    own = {name: each.spec.meaning for name, each in desired.marketing_actions.items()}
    return _meanings(CORE_ACTIONS, own)


def _meanings(core: Mapping[str, str], own: Mapping[str, str]) -> list[Row]:
    named = [(name, "core", meaning) for name, meaning in core.items()]
    named += [(name, "project", meaning) for name, meaning in own.items()]
    return [{"name": name, "from": where, "meaning": meaning} for name, where, meaning in named]


def _policies(desired: Desired) -> list[Row]:
    from reconciler.plan.governance import rules_of
    from reconciler.resources.policy import said

    return [
        {
            "name": each.name,
            "from": "core" if each.core else "project",
            "status": each.status,
            "marketingActions": list(each.actions) or ["(all)"],
            "deny": said(each.deny),
            "why": each.why,
        }
        for each in rules_of(desired)
    ]


def _alert_channels(desired: Desired) -> list[Row]:
    return [{"name": name, "type": each.spec.type} for name, each in desired.alert_channels.items()]


def _roles(desired: Desired) -> list[Row]:
    return [
        {
            "name": name,
            "subjects": [subject.said for subject in each.spec.subjects],
            "grants": list(each.spec.grants),
            "destinations": _scope(each.spec),
        }
        for name, each in desired.roles.items()
    ]


def _scope(role: RoleSpec) -> list[str]:
    """Which destinations a role is about, by name and by label."""
    selected = role.destination_selector.match_labels if role.destination_selector else {}
    found = [*(role.destinations or ()), *(f"{key}: {value}" for key, value in selected.items())]
    return found if role.scoped else ["(all)"]


def _flows(desired: Desired) -> list[Row]:
    return [
        {
            "name": str(flow_id),
            "destination": flow_id.destination,
            "activation": each.spec.activation,
            "place": f"{each.source.path}:{each.source.line}",
        }
        for flow_id, each in desired.flows.items()
    ]


_ROWS: dict[str, Callable[[Desired], list[Row]]] = {
    "accounts": _accounts,
    "destinations": _destinations,
    "datasets": _datasets,
    "audiences": _audiences,
    "schedules": _schedules,
    "activations": _activations,
    "suppressions": _suppressions,
    "labels": _labels,
    "marketingactions": _marketing_actions,
    "policies": _policies,
    "alertchannels": _alert_channels,
    "roles": _roles,
    "flows": _flows,
}


def _singular(kind: str) -> str:
    return "policy" if kind == "policies" else kind[:-1]


def _table(rows: list[Row]) -> list[str]:
    """Aligned columns, as wide as their widest cell; the last one ends the line."""
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: object) -> str:
    from reconciler.present.words import inert

    return inert(", ".join(map(str, value)) if isinstance(value, list) else str(value))
