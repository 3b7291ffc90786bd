"""`type: azure`: a storage account in Azure, for Blob Storage and Data Lake Storage Gen2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import FromEnv, SecretRef
from reconciler.values.base import Value

ServiceUrl = Annotated[
    str,
    Field(
        pattern=r"^https?://[^\s/@?#]+(:[0-9]+)?(/[a-z0-9]+)?/?$",
        max_length=512,
        description="A service's URL, with the storage account where it is part of the path.",
    ),
]
Identity = Annotated[str, Field(pattern=r"^[0-9A-Fa-f-]{36}$", description="A UUID.")]


class AzureAmbient(Value):
    """What the environment gives: variables, workload identity, managed identity, `az login`."""


class ServicePrincipal(Value):
    """An application registration that signs in with a secret."""

    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,255}$", description="A tenant's UUID or domain.")]
    client_id: Identity
    client_secret: Annotated[SecretRef, Field(description="A secret of the registration: its value, not its id.")]


class ManagedIdentity(Value):
    """The machine's own identity, or a user-assigned one by its `clientId`."""

    client_id: Identity | None = None


class AzureAuth(Value):
    """At most one of these (default: `ambient`)."""

    connection_string: Annotated[
        SecretRef | None, Field(description="Of the storage account, which it names, with a key or a signature.")
    ] = None
    sas: Annotated[
        SecretRef | None, Field(description="A shared access signature, as it stands behind the ? of a URL.")
    ] = None
    account_key: Annotated[
        SecretRef | None,
        Field(description="One of the two keys of the storage account, which may do everything there."),
    ] = None
    service_principal: ServicePrincipal | None = None
    managed_identity: ManagedIdentity | None = None
    ambient: AzureAmbient | None = None


class AzureEndpoints(Value):
    """Where the services are, if it isn't Azure's public cloud: another cloud or an emulator."""

    blob: ServiceUrl | None = None
    dfs: ServiceUrl | None = None


class AzureAccountSpec(AccountSpec):
    """One storage account. `storageAccount` isn't needed with a connection string, which names it."""

    type: Literal["azure"]
    storage_account: Annotated[str, Field(pattern=r"^[a-z0-9]{3,24}$", description="Its name.")] | None = None
    auth: AzureAuth = AzureAuth()
    endpoints: AzureEndpoints = AzureEndpoints()

    @property
    def realm(self) -> str:
        """The storage account; with a connection string, which is secret, where that comes from."""
        match self.auth.connection_string:
            case None:
                return "|".join((self.storage_account or "", self.endpoints.blob or "", self.endpoints.dfs or ""))
            case FromEnv(from_env=name):
                return f"env {name}"
            case other:
                return str(other)

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Ways to sign in that exclude each other, and a storage account that is named twice or not at all."""
        ways = {
            "connectionString": self.auth.connection_string,
            "sas": self.auth.sas,
            "accountKey": self.auth.account_key,
            "servicePrincipal": self.auth.service_principal,
            "managedIdentity": self.auth.managed_identity,
            "ambient": self.auth.ambient,
        }
        given = [name for name, value in ways.items() if value is not None]
        if len(given) > 1:
            yield ("auth",), f"{' and '.join(given)} are different ways to sign in. Keep one."
        if self.auth.connection_string is None and self.storage_account is None:
            yield (), "storageAccount is missing: only a connection string names it by itself. Add it."
        if self.auth.connection_string is not None:
            more = {"storageAccount": self.storage_account, "endpoints": self.endpoints.blob or self.endpoints.dfs}
            for name, value in more.items():
                if value is not None:
                    yield (
                        (name,),
                        f"The connection string says it already. Remove {name}, or use another way to sign in.",
                    )
