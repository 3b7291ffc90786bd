"""The `adls-gen2` type passes the suite, on a server of our own: see tests/servers/dfs.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from reconciler.accounts.azure import AzureSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.adls_gen2 import AdlsGen2Connection
from reconciler.destinations.adls_gen2 import AdlsStore
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.moving import MovingDestination
from reconciler.resources.accounts.azure import AzureAccountSpec
from tests.conformance.destinations import DestinationConformance
from tests.servers.dfs import DfsServer, Node
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule

PROBE = ".reconciler-probe"
"""What a write-only connection's probe leaves, the same every time."""


def session_for(endpoint: str) -> AzureSession:
    """Signed in with any key."""
    spec: dict[str, Any] = {
        "type": "azure",
        "storageAccount": "acme",
        "auth": {"accountKey": {"fromEnv": "KEY"}},
        "endpoints": {"dfs": endpoint},
    }
    return AzureSession(AzureAccountSpec.model_validate(spec), SecretSource(Path("/"), {"KEY": "a2V5" * 22}))


class AdlsBench:
    """A container of its own."""

    big = 20 << 20
    many = 120

    def __init__(self, server: DfsServer, through: str = "", **more: Any) -> None:
        self.name = server.create()
        self.server, self.nodes, self.prefix = server, server.places[self.name], "exports/daily/"
        self.connection = AdlsGen2Connection.model_validate({"container": self.name, "path": "exports/daily", **more})
        self.session = session_for(through or server.endpoint)

    def open(self) -> MovingDestination:
        return MovingDestination(
            AdlsStore(self.connection, self.session), readable=self.connection.access == "read-write"
        )

    def files(self) -> dict[str, bytes]:
        with self.server.lock:
            return {
                path.removeprefix(self.prefix): node.content
                for path, node in self.nodes.items()
                if node.content is not None
            }

    def visible(self) -> dict[str, bytes]:
        """Without the staging folder, which is hidden by its name alone, as `local` has it."""
        return {
            name: content
            for name, content in self.files().items()
            if not name.startswith(".reconciler-staging/") and name not in (OWNER_MARKER, PROBE)
        }

    def put(self, name: str, content: bytes) -> None:
        with self.server.lock:
            folder = (self.prefix + name).rpartition("/")[0]
            while folder:
                self.nodes.setdefault(folder, Node(None))
                folder = folder.rpartition("/")[0]
            self.nodes[self.prefix + name] = Node(content)

    def remove(self, name: str) -> None:
        with self.server.lock:
            del self.nodes[self.prefix + name]

    def leftovers(self) -> list[str]:
        """What is staged, probes, and empty folders of ours."""
        with self.server.lock:
            names = [path.removeprefix(self.prefix) for path in self.nodes]
        return [name for name in names if name.startswith(".reconciler-") and name not in (OWNER_MARKER, PROBE)]


class TestAdls(DestinationConformance):
    @pytest.fixture
    def bench(self, dfs_server: DfsServer) -> AdlsBench:
        return AdlsBench(dfs_server)

    def test_folders_left_empty_are_removed(self, bench: AdlsBench, deletable: MovingDestination) -> None:
        for name in ("us/a/1", "us/a/2", "us/b/c/3"):
            bench.put(name, b"x")
        deletable.delete(["us/a/1", "us/b/c/3"])
        folders = {path for path, node in bench.nodes.items() if node.is_folder}
        assert folders == {"exports", "exports/daily", "exports/daily/us", "exports/daily/us/a"}


@pytest.fixture(scope="module")
def forbidding(dfs_server: DfsServer) -> Iterator[str]:
    """Where nothing outside the staging folder may be looked at or deleted, and nothing but it be listed."""
    with FaultProxy(dfs_server.endpoint) as proxy:
        proxy.add(Rule(Answer(403), when=_looks_outside))
        yield proxy.endpoint


class TestAdlsWriteOnly(DestinationConformance):
    @pytest.fixture
    def bench(self, dfs_server: DfsServer, forbidding: str) -> AdlsBench:
        return AdlsBench(dfs_server, through=forbidding, access="write-only")


def _looks_outside(request: Request) -> bool:
    path, _, query = request.path.partition("?")
    asked = parse_qs(query).get("directory", [unquote(path).strip("/").partition("/")[2]])[0]
    inside = f"{asked}/".startswith("exports/daily/.reconciler-staging/")
    return request.method in ("GET", "HEAD", "DELETE") and not inside
