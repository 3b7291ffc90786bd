"""Sessions with Azure: clients of one storage account."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, Final
from urllib.parse import quote

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.storage.blob import BlobSasPermissions, ContainerClient, ExponentialRetry, generate_blob_sas
from azure.storage.filedatalake import FileSystemClient

from reconciler.accounts.errors import account_failure
from reconciler.accounts.masked_logs import mask_urls
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.azure import AzureAccountSpec
from reconciler.resources.accounts.base import AccountSpec
from reconciler.version import __version__

Credential = AzureNamedKeyCredential | AzureSasCredential | TokenCredential

_SCOPE: Final = "https://storage.azure.com/.default"
_COPIES: Final = timedelta(hours=1)


@dataclass(frozen=True)
class _Access:
    """Where the storage account's services are, and what it is signed in to with."""

    account: str
    blob: str
    dfs: str
    credential: Credential = field(repr=False)


class AzureSession:
    """One account's access. Threads may share it; clients are cheap to keep and dear to make.

    Methods raise `AccountError`; the clients' own calls raise azure-core's errors. Nothing that they log holds a signature.
    """

    signs_in_with: ClassVar[type[AccountSpec]] = AzureAccountSpec

    def __init__(self, spec: AzureAccountSpec, secrets: SecretSource) -> None:
        self._spec = spec
        self._secrets = secrets
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, int], Any] = {}
        mask_urls()

    def container(self, name: str, *, attempts: int) -> ContainerClient:
        """A client of a container; the same one for the same options. `attempts` in all per call (1: never sends anything twice)."""
        with self._lock:
            key = ("blob", name, attempts)
            if key not in self._clients:
                access = self._access
                self._clients[key] = ContainerClient(access.blob, name, access.credential, **_options(attempts))
            found: ContainerClient = self._clients[key]
            return found

    def file_system(self, name: str, *, attempts: int) -> FileSystemClient:
        """A client of a container with a hierarchical namespace."""
        with self._lock:
            key = ("dfs", name, attempts)
            if key not in self._clients:
                access = self._access
                credential: Any = access.credential
                if isinstance(credential, AzureSasCredential):
                    credential = credential.signature  # only so does a rename tell the service of it
                self._clients[key] = FileSystemClient(access.dfs, name, credential, **_options(attempts))
            found: FileSystemClient = self._clients[key]
            return found

    def sign_in(self) -> str:
        """See `SignsIn`. Keys and signatures are looked at by the service alone."""
        match self._access.credential:
            case AzureSasCredential() | AzureNamedKeyCredential():
                return "found credentials"
            case token:
                try:
                    token.get_token(_SCOPE)
                except ClientAuthenticationError as error:
                    raise no_token("The account", error) from error
                return "got a token"

    def readable(self, container: str, blob: str) -> tuple[str, str | None]:
        """A URL with which the service itself may read a blob for an hour, and the Authorization that it needs besides."""
        access = self._access
        url = f"{access.blob}/{container}/{quote(blob, safe='/~')}"
        match access.credential:
            case AzureSasCredential() as sas:
                return f"{url}?{sas.signature}", None
            case AzureNamedKeyCredential() as key:
                signed = generate_blob_sas(
                    access.account,
                    container,
                    blob,
                    account_key=key.named_key.key,
                    permission=BlobSasPermissions(read=True),
                    expiry=datetime.now(UTC) + _COPIES,
                )
                return f"{url}?{signed}", None
            case token:
                return url, f"Bearer {token.get_token(_SCOPE).token}"

    @cached_property
    def _access(self) -> _Access:
        auth = self._spec.auth
        if auth.connection_string is not None:
            return _from_connection_string(self._secrets.resolve(auth.connection_string).reveal())
        name = self._spec.storage_account or ""
        ends = self._spec.endpoints
        return _Access(
            name,
            (ends.blob or f"https://{name}.blob.core.windows.net").rstrip("/"),
            (ends.dfs or (ends.blob or f"https://{name}.dfs.core.windows.net").replace(".blob.", ".dfs.")).rstrip("/"),
            self._credential(name),
        )

    def _credential(self, name: str) -> Credential:
        auth = self._spec.auth
        if auth.sas is not None:
            return _sas(self._secrets.resolve(auth.sas).reveal())
        if auth.account_key is not None:
            return _key(name, self._secrets.resolve(auth.account_key).reveal())
        from azure import identity

        # What `identity` gives renews its tokens itself.
        if (principal := auth.service_principal) is not None:
            secret = self._secrets.resolve(principal.client_secret).reveal()
            return identity.ClientSecretCredential(principal.tenant_id, principal.client_id, secret)
        if auth.managed_identity is not None:
            return identity.ManagedIdentityCredential(client_id=auth.managed_identity.client_id)
        return identity.DefaultAzureCredential(exclude_interactive_browser_credential=True)


def _options(attempts: int) -> dict[str, Any]:
    return {
        "retry_policy": ExponentialRetry(
            initial_backoff=1, increment_base=2, retry_total=attempts - 1, random_jitter_range=1
        ),
        "connection_timeout": 10,
        "read_timeout": 60,
        "user_agent": f"reconciler/{__version__}",
    }


def _from_connection_string(text: str) -> _Access:
    parts: Mapping[str, str] = dict(each.split("=", 1) for each in text.strip().strip(";").split(";") if "=" in each)
    name = parts.get("AccountName", "")
    suffix = f"{parts.get('DefaultEndpointsProtocol', 'https')}://{name}.{{}}.{parts.get('EndpointSuffix', 'core.windows.net')}"
    blob = parts.get("BlobEndpoint") or (suffix.format("blob") if name else "")
    if not blob.startswith(("https://", "http://")):
        raise _unusable("The connection string names neither AccountName nor BlobEndpoint")
    dfs = parts.get("DfsEndpoint") or blob.replace(".blob.", ".dfs.")
    if sas := parts.get("SharedAccessSignature"):
        return _Access(name, blob.rstrip("/"), dfs.rstrip("/"), _sas(sas))
    if not (key := parts.get("AccountKey")):
        raise _unusable("The connection string holds neither AccountKey nor SharedAccessSignature")
    return _Access(name, blob.rstrip("/"), dfs.rstrip("/"), _key(name, key))


def _sas(text: str) -> AzureSasCredential:
    token = text.strip().rpartition("?")[2]
    if "sig=" not in token:
        raise _unusable("The shared access signature has no part sig=")
    return AzureSasCredential(token)


def _key(name: str, text: str) -> AzureNamedKeyCredential:
    if not re.fullmatch(r"[A-Za-z0-9+/]{20,}={0,2}", text.strip()):
        raise _unusable("The account key isn't Base64")
    return AzureNamedKeyCredential(name, text.strip())


def no_token(who: str, error: Exception) -> AccountError:
    """Nobody gave a token, or nobody was there to."""
    return account_failure(
        "A160",
        f"{who}: {type(error).__name__}. Sign in (`az login`), give the process an identity, or correct `auth` in the Account.",
    )


def _unusable(why: str) -> AccountError:
    return account_failure(
        "A161",
        f"{why}. Copy it again from the storage account's page, whole, to where the Account's reference leads.",
    )
