"""`AlertChannel`: where alerts go; and who is told of what: `Destination.alerts`, `Activation.alerts`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.catalog.base import AlertEvent
from reconciler.resources.account import AnyAccount
from reconciler.resources.metadata import Name
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value

Delay = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,5}[smhd]$", description="A number and s, m, h or d: how late a slot may be.")
]
Share = Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,3})?%$")]
Endpoint = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$",
        max_length=2048,
        description="An http or https URL without credentials and parameters.",
    ),
]

DELAYED_AFTER, MAX_EXCLUDED, MAX_CHANGE = "150m", "1%", "50%"


class AppriseChannelSpec(Value):
    """Chat, e-mail, webhooks, pagers: whatever apprise knows. The URL holds secrets, so it is one."""

    type: Literal["apprise"]
    url: Annotated[SecretRef, Field(description="As apprise writes it: mailtos://USER:PASSWORD@HOST, slack://TOKENS.")]


class CloudEventsChannelSpec(Value):
    """CloudEvents 1.0 over HTTP."""

    type: Literal["cloudevents"]
    url: Endpoint
    mode: Annotated[
        Literal["structured", "binary"], Field(description="All in the body, or the attributes in headers.")
    ] = "structured"
    bearer: Annotated[SecretRef | None, Field(description="Sent as a bearer token.")] = None
    account: Annotated[Name | None, Field(description="Of type oauth2: gives the bearer token.")] = None
    hmac: Annotated[
        SecretRef | None, Field(description="What each alert is signed with, as Standard Webhooks say.")
    ] = None


class FileChannelSpec(Value):
    """A file to which each alert is appended as a line of JSON, a CloudEvent. For trying out, and for what ships logs."""

    type: Literal["file"]
    path: Annotated[str, Field(min_length=1, max_length=1024, description="File: absolute, or inside the project.")]


AlertChannelSpec = Annotated[AppriseChannelSpec | CloudEventsChannelSpec | FileChannelSpec, Field(discriminator="type")]


class _Thresholds(Value):
    """`delayedAfter`: for run-delayed, how late a slot may be. `maxExcluded`: for excluded-rate-exceeded, of the rows that match, how many
    may stay. `maxChange`: for row-count-unusual, how far an export's rows may be from the median of the last ones."""

    channel: Name
    delayed_after: Annotated[Delay | None, Field(description=f"Default: {DELAYED_AFTER}.")] = None
    max_excluded: Annotated[Share | None, Field(description=f"Default: {MAX_EXCLUDED}.")] = None
    max_change: Annotated[Share | None, Field(description=f"Default: {MAX_CHANGE}.")] = None


class DestinationAlert(_Thresholds):
    """Which events of all flows to a destination a channel hears of, from what on."""

    events: Annotated[tuple[AlertEvent, ...], Field(min_length=1, description="What it hears of.")]


class ActivationAlert(_Thresholds):
    """The same for the flows of an activation: what is written here takes the place of what the destination says of that channel.
    `events: []` keeps these flows quiet."""

    events: Annotated[
        tuple[AlertEvent, ...] | None,
        Field(description="Instead of those of the destination; none: it hears of nothing."),
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.events is None and self.delayed_after is None and self.max_excluded is None and self.max_change is None:
            raise ValueError("say what is otherwise than at the destination: events, or a threshold")
        return self


class EffectiveAlert(Value):
    """What one channel hears of a flow. `name`: the channel's; `account`: what it signs in with. A threshold is None where its event isn't
    asked for."""

    name: str
    channel: AlertChannelSpec
    account: AnyAccount | None = None
    events: tuple[AlertEvent, ...]
    delayed_after: str | None = None
    max_excluded: str | None = None
    max_change: str | None = None
