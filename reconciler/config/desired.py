"""The desired state: what a configuration says when everything in it is resolved. The plan's first argument."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.config.parse import Document, Path
from reconciler.diagnostics import Source
from reconciler.resources.effective import EffectiveDestination, FlowSpec, fingerprint
from reconciler.resources.resource import (
    Account,
    Activation,
    AlertChannel,
    AnyResource,
    Audience,
    Dataset,
    Destination,
    Label,
    MarketingAction,
    Policy,
    Project,
    Role,
    Schedule,
    Suppression,
)
from reconciler.values.identity import FlowId


@dataclass(frozen=True, slots=True)
class Adopting:
    """An object that says `adoptFrom`: its kind and name, and the project it is taken over from."""

    kind: str
    name: str
    project: str


@dataclass(frozen=True, slots=True)
class DesiredFlow:
    """A flow with the place that declares it: the activation's entry that names its audience or dataset. `adopting`: what of all that
    it comes from is to be adopted.

    The place is looked up when somebody asks: ten thousand of them take a second.
    """

    id: FlowId
    spec: FlowSpec
    document: Document = field(repr=False, compare=False)
    path: Path = field(repr=False, compare=False)
    adopting: tuple[Adopting, ...] = ()

    @property
    def source(self) -> Source:
        """The place."""
        return self.document.at(self.path)


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything declared, by name, sorted by name. `destination_specs`: each destination with its account. `documents`: where each
    stands, by kind and name."""

    project: Project
    environment: str | None
    accounts: Mapping[str, Account]
    destinations: Mapping[str, Destination]
    datasets: Mapping[str, Dataset]
    audiences: Mapping[str, Audience]
    schedules: Mapping[str, Schedule]
    activations: Mapping[str, Activation]
    suppressions: Mapping[str, Suppression]
    labels: Mapping[str, Label]
    marketing_actions: Mapping[str, MarketingAction]
    policies: Mapping[str, Policy]
    alert_channels: Mapping[str, AlertChannel]
    roles: Mapping[str, Role]
    destination_specs: Mapping[str, EffectiveDestination]
    flows: Mapping[FlowId, DesiredFlow]
    places: Mapping[tuple[str, str], Source] = field(repr=False)
    documents: Mapping[tuple[str, str], Document] = field(repr=False, compare=False)

    def at(self, kind: str, name: str, path: Path) -> Source:
        """The place of a value of something that is declared. Raises KeyError."""
        return self.documents[kind, name].at(path)

    def digest(self) -> str:
        """Hex SHA-256 of what is declared, whatever files it stands in: what a saved plan is bound to."""
        total = hashlib.sha256((self.environment or "").encode())
        kinds: tuple[tuple[str, Mapping[str, AnyResource]], ...] = (
            ("Project", {self.project.metadata.name: self.project}),
            ("Account", self.accounts),
            ("Destination", self.destinations),
            ("Dataset", self.datasets),
            ("Audience", self.audiences),
            ("Schedule", self.schedules),
            ("Activation", self.activations),
            ("Suppression", self.suppressions),
            ("Label", self.labels),
            ("MarketingAction", self.marketing_actions),
            ("Policy", self.policies),
            ("AlertChannel", self.alert_channels),
            ("Role", self.roles),
        )
        for kind, resources in kinds:
            for name in sorted(resources):
                total.update(f"\n{kind}/{name} {fingerprint(resources[name])}".encode())
        return total.hexdigest()
