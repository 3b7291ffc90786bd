"""Probes that were killed: the next probe removes what they left, once it is surely nobody's any more."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.destinations import s3_probe
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.local import LocalDestination
from tests.conformance.destinations import LINEAGE
from tests.conformance.test_destinations_s3 import S3Bench
from tests.servers.s3 import S3Server

LEFT = ("{staging}/probe-{name}/.reconciler-probe-{name}.staged", ".reconciler-probe-{name}", OWNER_MARKER + ".{name}")


def test_a_local_probe_removes_what_is_an_hour_old_and_nothing_younger(tmp_path: Path) -> None:
    place = LocalDestination(tmp_path)
    place.claim_owner(LINEAGE)
    for name, age in (("dead", 3_700), ("busy", 60)):
        for template in LEFT:
            path = tmp_path / template.format(staging=".reconciler-staging", name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"probe\n")
            os.utime(path, (time.time() - age,) * 2)
            if path.parent != tmp_path:
                os.utime(path.parent, (time.time() - age,) * 2)
    place.probe()
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    busy = [template.format(staging="", name="busy").rpartition("/")[2] for template in LEFT]
    assert left == sorted([OWNER_MARKER, *busy])
    assert place.owner() == LINEAGE


@pytest.mark.parametrize("access", ["read-write", "write-only"])
def test_an_s3_probe_removes_what_is_stale(
    seaweed_server: S3Server, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    bench = S3Bench(seaweed_server, access=access)
    common: dict[str, Any] = {"Bucket": bench.bucket}
    bench.client.create_multipart_upload(**common, Key=f"{bench.prefix}.reconciler-probe-dead")
    bench.client.create_multipart_upload(**common, Key=f"{bench.prefix}us/part-1.csv")
    if access == "read-write":
        bench.client.put_object(**common, Key=f"{bench.prefix}.reconciler-probe-dead", Body=b"probe\n")
    bench.open().probe()
    assert f"{bench.prefix}.reconciler-probe-dead" in bench.leftovers(), "it may still be at work"
    monkeypatch.setattr(s3_probe, "STALE", timedelta(0))
    bench.open().probe()
    assert bench.leftovers() == [f"{bench.prefix}us/part-1.csv"]
