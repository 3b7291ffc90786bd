"""Metrics of nights that are lived through: as a file, as a status, in the history, in the manifest."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_older

from tests.cli.support import Reconcile, simulated_shop

FLOW = {"project": "shop", "flow": "outbox/audience/us-high-intent", "destination": "outbox"}


@pytest.fixture
def shop(tmp_path: Path, reconcile: Reconcile) -> Path:
    """What `init` makes, with metrics in a file."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    with (folder / "reconcile.yaml").open("a") as file:
        file.write("  metrics: {openMetrics: {path: metrics/reconciler.prom}}\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def written(shop: Path) -> str:
    return (shop / "metrics" / "reconciler.prom").read_text()


def values(text: str) -> dict[str, float]:
    """Value by name, and by name and reason or state, of the one flow; read by Prometheus' own parser."""
    found: dict[str, float] = {}
    families: list[Metric] = list(read_open(text))
    for sample in (each for family in families for each in family.samples):
        more = {key: value for key, value in sample.labels.items() if key not in FLOW}
        assert sample.labels.items() >= FLOW.items() or "version" in more
        found[" ".join([sample.name.removeprefix("reconciler_"), *more.values()])] = sample.value
    return found


def test_a_run_replaces_the_file(shop: Path, reconcile: Reconcile) -> None:
    before = values(written(shop))
    assert "last_export_exported_rows" not in before
    assert before["flow_state ready"] == 1
    assert reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z").code == 0
    after = values(written(shop))
    assert (
        after["last_export_read_rows"] >= after["last_export_matched_rows"] == after["last_export_exported_rows"] == 90
    )
    assert (after["last_export_files"], after["last_export_excluded_rows consent"]) == (1, 0)
    assert 600 <= after["last_export_delay_seconds"] < 700
    assert 0 < after["last_export_duration_seconds"] < 100
    assert after["last_export_slot_timestamp_seconds"] == int(datetime(2054, 12, 1, 2, tzinfo=UTC).timestamp())
    assert after["flow_state ready"] == 1
    size = sum(each.stat().st_size for each in (shop / "out").rglob("part-*"))
    assert after["last_export_size_bytes"] == size


def test_what_goes_wrong_is_a_state(shop: Path, reconcile: Reconcile) -> None:
    (shop / "data").rename(shop / "away")
    assert reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z").code == 1
    assert values(written(shop))["flow_state failed"] == 1


def test_the_older_format_reads_the_same(shop: Path, reconcile: Reconcile) -> None:
    """That of a node exporter's textfile collector, which knows no other types."""
    reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    newer = [(each.name, each.type, each.samples) for each in read_open(written(shop))]
    older = [(each.name, each.type, each.samples) for each in read_older(written(shop))]
    assert newer == older
    assert {kind for _, kind, _ in older} == {"gauge"}


def test_status_prints_the_same(shop: Path, reconcile: Reconcile) -> None:
    reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    assert reconcile("-C", shop, "status", "--format", "openmetrics", "--at", "2054-12-01T02:10Z").out == written(shop)
    assert reconcile("-C", shop, "status", "--format", "openmetrics", "--watch").code == 64


def test_history_status_and_manifest_say_it_too(shop: Path, reconcile: Reconcile) -> None:
    reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    (run,) = json.loads(reconcile("-C", shop, "history", "--format", "json").out)["runs"]
    (flow,) = json.loads(reconcile("-C", shop, "status", "--format", "json").out)["flows"]
    manifest = json.loads(next((shop / "out").rglob("_manifest-*")).read_text())
    assert run["read"] == flow["lastRun"]["read"] == manifest["read"] > 90
    assert run["matched"] == flow["lastRun"]["matched"] == manifest["matched"] == 90
    assert 600 <= run["delaySeconds"] == flow["lastRun"]["delaySeconds"] == manifest["delaySeconds"] < 700
    assert 0 < manifest["durationSeconds"] <= flow["lastRun"]["durationSeconds"]


def test_a_file_that_can_not_be_written_fails_nothing(shop: Path, reconcile: Reconcile) -> None:
    (shop / "metrics" / "reconciler.prom").unlink()
    (shop / "metrics").rmdir()
    (shop / "metrics").write_text("in the way")
    found = reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    assert (found.code, "N110 metrics can't be written" in found.err) == (0, True)


def test_a_link_does_not_lead_out_of_the_project(shop: Path, reconcile: Reconcile, tmp_path: Path) -> None:
    (shop / "metrics" / "reconciler.prom").unlink()
    (shop / "metrics").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (shop / "metrics").symlink_to(tmp_path / "elsewhere")
    found = reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    assert (found.code, "leads out of the project" in found.err) == (0, True)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_collector_may_read_it_and_finds_nothing_else(shop: Path, reconcile: Reconcile) -> None:
    reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    (path,) = (shop / "metrics").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


@pytest.mark.parametrize(("path", "code"), [("../metrics.prom", "P101"), ("metrics.txt", "C105")])
def test_a_path_that_is_none(shop: Path, reconcile: Reconcile, path: str, code: str) -> None:
    project = shop / "reconcile.yaml"
    project.write_text(project.read_text().replace("metrics/reconciler.prom", path))
    for command in ("validate", "run"):
        found = reconcile("-C", shop, command)
        assert (found.code, code in found.out + found.err) == (3, True)


def test_without_the_extra_a_run_goes_on(shop: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client.core", None)
    found = reconcile("-C", shop, "run", "--at", "2054-12-01T02:10Z")
    assert (found.code, "pip install 'reconciler[metrics]'" in found.err) == (0, True)
    shown = reconcile("-C", shop, "status", "--format", "openmetrics")
    assert (shown.code, "pip install 'reconciler[metrics]'" in shown.err) == (1, True)
