"""`gcs` from validation to purge, signed in with a service account's key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.clouds import Shop
from tests.cli.support import Reconcile
from tests.conformance.test_destinations_gcs import GcsBench
from tests.servers.gcs import GcsServer


def test_from_validation_to_purge(
    gcs_server: GcsServer, tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCS_KEY", gcs_server.key)
    bench = GcsBench(gcs_server, path="exports")
    shop = Shop(
        tmp_path,
        reconcile,
        type="gcs",
        account=f'{{type: gcp, auth: {{serviceAccount: {{fromEnv: GCS_KEY}}}}, endpoints: {{storage: "{gcs_server.endpoint}"}}}}',
        connection=f"{{bucket: {bench.bucket}, path: exports}}",
    )
    shop.live()
    files = {name: text for name, text in bench.visible().items() if name.endswith(".csv")}
    rows = sorted(row for text in files.values() for row in text.decode().splitlines())
    assert rows == ["1,US", "3,US", "4,US", "prospect_id,country", "prospect_id,country"]
    bench.remove(gone := sorted(files)[0])
    assert gone.rpartition("/")[2] in shop.call("verify", code=1)
    shop.purge()
    assert (bench.visible(), bench.leftovers()) == ({}, [])


@pytest.mark.parametrize(
    "name", ["Upper", "ab", "-ab", "ab-", "a" * 64, "goog-x", "my-google", "g00gle", "1.2.3.4", "a..b", "a b"]
)
def test_bucket_names(tmp_path: Path, reconcile: Reconcile, name: str) -> None:
    shop = Shop(tmp_path, reconcile, type="gcs", account="{type: gcp}", connection=f'{{bucket: "{name}"}}')
    assert "bucket" in shop.call("validate", code=3)


def test_bucket_names_with_dots(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = Shop(tmp_path, reconcile, type="gcs", account="{type: gcp}", connection="{bucket: exports_1.acme.example}")
    shop.call("validate")
