"""`azure-blob` from validation to purge, signed in with what a storage account's page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.destinations.base import OWNER_MARKER
from tests.cli.clouds import Shop
from tests.cli.support import Reconcile
from tests.servers.azurite import AzureServer


def test_from_validation_to_purge(
    azure_server: AzureServer, tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX", azure_server.connection_string())
    container = azure_server.create_container()
    shop = Shop(
        tmp_path,
        reconcile,
        type="azure-blob",
        account="{type: azure, auth: {connectionString: {fromEnv: BOX}}}",
        connection=f"{{container: {container}, path: exports}}",
    )
    shop.live()
    blobs = {item.name: item for item in azure_server.container(container).list_blobs("exports/us/")}
    rows = [
        azure_server.container(container).download_blob(name).readall().decode()
        for name in sorted(blobs)
        if name.endswith(".csv")
    ]
    assert sorted(row for text in rows for row in text.splitlines()) == [
        "1,US", "3,US", "4,US", "prospect_id,country", "prospect_id,country",
    ]  # fmt: skip
    gone = next(name for name in blobs if name.endswith(".csv"))
    azure_server.container(container).delete_blob(gone)
    assert gone.rpartition("/")[2] in shop.call("verify", code=1)
    shop.purge()
    left = azure_server.container(container).list_blobs(include=["uncommittedblobs"])
    assert [item.name for item in left] == [f"exports/{OWNER_MARKER}"]


def test_a_missing_secret_is_named(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = Shop(
        tmp_path,
        reconcile,
        type="azure-blob",
        account="{type: azure, storageAccount: acmeexports, auth: {sas: {fromEnv: NOT_SET_HERE}}}",
        connection="{container: prospects}",
    )
    shop.call("validate")
    out = shop.call("apply", "--yes", "--no-exports", "--at", "2054-12-01T00:00Z", code=6)
    assert "A101" in out
    assert "NOT_SET_HERE" in out


@pytest.mark.parametrize("name", ["Upper", "ab", "a--b", "-ab", "ab-", "a_b", "a" * 64])
def test_container_names(tmp_path: Path, reconcile: Reconcile, name: str) -> None:
    shop = Shop(
        tmp_path, reconcile, type="azure-blob", account="{type: azure, storageAccount: acme}", connection=f"{{container: {name}}}"
    )  # fmt: skip
    assert "container" in shop.call("validate", code=3)
