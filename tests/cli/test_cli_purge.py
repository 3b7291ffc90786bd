"""A purge that couldn't be finished: completed by the next run or apply, whatever else they do, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Reconcile, simulated_shop


@pytest.fixture
def owing(tmp_path: Path, reconcile: Reconcile) -> Path:
    """A project whose only flow was removed, with a folder in the way of deleting what it exported."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  onRemove: purge\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    (part,) = parts(folder)
    part.rename(part.with_name("aside"))
    part.mkdir()
    kept = activation.read_text()
    activation.unlink()
    found = reconcile("-C", folder, "apply", "--yes", "--allow-removals", "all", "--at", "2054-12-01T03:00Z")
    assert (found.code, "H120" in found.err) == (1, True)
    activation.with_suffix(".kept").write_text(kept)
    return folder


def test_the_plan_says_how_much_is_deleted(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = simulated_shop(tmp_path / "shop", reconcile)
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  onRemove: purge\n  mode: full\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    activation.unlink()
    at = ("--allow-removals", "all", "--at", "2054-12-01T03:00Z")
    size = sum(path.stat().st_size for path in parts(folder))
    found = reconcile("-C", folder, "plan", *at)
    assert "its files are deleted: 1 file of 1 run, 90 rows, " in found.out, found
    markdown = reconcile("-C", folder, "plan", "--format", "markdown", *at).out
    assert "what was exported deleted (1 file of 1 run, 90 rows, " in markdown.splitlines()[0]
    saved = tmp_path / "plan.json"
    data = json.loads(reconcile("-C", folder, "plan", "--format", "json", "--out", saved, *at).out)
    (removed,) = [each for each in data["plan"]["changes"] if each["change"] == "remove-flow"]
    assert removed["deletes"] == {"runs": 1, "files": 1, "manifests": 1, "rows": 90, "size": size}
    # A night that passes meanwhile adds to it, and makes the reviewed plan no other one.
    assert reconcile("-C", folder, "run", "--at", "2054-12-02T02:00Z").code == 0
    applied = reconcile("-C", folder, "apply", saved, "--yes", "--at", "2054-12-02T02:30Z")
    assert (applied.code, "2 files purged" in applied.out, parts(folder)) == (0, True, []), applied


def parts(folder: Path) -> list[Path]:
    return list((folder / "out").rglob("part-*"))


def out_of_the_way(folder: Path) -> None:
    (part,) = parts(folder)
    part.rmdir()
    part.with_name("aside").rename(part)


def test_what_is_owed_is_tried_again_and_said(owing: Path, reconcile: Reconcile) -> None:
    for command in (("run",), ("apply", "--yes")):
        found = reconcile("-C", owing, *command, "--at", "2054-12-01T04:00Z")
        assert (found.code, "purge" in found.err, "H120" in found.err) == (1, True, True)


def test_status_says_what_is_still_there_since_when_and_how_often_it_was_tried(
    owing: Path, reconcile: Reconcile
) -> None:
    assert reconcile("-C", owing, "run", "--at", "2054-12-01T04:00Z").code == 1
    at = ("--at", "2054-12-01T05:00Z")
    data = json.loads(reconcile("-C", owing, "status", "--format", "json", *at).out)
    (left,) = data["cleanUps"]
    assert (left["what"], left["code"], left["attempts"]) == ("purge", "H120", 2)
    assert (left["since"], left["lastTried"]) == ("2054-12-01T03:00:00Z", "2054-12-01T04:00:00Z")
    assert (left["flow"], left["destination"], left["runId"]) == ("outbox/audience/us-high-intent", "outbox", None)
    text = reconcile("-C", owing, "status", *at).out
    assert "purge      outbox/us-high-intent at outbox · since 2054-12-01 03:00 UTC, tried 2 times" in text
    assert left["detail"] in text
    assert left["nextCommands"][-1] in text
    out_of_the_way(owing)
    assert reconcile("-C", owing, "run", *at).code == 0
    assert json.loads(reconcile("-C", owing, "status", "--format", "json", *at).out)["cleanUps"] == []


def test_a_purge_whose_place_is_gone_is_given_up_by_a_person_alone(owing: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", owing, "ledger", "abandon", "outbox/us-high-intent")
    assert (found.code, "Given up" in found.out, len(parts(owing))) == (0, True, 1), found
    assert reconcile("-C", owing, "run", "--at", "2054-12-01T04:00Z").code == 0
    history = reconcile("-C", owing, "history").out
    assert ("exported" in history, "purged" in history) == (True, False)
    again = reconcile("-C", owing, "ledger", "abandon", "outbox/us-high-intent")
    assert (again.code, "U113" in again.err) == (64, True)


def test_what_a_person_gives_up_is_tried_once_more_before(owing: Path, reconcile: Reconcile) -> None:
    out_of_the_way(owing)
    found = reconcile("-C", owing, "ledger", "abandon", "outbox/us-high-intent")
    assert (found.code, "Purged" in found.out, parts(owing)) == (0, True, []), found


def test_the_next_apply_completes_it_with_nothing_else_to_do(
    owing: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_the_way(owing)
    monkeypatch.setenv("CI", "true")
    found = reconcile("-C", owing, "apply", "--at", "2054-12-01T04:00Z")
    assert (found.code, "1 file purged" in found.out) == (0, True)
    assert parts(owing) == []
    assert "purged" not in reconcile("-C", owing, "apply", "--at", "2054-12-01T05:00Z").out


def test_the_next_run_completes_it_and_says_so(owing: Path, reconcile: Reconcile) -> None:
    out_of_the_way(owing)
    found = reconcile("-C", owing, "run", "--at", "2054-12-01T04:00Z")
    assert (found.code, "1 file purged" in found.out, "Nothing due" in found.out) == (0, True, False)
    assert parts(owing) == []
    assert "exported, purged" in reconcile("-C", owing, "history").out
    (run,) = json.loads(reconcile("-C", owing, "history", "--format", "json").out)["runs"]
    assert (run["removedAt"], run["removedBy"]) == ("2054-12-01T04:00:00Z", "purge")


def test_a_flow_comes_back_only_after_what_is_owed(owing: Path, reconcile: Reconcile) -> None:
    activation = owing / "activations" / "nightly.yaml"
    activation.with_suffix(".kept").rename(activation)
    again = ("-C", owing, "apply", "--yes", "--no-exports", "--at", "2054-12-01T04:00Z")
    assert reconcile(*again).code != 0
    out_of_the_way(owing)
    assert reconcile(*again).code == 0
    assert parts(owing) == []


def test_another_project_of_the_ledger_is_not_held_up(owing: Path, reconcile: Reconcile) -> None:
    for path in owing.rglob("*.yaml"):
        if path.name != "reconcile.yaml":
            path.unlink()
    project = owing / "reconcile.yaml"
    project.write_text(project.read_text().replace("name: shop", "name: other"))
    found = reconcile("-C", owing, "apply", "--yes", "--at", "2054-12-01T04:00Z")
    assert (found.code, "H120" in found.err) == (0, False), found
