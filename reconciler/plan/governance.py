"""Policies over everything that one recipient receives: what is forbidden, what a draft would forbid, and who gets which labels.

Pure. Labels count of columns that leave, whatever is made of them, and of columns that `where` reads: who is in a file tells what it was
chosen by. Consent, suppression, expiry and `latestBy` only take people out, or choose a person's row: they protect, and what leaves doesn't
tell what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.catalog.marketing import THIRD_PARTY
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.governed import Bearer, Governance, Received, SwitchedOff, Violation
from reconciler.resources.core_policies import Rule, in_effect
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.destination import DestinationSpec
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.resources.policy import holds
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

_GONE = ("removed", "moved")
Carried = tuple[str, str, str, str]
"""Label, dataset, column, and the name under which it leaves; empty where `where` reads it."""
Key = tuple[bool, str]
"""Whether it is a third party, and its name."""


def review(desired: Desired, actual: Actual) -> Governance:
    """What the policies say of all that is declared, and of what other projects of the ledger send to the same recipients.

    A violation that nothing of this project has a part in isn't its to mend, and is left to the others.
    """
    rules = rules_of(desired)
    known = parties(desired, actual)
    ours = {str(flow_id) for flow_id in desired.flows}
    violations = [each for party in known for each in judged(party, desired) if _has_part(each, ours)]
    return Governance(
        evaluated=sum(1 for each in rules if each.status != "disabled"),
        off=tuple(_switched(rule, desired) for rule in rules if rule.core and rule.status != "enabled"),
        violations=tuple(sorted(violations, key=lambda each: (each.policy, each.third_party, each.recipient))),
        received=tuple(each.received() for each in known if each.labels),
    )


def judged(party: Party, desired: Desired) -> tuple[Violation, ...]:
    """Every policy that is broken by what somebody receives, drafts too, by name."""
    found = (_violated(rule, party, desired) for rule in rules_of(desired) if rule.status != "disabled")
    return tuple(each for each in found if each is not None)


def _has_part(violation: Violation, ours: set[str]) -> bool:
    return any(flow in ours for each in violation.bearers for flow in each.flows)


def rules_of(desired: Desired) -> tuple[Rule, ...]:
    """The policies in effect, by name."""
    return in_effect({name: (each.spec, each.metadata.description or "") for name, each in desired.policies.items()})


def actions_of(spec: DestinationSpec) -> frozenset[str]:
    """What a destination is used for: what it says, and where it has a recipient, that it is a third party."""
    return frozenset(spec.marketing_actions) | ({THIRD_PARTY} if spec.recipient is not None else frozenset())


@dataclass
class Party:
    """Who receives: a recipient by name, whatever its destinations, or a destination without one. `labels`: to what carries them, and by
    which flows."""

    name: str
    third: bool
    destinations: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    labels: dict[str, dict[Carried, list[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, destination: EffectiveDestination) -> Party:
        """Who receives by a destination, and nothing yet."""
        to = destination.spec.recipient
        return cls(to.name if to is not None else destination.name, third=to is not None)

    @property
    def key(self) -> Key:
        """Two spellings of one recipient's name are one: nobody evades by an upper-case letter or a space."""
        return self.third, " ".join(self.name.casefold().split()) if self.third else self.name

    def received(self) -> Received:
        """For the plan: which labels, and on what."""
        return Received(
            recipient=self.name,
            third_party=self.third,
            destinations=tuple(sorted(self.destinations)),
            actions=tuple(sorted(self.actions)),
            labels={
                label: tuple(sorted({f"{dataset}.{column}" for _, dataset, column, _ in carried}))
                for label, carried in sorted(self.labels.items())
            },
        )


def party_of(destination: EffectiveDestination) -> Key:
    """Who receives by a destination."""
    return Party.of(destination).key


def parties(desired: Desired, actual: Actual) -> list[Party]:
    """Everybody who receives something, by name."""
    found: dict[Key, Party] = {}
    carries = Carries()
    owner = desired.project.metadata.name
    for flow_id, flow in desired.flows.items():
        _add(found, carries, str(flow_id), flow.spec)
    for name, head in sorted(actual.flows.items()):
        if head.owner != owner and head.state not in _GONE:
            _add(found, carries, name, head.spec)
    return [found[key] for key in sorted(found)]


def _add(found: dict[Key, Party], carries: Carries, flow: str, spec: FlowSpec) -> None:
    key = party_of(spec.destination)
    party = found.setdefault(key, Party.of(spec.destination))
    party.destinations.add(spec.destination.name)
    party.actions |= actions_of(spec.destination.spec)
    for carried in carries.of(spec):
        party.labels.setdefault(carried[0], {}).setdefault(carried, []).append(flow)


class Carries:
    """Which labels flows carry; what many flows have in common is found once."""

    def __init__(self) -> None:
        self._labelled: dict[int, tuple[DatasetSpec, Mapping[str, tuple[str, ...]]]] = {}
        self._read: dict[tuple[int, str], frozenset[str]] = {}

    def of(self, spec: FlowSpec) -> Iterator[Carried]:
        """Of columns that leave, and of those that `where` reads."""
        dataset = spec.source.dataset
        labelled = self.labelled(spec.source.dataset_spec)
        if not labelled:
            return
        for column in spec.columns:
            for label in labelled.get(column.column or "", ()):
                yield label, dataset, column.column or "", column.name
        for name in self._used(spec, labelled):
            for label in labelled[name]:
                yield label, dataset, name, ""

    def labelled(self, dataset: DatasetSpec) -> Mapping[str, tuple[str, ...]]:
        """The columns that have labels."""
        if id(dataset) not in self._labelled:
            labels = {name: column.labels for name, column in dataset.columns.items() if column.labels}
            self._labelled[id(dataset)] = (dataset, labels)
        return self._labelled[id(dataset)][1]

    def _used(self, spec: FlowSpec, labelled: Mapping[str, tuple[str, ...]]) -> list[str]:
        where = spec.source.where
        if where is None:
            return []
        key = (id(spec.source.dataset_spec), where)
        if key not in self._read:
            self._read[key] = _columns_read(where, spec.source.dataset_spec, labelled)
        return sorted(self._read[key] & labelled.keys())


def _columns_read(where: str, dataset: DatasetSpec, labelled: Iterable[str]) -> frozenset[str]:
    """The columns that an expression reads. One that this version can't read (an older one wrote it) may read all of them."""
    text = where.casefold()
    if not any(name.casefold() in text or '"' in name for name in labelled):
        return frozenset()  # reading ten thousand expressions takes a while, and names are looked for faster
    try:
        found = check(where, {name: parse_type(column.type) for name, column in dataset.columns.items()})
    except ValueError:
        return frozenset(labelled)
    return found.columns if isinstance(found, Checked) else frozenset(labelled)


def _violated(rule: Rule, party: Party, desired: Desired) -> Violation | None:
    """How a policy is broken by what somebody receives; None where it isn't."""
    if rule.actions and not party.actions.intersection(rule.actions):
        return None
    labels = holds(rule.deny, frozenset(party.labels))
    if labels is None:
        return None
    return Violation(
        policy=rule.name,
        draft=rule.status == "draft",
        why=rule.why,
        recipient=party.name,
        third_party=party.third,
        destinations=tuple(sorted(party.destinations)),
        actions=tuple(sorted(party.actions.intersection(rule.actions))),
        bearers=tuple(
            _bearer(carried, flows, desired)
            for label in sorted(labels)
            for carried, flows in sorted(party.labels[label].items())
        ),
    )


def _bearer(carried: Carried, flows: list[str], desired: Desired) -> Bearer:
    label, dataset, column, name = carried
    place = None
    if dataset in desired.datasets and column in desired.datasets[dataset].spec.columns:
        at = desired.at("Dataset", dataset, ("spec", "columns", column, "labels"))
        place = f"{at.path}:{at.line}"
    return Bearer(
        label=label, dataset=dataset, column=column, leaves_as=name or None, place=place, flows=tuple(sorted(flows))
    )


def _switched(rule: Rule, desired: Desired) -> SwitchedOff:
    at = desired.at("Policy", rule.name, ("metadata", "name"))
    status: Literal["draft", "disabled"] = "draft" if rule.status == "draft" else "disabled"
    return SwitchedOff(policy=rule.name, status=status, reason=rule.why, place=f"{at.path}:{at.line}")
