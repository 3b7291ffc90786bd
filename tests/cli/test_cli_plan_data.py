"""`plan --data` on the command line: in each format, refused with --base, and never part of what is saved."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from reconciler.config.schemas import published
from tests.cli.support import Reconcile, simulated_shop

NIGHT = "2054-12-01T02:00Z"


def applied(folder: Path, reconcile: Reconcile) -> Path:
    shop = simulated_shop(folder / "shop", reconcile)
    dataset = next((shop / "datasets").glob("*.yaml"))
    dataset.write_text(
        dataset.read_text().replace("format: parquet", "format: parquet\n  primaryKey: [prospect_id]", 1)
    )
    assert reconcile("-C", shop, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return shop


def test_what_is_due_is_looked_at(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = applied(tmp_path, reconcile)
    plain = reconcile("-C", shop, "plan", "--at", NIGHT)
    assert "leaves" not in plain.out
    text = reconcile("-C", shop, "plan", "--data", "--at", NIGHT)
    assert text.out.startswith(plain.out)
    assert ("90 rows in 1 file" in text.out, "90 keys now" in text.out) == (True, True)
    markdown = reconcile("-C", shop, "plan", "--data", "--at", NIGHT, "--format", "markdown")
    assert (markdown.code, "90 rows in 1 file" in markdown.out) == (0, True)
    found = json.loads(reconcile("-C", shop, "plan", "--data", "--at", NIGHT, "--format", "json").out)
    assert found["data"]["flows"][0]["due"]["rows"] == 90
    jsonschema.validate(found, published("plan"))
    assert "data" not in json.loads(reconcile("-C", shop, "plan", "--at", NIGHT, "--format", "json").out)


def test_what_is_saved_is_the_plan_alone(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = applied(tmp_path, reconcile)
    saved = tmp_path / "plan.json"
    found = reconcile("-C", shop, "plan", "--data", "--at", NIGHT, "--out", saved)
    assert (found.code, "leaves" in found.out, "leaves" in saved.read_text()) == (0, True, False)
    assert reconcile("-C", shop, "apply", saved, "--yes", "--at", NIGHT).code == 0


def test_samples_are_masked_and_never_in_a_comment(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = applied(tmp_path, reconcile)
    asked = ("-C", shop, "plan", "--at", NIGHT, "--samples", "2")
    text = reconcile(*asked, "--data")
    assert (text.code, text.out.count("      sample  ")) == (0, 2)
    found = json.loads(reconcile(*asked, "--data", "--format", "json").out)
    jsonschema.validate(found, published("plan"))
    assert len(found["data"]["flows"][0]["due"]["samples"]) == 2
    for more in ([], ["--data", "--format", "markdown"]):
        refused = reconcile(*asked, *more)
        assert (refused.code, "G137" in refused.err, refused.out) == (64, True, "")
    saved = tmp_path / "plan.json"
    assert reconcile(*asked, "--data", "--out", saved).code == 0
    assert "samples" not in saved.read_text()


def test_a_comparison_reads_no_data(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = simulated_shop(tmp_path / "shop", reconcile)
    found = reconcile("-C", shop, "plan", "--data", "--base", "HEAD")
    assert (found.code, "G136" in found.err) == (64, True)


def test_without_the_data_a_flow_says_why(tmp_path: Path, reconcile: Reconcile) -> None:
    shop = applied(tmp_path, reconcile)
    (shop / "data").rename(shop / "away")
    found = reconcile("-C", shop, "plan", "--data", "--at", NIGHT)
    assert (found.code, "F101" in found.out) == (0, True)
