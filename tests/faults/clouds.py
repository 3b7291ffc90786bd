"""Destinations of the other types: how a project reaches a fresh place of one, and what is really there.

Who looks is the bench of the type's conformance suite, which has nothing of ours in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tests.catalog.plugged import environment
from tests.conformance.destinations import Bench
from tests.conformance.test_destinations_adls import AdlsBench
from tests.conformance.test_destinations_azure import BlobBench
from tests.conformance.test_destinations_gcs import GcsBench
from tests.examples.archive import ArchiveBench
from tests.servers.azurite import ACCOUNT, AzureServer
from tests.servers.dfs import DfsServer
from tests.servers.gcs import GcsServer

CLOUDS: Final = ("azure-blob", "adls-gen2", "gcs")
OTHERS: Final = (*CLOUDS, "sqlar")
KEY: Final = "FAULTS_CLOUD_KEY"


@dataclass(frozen=True)
class Cloud:
    """`account`: the spec of the account that it needs, empty: none. `secrets`: what that refers to, in the environment. `endpoint`: where
    requests go, to be led through a proxy. `empty`: lets its server forget what is there."""

    type: str
    connection: str
    bench: Bench
    account: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""
    empty: Callable[[], object] = lambda: None

    def through(self, endpoint: str) -> Cloud:
        """The same place behind another address: a proxy's."""
        return replace(self, account=self.account.replace(self.endpoint, endpoint), endpoint=endpoint)


Maker = Callable[[Path], Cloud]
"""Gives an empty place; of a type that keeps files on this machine, in this folder."""


@contextmanager
def maker(kind: str, fixture: Callable[[str], Any]) -> Iterator[Maker]:
    """Makes places of a kind, on a server that `fixture` starts or has."""
    match kind:
        case "azure-blob":
            azure: AzureServer = fixture("azure_server")
            yield lambda _: _blob(azure)
        case "adls-gen2":
            dfs: DfsServer = fixture("dfs_server")
            yield lambda _: _adls(dfs)
        case "gcs":
            gcs: GcsServer = fixture("gcs_server")
            yield lambda _: _gcs(gcs)
        case _:
            site: Path = fixture("plugin_site")
            with environment(site) as patch:
                patch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]))
                yield lambda folder: _archive(folder / "box.sqlar")


def _blob(server: AzureServer) -> Cloud:
    # A container of its own: Azurite looks through all blobs of one for a listing.
    bench = BlobBench(server, path="exports", container=server.create_container("faults"))
    return Cloud(
        "azure-blob",
        f"{{container: {bench.name}, path: exports}}",
        bench,
        f'{{type: azure, storageAccount: {ACCOUNT}, auth: {{accountKey: {{fromEnv: {KEY}}}}}, endpoints: {{blob: "{server.blob}"}}}}',
        {KEY: server.key},
        server.endpoint,
        bench.container.delete_container,
    )


def _adls(server: DfsServer) -> Cloud:
    bench = AdlsBench(server)
    return Cloud(
        "adls-gen2",
        f"{{container: {bench.name}, path: {bench.connection.path}}}",
        bench,
        f'{{type: azure, storageAccount: acme, auth: {{accountKey: {{fromEnv: {KEY}}}}}, endpoints: {{dfs: "{server.endpoint}"}}}}',
        {KEY: "a2V5" * 22},
        server.endpoint,
        bench.nodes.clear,
    )


def _gcs(server: GcsServer) -> Cloud:
    bench = GcsBench(server, path="exports")

    def empty() -> None:
        for name in bench.names():
            bench.remove(name)

    return Cloud(
        "gcs",
        f"{{bucket: {bench.bucket}, path: exports}}",
        bench,
        f'{{type: gcp, auth: {{serviceAccount: {{fromEnv: {KEY}}}}}, endpoints: {{storage: "{server.endpoint}"}}}}',
        {KEY: server.key},
        server.endpoint,
        empty,
    )


def _archive(path: Path) -> Cloud:
    return Cloud("sqlar", f'{{path: "{path}"}}', ArchiveBench(path))
