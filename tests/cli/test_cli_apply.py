"""`apply`, `run`, `export` and saved plans, as a user calls them, over a simulated ledger; and the demo itself."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import Reconcile

ROOT = Path(__file__).parents[2]
FLOW = "outbox/us-high-intent"
NOTHING = "Nothing due. Next export {} 02:00 UTC (outbox/us-high-intent).\n"


@pytest.fixture
def applied(project: Path, reconcile: Reconcile) -> Path:
    found = reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z")
    assert (found.code, found.err) == (0, "")
    assert found.out.endswith("1 created · 1 added\n")
    return project


def test_what_was_done_stands_in_columns(project: Path, reconcile: Reconcile) -> None:
    lines = reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z").out.splitlines()
    done = [line for line in lines if "✓" in line]
    assert len({line.index(said) for line, said in zip(done, ("created ·", "added"), strict=True)}) == 1


def exported(folder: Path) -> int:
    """Rows in every visible file, header lines left out."""
    files = (folder / "out").rglob("part-*.csv.gz")
    return sum(len(gzip.decompress(path.read_bytes()).splitlines()) - 1 for path in files)


def test_a_slot_is_exported_when_it_is_due_and_once(applied: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", applied, "run", "--at", "2054-12-01T01:59Z").out == NOTHING.format("2054-12-01")
    found = reconcile("-C", applied, "run", "--at", "2054-12-01T02:00Z")
    assert found.code == 0
    assert "90 rows · 1 file" in found.out
    assert exported(applied) == 90
    assert reconcile("-C", applied, "run", "--at", "2054-12-01T02:01Z").out == NOTHING.format("2054-12-02")
    assert exported(applied) == 90


def test_time_only_goes_forward(applied: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", applied, "run", "--at", "2054-12-03T02:00Z").code == 0
    found = reconcile("-C", applied, "run", "--at", "2054-12-02T02:00Z")
    assert (found.code, "L152" in found.err) == (4, True)


def test_a_real_ledger_is_not_acted_on_at_a_time_behind_what_it_recorded(tmp_path: Path, reconcile: Reconcile) -> None:
    """Who has expired since, or which list of opt-outs is too old, is judged at the time that is acted at."""
    folder = tmp_path / "real"
    reconcile("init", folder)
    assert reconcile("-C", folder, "apply", "--yes").code == 0
    assert reconcile("-C", folder, "export", FLOW).code == 0
    audience = folder / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("0.7", "0.5"))
    for command in (("run",), ("export", FLOW), ("apply", "--yes")):
        found = reconcile("-C", folder, *command, "--at", "2020-01-01T02:00Z")
        assert (found.code, "L152" in found.err) == (4, True), command
    assert len(list((folder / "out").rglob("_manifest-*.json"))) == 1
    assert reconcile("-C", folder, "apply", "--yes").code == 0


@pytest.mark.parametrize("ci", [True, False])
def test_a_new_ledger_in_the_checkout_of_ci_is_warned_of(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    if ci:
        monkeypatch.setenv("CI", "true")
    else:
        monkeypatch.delenv("CI", raising=False)
    folder = tmp_path / "shop"
    reconcile("init", folder)
    found = reconcile("-C", folder, "apply", "--yes")
    assert found.code == 0
    warned = (
        "Warning: A new ledger was made in this checkout. Unless it is kept, the next run exports everything again."
    )
    assert (warned in found.err) == ci
    (folder / "activations" / "nightly.yaml").write_text(
        (folder / "activations" / "nightly.yaml").read_text() + "  suspend: true\n"
    )
    assert "Warning" not in reconcile("-C", folder, "apply", "--yes").err, "this ledger was there"


def test_nothing_to_do_after_an_apply(applied: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", applied, "plan", "--at", "2054-12-01T00:30Z", "--detailed-exitcode")
    assert found.code == 0
    assert found.out.startswith("Nothing to do: 1 flow as declared, next export 2054-12-01 02:00 UTC")


def test_on_demand_and_full(applied: Path, reconcile: Reconcile) -> None:
    assert "90 rows" in reconcile("-C", applied, "export", FLOW, "--at", "2054-12-01T01:00Z").out
    assert "0 rows" in reconcile("-C", applied, "run", "--at", "2054-12-01T02:00Z").out
    assert "90 rows" in reconcile("-C", applied, "export", FLOW, "--full", "--at", "2054-12-01T03:00Z").out


def test_a_saved_plan_is_performed_exactly_and_once(project: Path, tmp_path: Path, reconcile: Reconcile) -> None:
    plan = tmp_path / "plan.json"
    at = ("--at", "2054-12-01T00:00Z")
    assert reconcile("-C", project, "plan", "--out", plan, *at).code == 0
    assert plan.stat().st_mode & 0o777 == 0o600
    assert json.loads(plan.read_text())["formatVersion"] == 1
    assert reconcile("-C", project, "apply", plan, "--yes", *at).code == 0
    again = reconcile("-C", project, "apply", plan, "--yes", *at)
    assert again.code == 5
    assert "G122" in again.err


def test_a_saved_plan_is_refused_when_the_configuration_changed(
    project: Path, tmp_path: Path, reconcile: Reconcile
) -> None:
    plan = tmp_path / "plan.json"
    at = ("--at", "2054-12-01T00:00Z")
    reconcile("-C", project, "plan", "--out", plan, *at)
    audience = project / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("0.7", "0.1"))
    found = reconcile("-C", project, "apply", plan, "--yes", *at)
    assert (found.code, "G125" in found.err) == (5, True)
    assert not (project / ".reconcile").exists()


def test_run_never_makes_a_ledger(project: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", project, "run")
    assert (found.code, "L151" in found.err) == (5, True)
    assert not (project / ".reconcile").exists()


def test_apply_asks_and_refuses_where_nobody_can_answer(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    found = reconcile("-C", project, "apply")
    assert (found.code, "U104" in found.err) == (64, True)
    assert not (project / ".reconcile").exists()


def test_a_new_local_ledger_in_ci_is_warned_of(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    found = reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z")
    assert found.code == 0
    assert "the next run exports everything again" in found.err


def test_the_last_flow_is_not_removed_unless_that_is_said(applied: Path, reconcile: Reconcile) -> None:
    (applied / "activations" / "nightly.yaml").unlink()
    at = ("--at", "2054-12-01T01:00Z")
    assert reconcile("-C", applied, "apply", "--yes", *at).code == 4
    found = reconcile("-C", applied, "apply", "--yes", "--allow-removals", "all", *at)
    assert (found.code, "1 removed" in found.out) == (0, True)


def test_a_purge_deletes_what_was_exported_and_nothing_else(project: Path, reconcile: Reconcile) -> None:
    activation = project / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  onRemove: purge\n")
    assert reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    reconcile("-C", project, "run", "--at", "2054-12-01T02:00Z")
    theirs = project / "out" / "us-high-intent" / "theirs.txt"
    theirs.write_text("not ours")
    activation.unlink()
    found = reconcile("-C", project, "apply", "--yes", "--allow-removals", "all", "--at", "2054-12-01T03:00Z")
    assert "1 files purged" in found.out or "1 file purged" in found.out
    left = [path for path in (project / "out").rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert left == [theirs]


def test_a_purge_that_was_interrupted_is_completed_by_the_next_run(
    project: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    activation = project / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  onRemove: purge\n")
    reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z")
    reconcile("-C", project, "run", "--at", "2054-12-01T02:00Z")
    activation.unlink()
    remove = ("-C", project, "apply", "--yes", "--allow-removals", "all", "--at", "2054-12-01T03:00Z")
    with monkeypatch.context() as patched:
        patched.setattr("reconciler.apply.changes.purge", _dies)
        assert reconcile(*remove).code == 1
    assert exported(project) == 90
    assert reconcile("-C", project, "run", "--at", "2054-12-01T04:00Z").code == 0
    assert list((project / "out").rglob("part-*")) == []


def test_a_rename_keeps_the_cursor_even_where_an_apply_ended_halfway(
    applied: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile("-C", applied, "run", "--at", "2054-12-01T02:00Z")
    audience = applied / "audiences" / "us-high-intent.yaml"
    renamed = audience.read_text().replace("name: us-high-intent", "name: us-hot, renamedFrom: us-high-intent")
    if renamed == audience.read_text():
        renamed = audience.read_text().replace("us-high-intent", "us-hot\n  renamedFrom: us-high-intent")
    audience.write_text(renamed)
    activation = applied / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("us-high-intent", "us-hot"))
    with monkeypatch.context() as patched:
        patched.setattr("reconciler.stores.ledger.Ledger.create", _dies)
        assert reconcile("-C", applied, "apply", "--yes", "--at", "2054-12-01T03:00Z").code == 1
    found = reconcile("-C", applied, "apply", "--yes", "--at", "2054-12-01T04:00Z")
    assert (found.code, "1 moved" in found.out) == (0, True), found
    assert "0 rows" in reconcile("-C", applied, "run", "--at", "2054-12-02T02:00Z").out
    assert exported(applied) == 90


def test_an_older_commit_is_not_applied_over_a_newer_one(project: Path, reconcile: Reconcile) -> None:
    git(project, "init", "-q")
    commit(project, "first", 1)
    audience = project / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("0.7", "0.8"))
    commit(project, "second", 2)
    assert reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    git(project, "checkout", "-q", "HEAD~1")
    looked = ("-C", project, "plan", "--at", "2054-12-01T00:10Z")
    refused = reconcile(*looked)
    assert (refused.code, "G108" in refused.out) == (4, True)
    assert "G108" not in reconcile(*looked, "--allow-rewind").out
    again = ("-C", project, "apply", "--yes", "--at", "2054-12-01T00:10Z")
    refused = reconcile(*again)
    assert (refused.code, "G108" in refused.out) == (4, True)
    assert reconcile(*again, "--allow-rewind").code == 0


def test_a_revert_is_an_apply_like_any_other(project: Path, reconcile: Reconcile) -> None:
    """What a mistake changed is as it was, and the recipient's next export is what it would have been."""

    def done(*arguments: str) -> str:
        found = reconcile("-C", project, *arguments)
        assert found.code == 0, found
        return found.out

    git(project, "init", "-q")
    commit(project, "sound", 1)
    done("apply", "--yes", "--at", "2054-12-01T00:00Z")
    assert "90 rows" in done("run", "--at", "2054-12-01T02:00Z")
    declared = reconcile("-C", project, "ledger", "show", "flows/outbox/audience/us-high-intent").out
    audience = project / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("0.7", "0.0"))
    commit(project, "a mistake", 2)
    done("apply", "--yes", "--at", "2054-12-01T03:00Z")
    git(
        project,
        "revert",
        "--no-edit",
        "HEAD",
        GIT_AUTHOR_DATE="2054-11-03T00:00:00Z",
        GIT_COMMITTER_DATE="2054-11-03T00:00:00Z",
    )
    shown = done("plan", "--at", "2054-12-01T04:00Z")
    assert "intent_score >= 0.0  →  country = 'US' AND intent_score >= 0.7" in shown
    done("apply", "--yes", "--at", "2054-12-01T04:00Z")
    again = reconcile("-C", project, "ledger", "show", "flows/outbox/audience/us-high-intent").out
    assert json.loads(again)["spec"] == json.loads(declared)["spec"]
    assert "90 rows" in done("run", "--at", "2054-12-02T02:00Z")
    assert done("plan", "--at", "2054-12-02T03:00Z").startswith("Nothing to do")


def git(folder: Path, *arguments: str, **env: str) -> None:
    names = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    base = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, env=base | env)


def commit(folder: Path, message: str, day: int) -> None:
    git(folder, "add", ".")
    at = f"2054-11-{day:02}T00:00:00Z"
    git(folder, "commit", "-qm", message, GIT_AUTHOR_DATE=at, GIT_COMMITTER_DATE=at)


def _dies(*_: object) -> int:
    raise RuntimeError("the process ends here")


@pytest.mark.parametrize(
    ("at", "code"), [("tomorrow", "U101"), ("2054-12-01T02:00", "U101"), ("2999-01-01T00:00Z", "U102")]
)
def test_times_that_make_no_sense(tmp_path: Path, reconcile: Reconcile, at: str, code: str) -> None:
    folder = tmp_path / "real"
    reconcile("init", folder)
    found = reconcile("-C", folder, "apply", "--yes", "--at", at)
    assert (found.code, code in found.err) == (64, True)


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py")]
    here = {name: value for name, value in os.environ.items() if name != "CI"}  # where a new local ledger is warned of
    env = {**here, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)


def test_the_demo_and_the_demo_again(tmp_path: Path) -> None:
    for _ in range(2):
        done = demo(tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "all as recorded" in done.stdout
        assert done.stdout.count("· full ·") == 2
        assert done.stdout.count("· increment ·") == 4
        assert "removed · files kept" in done.stdout
        assert "quentin" in done.stdout.splitlines()[-4]  # a row, read from a file
        assert len(list((tmp_path / "demo" / "out").rglob("part-*.csv.gz"))) == 6


def test_the_demo_removes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "move it away" in done.stderr
    assert (tmp_path / "demo" / "thesis.txt").read_text() == "mine"
