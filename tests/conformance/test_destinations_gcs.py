"""The `gcs` type passes the suite, on what tests/servers/gcs.py puts together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, quote, unquote

import pytest
from google.cloud.storage.retry import DEFAULT_RETRY

from reconciler.accounts.gcp import GcpSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.gcs import GcsConnection
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.gcs import GcsStore
from reconciler.destinations.moving import MovingDestination
from reconciler.resources.accounts.gcp import GcpAccountSpec
from tests.conformance.destinations import DestinationConformance
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule
from tests.servers.gcs import GcsServer

PROBE = ".reconciler-probe"
"""What a write-only connection's probe leaves, the same every time."""
IMPATIENT = DEFAULT_RETRY.with_timeout(1.5).with_delay(initial=0.05, maximum=0.05)
"""What clients wait between isn't what is tested."""


def session_for(server: GcsServer) -> GcpSession:
    """Signed in by the service account that the server knows."""
    spec = {
        "type": "gcp",
        "auth": {"serviceAccount": {"fromEnv": "KEY"}},
        "endpoints": {"storage": server.endpoint},
    }
    return GcpSession(GcpAccountSpec.model_validate(spec), SecretSource(Path("/"), {"KEY": server.key}))


class GcsBench:
    """A bucket of its own: the emulator lists the whole of one."""

    big = 20 << 20
    many = 60  # one at a time; and the emulator writes all it knows anew for each object
    _sessions: ClassVar[dict[str, GcpSession]] = {}

    def __init__(self, server: GcsServer, path: str = "exports/daily", through: str = "", **more: Any) -> None:
        self.server = server
        self.bucket = server.create_bucket()
        self.prefix = f"{path}/" if path else ""
        self.connection = GcsConnection.model_validate({"bucket": self.bucket, "path": path, **more})
        reached = server.at(through) if through else server
        self.session = self._sessions.setdefault(reached.endpoint, session_for(reached))

    def open(self) -> MovingDestination:
        return MovingDestination(
            GcsStore(self.connection, self.session, IMPATIENT), readable=self.connection.access == "read-write"
        )

    def _call(self, method: str, path: str, body: bytes | None = None, status: int = 200) -> bytes:
        found, content = self.server.call(method, path, body)
        assert found == status, content
        return content

    def _object(self, name: str) -> str:
        return f"/storage/v1/b/{self.bucket}/o/{quote(self.prefix + name, safe='')}"

    def names(self) -> list[str]:
        listed: Any = json.loads(self._call("GET", f"/storage/v1/b/{self.bucket}/o"))
        return [item["name"].removeprefix(self.prefix) for item in listed.get("items", ())]

    def visible(self) -> dict[str, bytes]:
        """Without the staging folder, which is hidden by its name alone, as `local` has it. What goes while this looks counts as gone."""
        found = {}
        for name in self.names():
            if not name.startswith(".reconciler-staging/") and name not in (OWNER_MARKER, PROBE):
                status, content = self.server.call("GET", f"/download{self._object(name)}?alt=media")
                assert status in (200, 404), content
                if status == 200:
                    found[name] = content
        return found

    def put(self, name: str, content: bytes) -> None:
        upload = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={quote(self.prefix + name, safe='')}"
        self._call("POST", upload, content)

    def remove(self, name: str) -> None:
        self._call("DELETE", self._object(name))

    def leftovers(self) -> list[str]:
        """What is staged, and probes."""
        return [name for name in self.names() if name.startswith(".reconciler-") and name not in (OWNER_MARKER, PROBE)]


class TestGcs(DestinationConformance):
    @pytest.fixture
    def bench(self, gcs_server: GcsServer) -> GcsBench:
        return GcsBench(gcs_server)


@pytest.fixture(scope="module")
def forbidding(gcs_server: GcsServer) -> Iterator[str]:
    """Where nothing outside the staging folder may be looked at, changed or deleted, and nothing but it be listed."""
    with FaultProxy(gcs_server.endpoint) as proxy:
        proxy.add(Rule(Answer(403), when=_looks_outside))
        yield proxy.endpoint


class TestGcsWriteOnly(DestinationConformance):
    @pytest.fixture
    def bench(self, gcs_server: GcsServer, forbidding: str) -> GcsBench:
        return GcsBench(gcs_server, through=forbidding, access="write-only")


def _looks_outside(request: Request) -> bool:
    path = unquote(request.path.partition("?")[0])
    query = parse_qs(request.path.partition("?")[2])
    if path.startswith("/upload/") or "/moveTo/" in path:
        return False
    if path.endswith("/o"):
        return not query["prefix"][0].startswith("exports/daily/.reconciler-staging/")
    return "/o/" in path and "/o/exports/daily/.reconciler-staging/" not in path
