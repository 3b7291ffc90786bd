"""`type: gcp`: Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value


class GcpAmbient(Value):
    """What the environment gives (application default credentials): a key file, workload identity, the machine's service account."""


class GcpAuth(Value):
    """At most one of these (default: `ambient`)."""

    service_account: Annotated[SecretRef | None, Field(description="The JSON key of one, whole.")] = None
    ambient: GcpAmbient | None = None


class GcpEndpoints(Value):
    """Where Cloud Storage is, if it isn't Google's public one."""

    storage: (
        Annotated[
            str,
            Field(pattern=r"^https?://[^\s/@?#]+(:[0-9]+)?/?$", max_length=512, description="A URL without a path."),
        ]
        | None
    ) = None


class GcpAccountSpec(AccountSpec):
    """Google Cloud."""

    type: Literal["gcp"]
    auth: GcpAuth = GcpAuth()
    billing_project: (
        Annotated[
            str,
            Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$", description="Who pays, for buckets whose requesters pay."),
        ]
        | None
    ) = None
    endpoints: GcpEndpoints = GcpEndpoints()

    @property
    def realm(self) -> str:
        """Where Cloud Storage is, if it is elsewhere."""
        return (self.endpoints.storage or "").rstrip("/")

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Ways to sign in that exclude each other."""
        if self.auth.service_account is not None and self.auth.ambient is not None:
            yield ("auth",), "serviceAccount and ambient are different ways to sign in. Keep one."
