"""Azurite's Blob Storage, in memory: signatures, shared access signatures, blocks and conditions.

with azurite() as server: server.create_container()
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.needed import SERVERS, needed
from tests.servers.process import ServerFailed, answers, free_ports, running

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

ACCOUNT = "devstoreaccount1"


@dataclass(frozen=True)
class AzureServer:
    """An endpoint and the account's key, made up for this server."""

    endpoint: str
    key: str

    @property
    def blob(self) -> str:
        """Blob Storage's URL."""
        return f"{self.endpoint}/{ACCOUNT}"

    def at(self, endpoint: str) -> AzureServer:
        """The same server behind another address: a proxy's."""
        return replace(self, endpoint=endpoint)

    def connection_string(self) -> str:
        """As a storage account's page shows it."""
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={self.key};BlobEndpoint={self.blob};"

    def sas(self, container: str, permissions: str = "rcwdl", hours: float = 1) -> str:
        """A shared access signature for a container."""
        from azure.storage.blob import ContainerSasPermissions, generate_container_sas

        return generate_container_sas(
            ACCOUNT,
            container,
            account_key=self.key,
            permission=ContainerSasPermissions.from_string(permissions),
            expiry=datetime.now(UTC) + timedelta(hours=hours),
        )

    def service(self) -> BlobServiceClient:
        """A plain client, for preparing and for looking."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self.blob, credential={"account_name": ACCOUNT, "account_key": self.key})

    def create_container(self, prefix: str = "test") -> str:
        """A new container with a name that no other test has."""
        name = f"{prefix}-{secrets.token_hex(6)}"
        self.service().create_container(name)
        return name

    def container(self, name: str) -> ContainerClient:
        """A plain client of a container."""
        return self.service().get_container_client(name)


@contextlib.contextmanager
def azurite() -> Iterator[AzureServer]:
    """Starts a server on a free loopback port; tried three times, since the port may be taken meanwhile."""
    program = needed(SERVERS / "node_modules" / ".bin" / "azurite-blob", "make servers")
    key = "a2V5" * 22  # Base64, as all keys of storage accounts
    for attempt in range(3):
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="azurite-")))
            port = free_ports(1)[0]
            endpoint = f"http://127.0.0.1:{port}"
            environment: Mapping[str, str] = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}", "PATH": os.environ["PATH"]}
            command = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
            command += ["--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry"]
            try:
                stack.enter_context(running(command, folder / "log", partial(answers, endpoint), env=environment))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield AzureServer(endpoint, key)
            return
