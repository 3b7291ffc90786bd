"""The example in Azure: its partner's container on Azurite, its lake on the tests' own server."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars
import pytest

from tests.cli.support import Reconcile
from tests.conformance.test_destinations_adls import AdlsBench
from tests.examples.rehearsal import EXAMPLES, replaced
from tests.servers.azurite import ACCOUNT, AzureServer
from tests.servers.dfs import dfs


def test_a_months_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A morning's increment for the agency, and everything for the lake."""
    reconcile, project = Reconcile(capsys), tmp_path / "azure"
    monkeypatch.delenv("CI", raising=False)
    shutil.copytree(EXAMPLES / "azure", project)
    container = azure_server.create_container()
    monkeypatch.setenv("AGENCY_SAS", azure_server.sas(container))
    monkeypatch.setenv("LAKE_CLIENT_SECRET", "a2V5" * 22)
    data = polars.DataFrame(
        {
            "prospect_id": [f"p-{n}" for n in range(1200)],
            "country": ["DE", "AT", "CH", "FR"] * 300,
            "intent_score": [n % 10 / 10 for n in range(1200)],
        }
    )
    (project / "data" / "prospects").mkdir(parents=True)
    data.write_parquet(path := project / "data" / "prospects" / "a.parquet")
    os.utime(path, (at := datetime(2026, 12, 1, tzinfo=UTC).timestamp(), at))
    with dfs() as server:
        bench = AdlsBench(server)
        replaced(
            project / "reconcile.yaml",
            ('ledger: {url: "file://.reconcile/ledger"}', 'ledger: {url: "file://.l", simulated: true}'),
            ("storageAccount: agencyexports", f"storageAccount: {ACCOUNT}"),
            ("auth: {sas:", f'endpoints: {{blob: "{azure_server.blob}"}}\n  auth: {{sas:'),
            ("container: prospects", f"container: {container}"),
        )
        text = (project / "lake.yaml").read_text()
        signed_in = text[text.index("  auth:") : text.index("---\n")]
        replaced(
            project / "lake.yaml",
            # No sign-in server is at hand: the server asks for a signature alone.
            (signed_in, "  auth: {accountKey: {fromEnv: LAKE_CLIENT_SECRET}}\n"),
            ("storageAccount: acmelake", f'storageAccount: acmelake\n  endpoints: {{dfs: "{server.endpoint}"}}'),
            ("container: marketing, path: prospects/monthly", f"container: {bench.name}, path: exports/daily"),
        )

        def done(*arguments: str) -> str:
            found = reconcile("-C", project, *arguments)
            assert found.code == 0, found
            return found.out

        done("apply", "--yes", "--at", "2026-12-30T21:00Z")
        done("run", "--at", "2026-12-31T22:00Z")
        assert "all as recorded" in done("verify")
        (whole,) = [content for name, content in bench.visible().items() if name.endswith(".parquet")]
        assert polars.read_parquet(io.BytesIO(whole)).equals(data)
    place = azure_server.container(container)
    (name,) = [each.name for each in place.list_blobs() if each.name.endswith(".json.gz")]
    assert name.startswith("exports/daily/dach-high-intent/exportTime=202612310530/")
    rows = [json.loads(line) for line in gzip.decompress(place.download_blob(name).readall()).decode().splitlines()]
    chosen = data.filter((polars.col("country") != "FR") & (polars.col("intent_score") >= 0.8))
    assert rows == chosen.select("prospect_id", "country").to_dicts()
