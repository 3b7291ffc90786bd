"""The envelope: `apiVersion`, `kind`, `metadata`, `spec`, and all kinds by name."""

from __future__ import annotations

from typing import Literal

from reconciler.resources.account import AnyAccount
from reconciler.resources.activation import ActivationSpec
from reconciler.resources.alert import AlertChannelSpec
from reconciler.resources.audience import AudienceSpec
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.destination import AnyDestination
from reconciler.resources.metadata import ActivationMetadata, Metadata, RenamableMetadata, SourceMetadata
from reconciler.resources.policy import LabelSpec, MarketingActionSpec, PolicySpec
from reconciler.resources.project import ProjectSpec
from reconciler.resources.role import RoleSpec
from reconciler.resources.schedule import ScheduleSpec
from reconciler.resources.suppression import SuppressionSpec
from reconciler.values.base import Value

API_VERSION = "reconciler/v1"


class _Envelope(Value):
    api_version: Literal["reconciler/v1"]


class Project(_Envelope):
    """One at most."""

    kind: Literal["Project"]
    metadata: Metadata
    spec: ProjectSpec = ProjectSpec()


class Account(_Envelope):
    """How to authenticate."""

    kind: Literal["Account"]
    metadata: Metadata
    spec: AnyAccount


class Destination(_Envelope):
    """Where to."""

    kind: Literal["Destination"]
    metadata: RenamableMetadata
    spec: AnyDestination


class Dataset(_Envelope):
    """The data."""

    kind: Literal["Dataset"]
    metadata: SourceMetadata
    spec: DatasetSpec


class Audience(_Envelope):
    """Who."""

    kind: Literal["Audience"]
    metadata: SourceMetadata
    spec: AudienceSpec


class Schedule(_Envelope):
    """When."""

    kind: Literal["Schedule"]
    metadata: Metadata
    spec: ScheduleSpec


class Activation(_Envelope):
    """The binding."""

    kind: Literal["Activation"]
    metadata: ActivationMetadata
    spec: ActivationSpec


class Suppression(_Envelope):
    """Who must not."""

    kind: Literal["Suppression"]
    metadata: Metadata
    spec: SuppressionSpec


class Label(_Envelope):
    """What a column's data is."""

    kind: Literal["Label"]
    metadata: Metadata
    spec: LabelSpec


class MarketingAction(_Envelope):
    """What a destination is for."""

    kind: Literal["MarketingAction"]
    metadata: Metadata
    spec: MarketingActionSpec


class Policy(_Envelope):
    """What doesn't go together."""

    kind: Literal["Policy"]
    metadata: Metadata
    spec: PolicySpec


class AlertChannel(_Envelope):
    """Who hears of it."""

    kind: Literal["AlertChannel"]
    metadata: Metadata
    spec: AlertChannelSpec


class Role(_Envelope):
    """Who may do what."""

    kind: Literal["Role"]
    metadata: Metadata
    spec: RoleSpec


AnyResource = (
    Project
    | Account
    | Destination
    | Dataset
    | Audience
    | Schedule
    | Activation
    | Suppression
    | Label
    | MarketingAction
    | Policy
    | AlertChannel
    | Role
)
KINDS: dict[str, type[_Envelope]] = {
    "Project": Project,
    "Account": Account,
    "Destination": Destination,
    "Dataset": Dataset,
    "Audience": Audience,
    "Schedule": Schedule,
    "Activation": Activation,
    "Suppression": Suppression,
    "Label": Label,
    "MarketingAction": MarketingAction,
    "Policy": Policy,
    "AlertChannel": AlertChannel,
    "Role": Role,
}
