"""`adls-gen2` from validation to purge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.clouds import Shop
from tests.cli.support import Reconcile
from tests.conformance.test_destinations_adls import AdlsBench
from tests.servers.dfs import dfs


def test_from_validation_to_purge(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_KEY", "a2V5" * 22)
    with dfs() as server:
        bench = AdlsBench(server)
        signed_in = "storageAccount: acme, auth: {accountKey: {fromEnv: BOX_KEY}}"
        shop = Shop(
            tmp_path,
            reconcile,
            type="adls-gen2",
            account=f'{{type: azure, {signed_in}, endpoints: {{dfs: "{server.endpoint}"}}}}',
            connection=f"{{container: {bench.name}, path: exports/daily}}",
        )
        shop.live()
        files = {name: text for name, text in bench.visible().items() if name.endswith(".csv")}
        rows = sorted(row for text in files.values() for row in text.decode().splitlines())
        assert rows == ["1,US", "3,US", "4,US", "prospect_id,country", "prospect_id,country"]
        bench.remove(gone := sorted(files)[0])
        assert gone.rpartition("/")[2] in shop.call("verify", code=1)
        shop.purge()
        assert (bench.visible(), bench.leftovers()) == ({}, [])
        assert [path for path in bench.nodes if "exportTime" in path] == []
