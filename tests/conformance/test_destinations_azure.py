"""The `azure-blob` type passes the suite on Azurite: signed in by key and by shared access signature, copied at once and in blocks."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from azure.core.exceptions import ResourceNotFoundError

from reconciler.accounts.azure import AzureSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.azure_blob import AzureBlobConnection
from reconciler.destinations.azure_blob import BlobStore
from reconciler.destinations.azure_blob_copy import USUAL, Copying
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.moving import MovingDestination
from reconciler.resources.accounts.azure import AzureAccountSpec
from tests.conformance.destinations import DestinationConformance
from tests.servers.azurite import ACCOUNT, AzureServer


def session_for(server: AzureServer, sas: str = "") -> AzureSession:
    """Signed in by the server's key, or by a shared access signature."""
    auth: dict[str, Any] = {"sas": {"fromEnv": "SAS"}} if sas else {"accountKey": {"fromEnv": "KEY"}}
    spec = {"type": "azure", "storageAccount": ACCOUNT, "auth": auth, "endpoints": {"blob": server.blob}}
    return AzureSession(AzureAccountSpec.model_validate(spec), SecretSource(Path("/"), {"KEY": server.key, "SAS": sas}))


class BlobBench:
    """A folder of its own, in a container that others use too unless it is given. `copying`: how files get their names."""

    big = 20 << 20
    many = 300  # 256 are deleted by one request
    _shared: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        server: AzureServer,
        path: str | None = None,
        through: str = "",
        *,
        container: str = "",
        permissions: str = "",
        copying: Copying = USUAL,
    ) -> None:
        self.name = container or self._shared.get(server.endpoint) or server.create_container()
        if not container:
            self._shared[server.endpoint] = self.name
        path = f"exports/{secrets.token_hex(6)}" if path is None else path
        self.prefix = f"{path}/" if path else ""
        self.container = server.container(self.name)
        self.connection = AzureBlobConnection(container=self.name, path=path)
        sas = server.sas(self.name, permissions) if permissions else ""
        self.session = session_for(server.at(through) if through else server, sas)
        self.copying = copying

    def open(self) -> MovingDestination:
        return MovingDestination(BlobStore(self.connection, self.session, self.copying))

    def names(self) -> list[str]:
        return [item.name.removeprefix(self.prefix) for item in self.container.list_blobs(self.prefix)]

    def visible(self) -> dict[str, bytes]:
        """What goes while this looks counts as gone."""
        found = {}
        for name in self.names():
            with suppress(ResourceNotFoundError):
                if name != OWNER_MARKER:
                    found[name] = self.container.get_blob_client(self.prefix + name).download_blob().readall()
        return found

    def put(self, name: str, content: bytes) -> None:
        self.container.get_blob_client(self.prefix + name).upload_blob(content, overwrite=True)

    def remove(self, name: str) -> None:
        self.container.get_blob_client(self.prefix + name).delete_blob()

    def leftovers(self) -> list[str]:
        """What is staged, blobs that are blocks only, and probes."""
        known = set(self.names())
        listed = [
            item.name.removeprefix(self.prefix)
            for item in self.container.list_blobs(self.prefix, include=["uncommittedblobs"])
        ]
        return [
            name for name in listed if name not in known or (name.startswith(".reconciler-") and name != OWNER_MARKER)
        ]


class TestAzurite(DestinationConformance):
    @pytest.fixture
    def bench(self, azure_server: AzureServer) -> BlobBench:
        return BlobBench(azure_server)


class TestAzuriteSignatureAndBlocks(DestinationConformance):
    @pytest.fixture
    def bench(self, azure_server: AzureServer) -> BlobBench:
        """Almost everything is copied in blocks, as files above 256 MiB are."""
        return BlobBench(azure_server, permissions="rcwdl", copying=Copying(at_once=3, block=7_000_000))
