"""`plan` against no ledger, and against git revisions."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.config.support import document, edited, write


def git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, env=env)


@pytest.fixture
def committed(sample: Path) -> Path:
    git(sample, "init", "-q")
    git(sample, "add", ".")
    git(sample, "commit", "-qm", "first")
    return sample


@pytest.fixture
def fresh(tmp_path: Path, reconcile: Reconcile) -> Path:
    assert reconcile("init", tmp_path / "fresh").code == 0
    return tmp_path / "fresh"


def changes(out: str) -> list[tuple[str, str]]:
    data = json.loads(out)
    assert data["version"] == 1
    return [(each["change"], each["subject"]) for each in data["plan"]["changes"]]


def test_a_project_without_a_ledger_is_all_new_and_nothing_is_written(fresh: Path, reconcile: Reconcile) -> None:
    before = sorted(fresh.rglob("*"))
    found = reconcile("-C", fresh, "plan")
    assert (found.code, found.err) == (0, "")
    assert "  + destination  outbox " in found.out
    assert "FIRST EXPORT: everything that matches · then incremental, daily" in found.out
    assert "1 destination to create · 1 flow to add" in found.out
    assert sorted(fresh.rglob("*")) == before
    assert reconcile("-C", fresh, "plan", "--detailed-exitcode").code == 2


def test_json_holds_the_same(fresh: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", fresh, "plan", "--format", "json")
    assert changes(found.out)[:2] == [("create-destination", "outbox"), ("add-flow", "outbox/audience/us-high-intent")]


def test_nothing_changed_since_a_revision(committed: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", committed, "plan", "--base", "HEAD", "--detailed-exitcode")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Nothing changes: ")
    assert found.out.count("\n") == 1


def test_a_changed_filter_is_a_rebuild(committed: Path, reconcile: Reconcile) -> None:
    write(committed, {"all.yaml": edited("intent_score >= 0.7", "intent_score >= 0.8")})
    found = reconcile("-C", committed, "plan", "--base", "HEAD", "--detailed-exitcode")
    assert found.code == 2
    assert "~ flow         agency-s3/us-high-intent" in found.out
    assert "flows to rebuild" in found.out
    assert "where        country = 'US' AND intent_score >= 0.7  →  country = 'US' AND intent_score >= 0.8" in found.out
    assert "▶" not in found.out


def test_a_new_destination_and_the_last_flow_removed(committed: Path, reconcile: Reconcile) -> None:
    text = edited("audiences: [us-high-intent]", "audiences: [us]").replace("name: us-high-intent", "name: us")
    write(committed, {"all.yaml": text, "b.yaml": document("Destination", "b", "{type: local, connection: {path: b}}")})
    found = reconcile("-C", committed, "plan", "--base", "HEAD", "--format", "json")
    assert ("create-destination", "b") in changes(found.out)
    assert ("add-flow", "agency-s3/audience/us") in changes(found.out)
    assert ("remove-flow", "agency-s3/audience/us-high-intent") in changes(found.out)


def test_a_refused_plan_ends_with_4(fresh: Path, reconcile: Reconcile) -> None:
    git(fresh, "init", "-q")
    git(fresh, "add", ".")
    git(fresh, "commit", "-qm", "first")
    (fresh / "activations" / "nightly.yaml").unlink()
    found = reconcile("-C", fresh, "plan", "--base", "HEAD", "--detailed-exitcode")
    assert found.code == 4
    assert "Refused  G106" in found.out


def test_select(fresh: Path, reconcile: Reconcile) -> None:
    assert "+ flow" in reconcile("-C", fresh, "plan", "--select", "outbox/*").out
    assert reconcile("-C", fresh, "plan", "--select", "nope").code == 4


def test_a_base_that_is_not_there_or_not_valid(committed: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", committed, "plan", "--base", "nope")
    assert found.code == 3
    assert found.err.startswith("P110 ")
    write(committed, {"b.yaml": "nope"})
    git(committed, "add", ".")
    git(committed, "commit", "-qm", "broken")
    (committed / "b.yaml").unlink()
    found = reconcile("-C", committed, "plan", "--base", "HEAD")
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith("At HEAD, the configuration is not valid:\nb.yaml:1:1  Y114")


def test_an_invalid_project_has_no_plan(fresh: Path, reconcile: Reconcile) -> None:
    write(fresh, {"b.yaml": "nope"})
    found = reconcile("-C", fresh, "plan")
    assert (found.code, found.out) == (3, "")


def test_refresh_lists_drift_apart(project: Path, reconcile: Reconcile) -> None:
    at = ("--at", "2054-12-01T02:30Z")
    assert reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", project, "run", "--at", "2054-12-01T02:00Z").code == 0
    fine = reconcile("-C", project, "plan", "--refresh", "--detailed-exitcode", *at)
    assert (fine.code, fine.out.splitlines()[1:]) == (0, ["No drift: what was looked at is as recorded."])
    (part,) = (project / "out").rglob("part-*")
    part.unlink()
    found = reconcile("-C", project, "plan", "--refresh", "--detailed-exitcode", *at)
    assert found.code == 0
    assert "Drift: 1 thing not as recorded" in found.out
    assert "  ! outbox/us-high-intent  1 of 2 files of its last export (slot 2054-12-01 02:00 UTC" in found.out
    assert "rift" not in reconcile("-C", project, "plan", *at).out
    data = json.loads(reconcile("-C", project, "plan", "--refresh", "--format", "json", *at).out)["plan"]
    assert (data["refreshed"], [each["code"] for each in data["drift"]]) == (True, ["files-missing"])


def test_a_comparison_looks_at_no_destination(committed: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", committed, "plan", "--base", "HEAD", "--refresh")
    assert (found.code, "G135" in found.err) == (64, True)
