"""`reconcile policy test`: what the policies would say of an export that isn't declared."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reconciler.cli import exits
from reconciler.cli.console import style_for
from reconciler.cli.here import Here
from reconciler.cli.options import ENVIRONMENT, FORMAT
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.config.desired import Desired
    from reconciler.plan.whatif import Trial


@click.group("policy")
def command() -> None:
    """What policies would say of an export."""


@command.command("test")
@click.option("--destination", metavar="NAME", help="Who would get it; what its recipient receives already counts too.")
@click.option(
    "--dataset", metavar="NAME", help="Of the columns and of --where; needn't be said where one alone has the columns."
)
@click.option("--columns", metavar="A,B", help="Columns that would leave.")
@click.option("--where", metavar="EXPRESSION", help="By which people would be chosen.")
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="A label that would leave; repeatable.")
@click.option("--action", "actions", multiple=True, metavar="ACTION", help="What it would be used for; repeatable.")
@ENVIRONMENT
@FORMAT
@click.pass_obj
def test(
    here: Here,
    destination: str | None,
    dataset: str | None,
    columns: str | None,
    where: str | None,
    labels: tuple[str, ...],
    actions: tuple[str, ...],
    environment: str | None,
    form: str,
) -> int:
    """Try an export on the policies, without declaring it.

    Judged beside all that the destination's recipient receives already, by the configuration alone: no ledger, no secret, no data.
    Ends with 4 if a policy forbids it.
    """
    from reconciler.present.policy_test import as_data, as_text

    desired = here.desired(environment)
    trial = _trial(desired, destination, dataset, columns, where, labels, actions)
    found = here.project(environment).what_if(trial, desired)
    if form == "json":
        here.console.out_json(as_data(found))
    else:
        here.console.out(as_text(found, style_for(sys.stdout)))
    return exits.REFUSED if found.denied else exits.DONE


def _trial(
    desired: Desired,
    destination: str | None,
    dataset: str | None,
    columns: str | None,
    where: str | None,
    labels: tuple[str, ...],
    actions: tuple[str, ...],
) -> Trial:
    """What was asked, every name in it known. Raises UsageError U130."""
    from reconciler.catalog.labels import CORE_LABELS
    from reconciler.catalog.marketing import CORE_ACTIONS
    from reconciler.plan.whatif import Trial, problems

    names = tuple(each.strip() for each in (columns or "").split(",") if each.strip())
    if not (names or where or labels):
        raise UsageError("U130", _WRONG, "Say what would leave: --columns, --where or --label.")
    if destination is None and not actions:
        raise UsageError("U130", _WRONG, "Say who would get it, or what for: --destination or --action.")
    if destination is not None:
        _known("destination", destination, desired.destinations)
    for label in labels:
        _known("label", label, [*CORE_LABELS, *desired.labels])
    for action in actions:
        _known("marketing action", action, [*CORE_ACTIONS, *desired.marketing_actions])
    if names or where:
        dataset = dataset or _only(desired, names, where)
        _known("dataset", dataset, desired.datasets)
        spec = desired.datasets[dataset].spec
        for name in names:
            _known("column", name, spec.columns, f"Dataset {dataset} has no")
        if where is not None and (wrong := problems(where, spec, dataset)):
            raise UsageError("U130", _WRONG, f"--where: {wrong[0].detail}")
    return Trial(destination, dataset, names, where, labels, actions)


_WRONG = "the what-if can't be judged"


def _only(desired: Desired, columns: tuple[str, ...], where: str | None) -> str:
    """The dataset that has the columns, those of the expression too, or the only one that there is."""
    from reconciler.plan.whatif import problems

    having = [name for name, each in desired.datasets.items() if set(columns) <= each.spec.columns.keys()]
    if where is not None and len(having) > 1:
        having = [name for name in having if not problems(where, desired.datasets[name].spec, name)]
    found = having or list(desired.datasets)
    if not having and columns:
        every = {name for each in desired.datasets.values() for name in each.spec.columns}
        for name in columns:
            _known("column", name, sorted(every), "No dataset has a")
    if len(found) != 1:
        raise UsageError("U130", _WRONG, f"Say --dataset: it could be one of {len(found):,}.")
    return found[0]


def _known(kind: str, name: str, known: object, lacks: str = "There is no") -> None:
    from collections.abc import Iterable

    from reconciler.diagnostics import did_you_mean

    names = list(map(str, known)) if isinstance(known, Iterable) else []
    if name not in names:
        hint = did_you_mean(name, names) or f" Known: {', '.join(names[:20]) or 'none'}."
        raise UsageError("U130", _WRONG, f"{lacks} {kind} {name}.{hint}")
