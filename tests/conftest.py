"""Fixtures that many tests share. Real servers start on first use, one of each per test process.

Nights that tests live through are those of 2054, whose weekdays are 2026's: what a test writes has today's modification
time, and a run sees only files that are older than itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.examples.archive import install
from tests.servers.azurite import AzureServer, azurite
from tests.servers.dfs import DfsServer, dfs
from tests.servers.faultproxy import FaultProxy
from tests.servers.gcs import GcsServer, gcs
from tests.servers.gnupg import Gpg, gnupg
from tests.servers.moto import moto
from tests.servers.openssh import SshServer, openssh
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import seaweedfs

# A slow machine is no failure: nothing is judged by the clock.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

_LONG = "tests/faults/"

_OTHERS = frozenset(
    {"CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "RECONCILER_ACTOR"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Among several processes a file's tests stay together, for what they share. Those that kill runners take minutes: by where they do."""
    for item in items:
        path = item.nodeid.partition("::")[0]
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        apart = [str(given.get(each, "")) for each in ("kind", "name")] if path.startswith(_LONG) else []
        item.add_marker(pytest.mark.xdist_group("#".join([path, *apart])))


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    """What the environment says of CI, of colours or of somebody's cloud account is no part of a test, nor of what a test starts."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [*os.environ]:
            if name in _OTHERS or name.startswith(("AWS_", "AZURE_", "GOOGLE_", "RECONCILE_", "GITHUB_", "OTEL_")):
                patched.delenv(name)
        yield


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[S3Server]:
    """A running SeaweedFS; use a bucket of your own (`server.create_bucket()`)."""
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """A running moto server; use names of your own."""
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def openssh_server() -> Iterator[SshServer]:
    """A running sshd; use a folder of your own (`server.folder()`)."""
    with openssh() as server:
        yield server


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    """GnuPG with a keyring of its own."""
    with gnupg() as (found, _):
        yield found


@pytest.fixture
def seaweed_proxy(seaweed_server: S3Server) -> Iterator[FaultProxy]:
    """A fault proxy in front of SeaweedFS, without rules yet."""
    with FaultProxy(seaweed_server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def moto_proxy(moto_server: S3Server) -> Iterator[FaultProxy]:
    """A fault proxy in front of moto, without rules yet."""
    with FaultProxy(moto_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def azure_server() -> Iterator[AzureServer]:
    """A running Azurite; use a container of your own (`server.create_container()`)."""
    with azurite() as server:
        yield server


@pytest.fixture
def azure_proxy(azure_server: AzureServer) -> Iterator[FaultProxy]:
    """A fault proxy in front of Azurite, without rules yet."""
    with FaultProxy(azure_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """What answers like Cloud Storage; use a bucket of your own (`server.create_bucket()`)."""
    with gcs() as server:
        yield server


@pytest.fixture
def gcs_proxy(gcs_server: GcsServer) -> Iterator[FaultProxy]:
    """A fault proxy in front of it, without rules yet."""
    with FaultProxy(gcs_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def dfs_server() -> Iterator[DfsServer]:
    """What answers like Data Lake Storage Gen2; use a container of your own (`server.create()`)."""
    with dfs() as server:
        yield server


@pytest.fixture(scope="session")
def plugin_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example of a destination type is installed."""
    return install(tmp_path_factory.mktemp("plugin") / "site")
