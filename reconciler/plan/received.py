"""Who receives which labels, by which flows: the ground on which policies are judged. Pure.

Labels count of columns that leave, whatever is made of them, and of columns that `where` reads: who is in a file tells what it was chosen
by. Consent, suppression, expiry and `latestBy` only take people out, or choose a person's row: they protect, and what leaves doesn't tell
what they read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.catalog.marketing import THIRD_PARTY
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.governed import Received
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.destination import DestinationSpec
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.values.fold import as_seen
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

_GONE = ("removed", "moved")
Carried = tuple[str, str, str, str]
"""Label, dataset, column, and the name under which it leaves; empty where `where` reads it."""
Labels = dict[str, dict[Carried, list[str]]]
"""Label to what carries it, and by which flows."""
Key = tuple[bool, str]
"""Whether it is a third party, and its name."""


def actions_of(spec: DestinationSpec) -> frozenset[str]:
    """What a destination is used for: what it says, and where it has a recipient, that it is a third party."""
    return frozenset(spec.marketing_actions) | ({THIRD_PARTY} if spec.recipient is not None else frozenset())


@dataclass
class Party:
    """Who receives: a recipient by name, whatever its destinations, or a destination without one. `labels`: to what carries them, and by
    which flows. `lifted`: policy to the flows for which an override lifts it."""

    name: str
    third: bool
    destinations: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    labels: Labels = field(default_factory=dict)
    lifted: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, destination: EffectiveDestination) -> Party:
        """Who receives by a destination, and nothing yet."""
        to = destination.spec.recipient
        return cls(to.name if to is not None else destination.name, third=to is not None)

    @property
    def key(self) -> Key:
        """Two spellings of one recipient's name are one: nobody evades by an upper-case letter, a space, or what isn't seen."""
        return self.third, as_seen(self.name) if self.third else self.name

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


def parties(desired: Desired, actual: Actual, now: datetime) -> list[Party]:
    """Everybody who receives something, by name."""
    found: dict[Key, Party] = {}
    carries = Carries()
    owner = desired.project.metadata.name
    for flow_id, flow in desired.flows.items():
        _add(found, carries, str(flow_id), flow.spec, now)
    for name, head in sorted(actual.flows.items()):
        if head.owner != owner and head.state not in _GONE:
            _add(found, carries, name, head.spec, now)
    return [found[key] for key in sorted(found)]


def _add(found: dict[Key, Party], carries: Carries, flow: str, spec: FlowSpec, now: datetime) -> None:
    key = party_of(spec.destination)
    party = found.setdefault(key, Party.of(spec.destination))
    party.destinations.add(spec.destination.name)
    party.actions |= actions_of(spec.destination.spec)
    for override in spec.overrides:
        if override.policy is not None and override.in_force(now):
            party.lifted.setdefault(override.policy, set()).add(flow)
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


def without(labels: Labels, flows: AbstractSet[str]) -> Labels:
    """The labels that other flows bring too."""
    found: Labels = {}
    for label, bearers in labels.items():
        others = {carried: [each for each in by if each not in flows] for carried, by in bearers.items()}
        if left := {carried: by for carried, by in others.items() if by}:
            found[label] = left
    return found
