"""A flow that isn't declared, judged by the policies as if it were: beside everything that its recipient receives already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.governance import judged
from reconciler.plan.governed import Violation
from reconciler.plan.received import Carried, Party, actions_of, parties, party_of
from reconciler.resources.dataset import DatasetSpec
from reconciler.values.types import parse_type
from reconciler.where import Checked, Problem, check

FLOW = "what-if"
NOBODY = ""
"""Who receives where no destination is named."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What would be sent, and to whom. `dataset`: of `columns` and `where`; None where labels alone are asked about.

    `labels`: carried by columns that aren't named. `actions`: what the destination would be used for besides.
    """

    destination: str | None = None
    dataset: str | None = None
    columns: tuple[str, ...] = ()
    where: str | None = None
    labels: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`recipient`, `actions`, `labels`: what was judged, with all that the recipient receives already. `violations`: those that there
    would be, drafts too; `new`: of them, by name of the policy, those that there aren't without the trial. `until`: the last day of an
    agreement that is over."""

    recipient: str
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    violations: tuple[Violation, ...]
    new: frozenset[str]
    until: date | None = None

    @property
    def denied(self) -> bool:
        """Whether an enabled policy forbids it, or the agreement is over."""
        return self.until is not None or any(not each.draft for each in self.violations)


def tried(trial: Trial, desired: Desired, actual: Actual, now: datetime) -> Verdict:
    """The policies' say. Names in `trial` exist, and its `where` is sound: see `problems`."""
    known = parties(desired, actual, now)
    before = Party(NOBODY, third=False)
    if trial.destination is not None:
        spec = desired.destination_specs[trial.destination]
        before = next((each for each in known if party_of(spec) == each.key), None) or Party.of(spec)
    after = replace(
        before,
        destinations=set(before.destinations),
        actions=set(before.actions),
        labels={label: {carried: list(by) for carried, by in each.items()} for label, each in before.labels.items()},
    )
    if trial.destination is not None:
        after.destinations.add(trial.destination)
        after.actions |= actions_of(desired.destination_specs[trial.destination].spec)
    after.actions |= set(trial.actions)
    for carried in _carried(trial, desired):
        after.labels.setdefault(carried[0], {}).setdefault(carried, []).append(FLOW)
    was = {each.policy for each in judged(before, desired)}
    violations = judged(after, desired)
    return Verdict(
        recipient=after.name,
        actions=tuple(sorted(after.actions)),
        labels=tuple(sorted(after.labels)),
        violations=violations,
        new=frozenset(each.policy for each in violations) - was,
        until=_over(trial, desired, now),
    )


def _over(trial: Trial, desired: Desired, now: datetime) -> date | None:
    to = desired.destinations[trial.destination].spec.recipient if trial.destination is not None else None
    return to.until if to is not None and to.ended(now) else None


def problems(where: str, dataset: DatasetSpec, name: str) -> tuple[Problem, ...]:
    """What is wrong with an expression over a dataset."""
    found = check(where, {column: parse_type(each.type) for column, each in dataset.columns.items()}, dataset=name)
    return () if isinstance(found, Checked) else found


def _carried(trial: Trial, desired: Desired) -> Sequence[Carried]:
    found: list[Carried] = [(label, "", "", label) for label in trial.labels]
    if trial.dataset is None:
        return found
    columns = desired.datasets[trial.dataset].spec.columns
    found += [(label, trial.dataset, name, name) for name in trial.columns for label in columns[name].labels or ()]
    if trial.where is not None:
        read = check(trial.where, {name: parse_type(each.type) for name, each in columns.items()})
        used = sorted(read.columns) if isinstance(read, Checked) else []
        found += [(label, trial.dataset, name, "") for name in used for label in columns[name].labels or ()]
    return found
