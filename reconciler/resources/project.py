"""`Project`: one at most; its name owns what it applies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.catalog.s3 import BucketOwner, Region, S3Encryption
from reconciler.resources.accounts.aws import AwsAccountSpec, Url
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.alert import Endpoint
from reconciler.resources.defaults import DefaultsSpec
from reconciler.resources.identity import IdentitySpec
from reconciler.resources.metadata import LabelKey, Name
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value

Glob = Annotated[str, Field(min_length=1, max_length=512)]
DEFAULT_LEDGER = "file://.reconcile/ledger"


class LedgerSpec(Value):
    """Where the actual state is kept. `file://` paths that are relative are below the project.

    `account` and all below `simulated` are for S3; `endpoint` and `region` stand in for the account's.
    """

    url: Annotated[
        str,
        Field(
            pattern=r"^(file://.+|s3://[a-z0-9.-]{3,63}(/.*)?)$",
            max_length=1024,
            description="file://PATH, or s3://BUCKET[/PREFIX].",
        ),
    ] = DEFAULT_LEDGER
    account: Name | None = None
    simulated: Annotated[
        bool, Field(description="For demos and tests: time may run ahead of the clock. Fixed at creation.")
    ] = False
    region: Region | None = None
    expected_bucket_owner: BucketOwner | None = None
    encryption: Annotated[S3Encryption | None, Field(description="Else as the bucket's default says.")] = None
    endpoint: Url | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is in S3."""
        return self.url.startswith("s3://")

    def account_of(self, account: AccountSpec | None) -> AccountSpec | None:
        """The account as this ledger uses it; None for what the environment gives."""
        if self.endpoint is None:
            return account
        account = account or AwsAccountSpec(type="aws")
        if not isinstance(account, AwsAccountSpec):
            return account  # refused where it is named
        return account.model_copy(update={"endpoints": account.endpoints.model_copy(update={"s3": self.endpoint})})


class RemovalGuard(Value):
    """How many of the applied flows one apply may remove."""

    max_share: Annotated[str, Field(pattern=r"^(100|[0-9]{1,2})%$", description="Of all applied flows.")] = "25%"


class EngineSpec(Value):
    """What one process may take while it exports."""

    memory: Annotated[
        str,
        Field(
            pattern=r"^([1-9][0-9]{0,3}GiB|(25[6-9]|2[6-9][0-9]|[3-9][0-9]{2}|[1-9][0-9]{3,6})MiB)$",
            description="What exports plan with: at least 256MiB. More reads further ahead and spills later.",
        ),
    ] = "1GiB"
    threads: Annotated[
        Annotated[int, Field(ge=1, le=1024)] | Literal["auto"],
        Field(description="Of each library that computes. auto: one for each processor."),
    ] = "auto"

    @property
    def bytes(self) -> int:
        """`memory` as a number."""
        number, unit = int(self.memory[:-3]), self.memory[-3:]
        return number * (2**30 if unit == "GiB" else 2**20)


class OpenMetricsSpec(Value):
    """A text file of all flows' metrics, replaced after every run, apply and export: for the textfile collector of a node exporter."""

    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            pattern=r"\.prom$",
            description="File: absolute, or inside the project. Its name ends in .prom.",
        ),
    ]


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]


class OpenTelemetrySpec(Value):
    """A span of every run and of its parts, by OTLP over HTTP (protobuf) to `endpoint`/v1/traces. Else as the `OTEL_EXPORTER_OTLP_*`
    variables of whoever runs say, if they are set."""

    endpoint: Endpoint
    headers: Annotated[dict[HeaderName, SecretRef], Field(description="Sent along, such as Authorization.")] = {}


class MetricsSpec(Value):
    """Where metrics go, besides the history and `reconcile status`."""

    open_metrics: OpenMetricsSpec | None = None
    open_telemetry: OpenTelemetrySpec | None = None


class ProjectSpec(Value):
    """`include`/`exclude`: globs relative to the project; by default every YAML file outside dot-folders and `environments/`."""

    ledger: LedgerSpec = LedgerSpec()
    engine: EngineSpec = EngineSpec()
    metrics: MetricsSpec = MetricsSpec()
    include: tuple[Glob, ...] | None = None
    exclude: tuple[Glob, ...] = ()
    removals: RemovalGuard = RemovalGuard()
    defaults: Annotated[
        DefaultsSpec | None, Field(description="Of destinations and activations, where they say nothing themselves.")
    ] = None
    required_labels: Annotated[
        tuple[LabelKey, ...],
        Field(description="Keys that each Destination, Audience and Activation must have among its labels."),
    ] = ()
    identity: Annotated[IdentitySpec | None, Field(description="Else the operating system's user is who applies.")] = (
        None
    )
