"""Two teams with project folders of their own over one ledger: a night each, a handover between, by the command line."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.support import Outcome, Reconcile

TEXT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: {project}}}
spec: {{ledger: {{url: "file://{root}/{ledger}", simulated: true}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: outbox{says}}}
spec: {{type: local, connection: {{path: "{root}/out"}}, format: {{type: csv, compression: gzip}}}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: {root}/data
  format: csv
  columns: {{id: {{type: string}}, country: {{type: string}}}}
  incremental: {{strategy: files, settle: 0s}}
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: us}}
spec: {{dataType: prospects, dataset: people, where: country = 'US'}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00"}}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: nightly}}
spec: {{destination: outbox, schedule: nightly, audiences: [us]}}
"""


@dataclass
class Teams:
    """`old` and `new` below one folder, which also has data, ledger and destination."""

    root: Path
    reconcile: Reconcile
    ledger: str = "ledger"

    def declare(self, project: str, says: str = "") -> None:
        folder = self.root / project
        folder.mkdir(exist_ok=True)
        more = f", {says}" if says else ""
        (folder / "reconcile.yaml").write_text(
            TEXT.format(project=project, root=self.root, ledger=self.ledger, says=more)
        )

    def call(self, project: str, *arguments: str) -> Outcome:
        return self.reconcile("-C", self.root / project, *arguments)

    def apply(self, project: str, at: str) -> Outcome:
        return self.call(project, "apply", "--yes", "--at", at)

    def put(self, name: str, *ids: str) -> None:
        (self.root / "data").mkdir(exist_ok=True)
        (self.root / "data" / name).write_text("id,country\n" + "".join(f"{each},US\n" for each in ids))

    def received(self) -> list[str]:
        return sorted(
            row["id"]
            for path in (self.root / "out").rglob("part-*.csv.gz")
            for row in csv.DictReader(gzip.open(path, "rt"))
        )

    def folders(self) -> set[str]:
        return {path.parent.parent.name for path in (self.root / "out").rglob("part-*.csv.gz")}


@pytest.fixture
def teams(tmp_path: Path, reconcile: Reconcile) -> Teams:
    found = Teams(tmp_path, reconcile)
    found.declare("old")
    found.declare("new", "adoptFrom: old")
    found.put("a.csv", "1", "2")
    assert found.apply("old", "2054-12-01T00:00Z").code == 0
    assert found.call("old", "run", "--at", "2054-12-01T02:00Z").code == 0
    found.put("b.csv", "3")
    return found


def test_the_new_team_goes_on_where_the_old_one_was(teams: Teams) -> None:
    refused = teams.call("new", "plan", "--at", "2054-12-01T03:00Z")
    assert (refused.code, "G170" in refused.out + refused.err) == (4, True), refused
    teams.declare("old", "transferTo: new")
    offered = teams.apply("old", "2054-12-01T03:00Z")
    assert (offered.code, "offered to project new" in offered.out) == (0, True), offered
    status = teams.call("old", "status", "outbox/us", "--at", "2054-12-01T03:00Z")
    assert "offered   to project new" in status.out, status
    taken = teams.apply("new", "2054-12-01T04:00Z")
    assert (taken.code, "2 adopted" in taken.out) == (0, True), taken
    assert teams.call("new", "run", "--at", "2054-12-02T02:00Z").code == 0
    assert teams.received() == ["1", "2", "3"]
    assert teams.folders() == {"us"}
    flow = json.loads(teams.call("new", "status", "--format", "json", "--at", "2054-12-02T03:00Z").out)["flows"][0]
    assert (flow["owner"], flow["transferTo"], flow["lastSlot"]) == ("new", None, "2054-12-02T02:00Z")
    history = json.loads(teams.call("new", "history", "--format", "json").out)["runs"]
    assert [each["rows"] for each in history] == [1, 2]
    done = teams.call("old", "plan", "--at", "2054-12-02T03:00Z")
    assert (done.code, "belongs to project new now" in done.out) == (0, True), done
    assert teams.call("new", "verify").code == 0


def test_the_old_team_goes_on_until_it_is_taken(teams: Teams) -> None:
    teams.declare("old", "transferTo: new")
    assert teams.apply("old", "2054-12-01T03:00Z").code == 0
    assert teams.call("old", "run", "--at", "2054-12-02T02:00Z").code == 0
    assert teams.received() == ["1", "2", "3"]
    teams.put("c.csv", "4")
    assert teams.apply("new", "2054-12-02T03:00Z").code == 0
    assert teams.call("new", "run", "--at", "2054-12-03T02:00Z").code == 0
    assert teams.received() == ["1", "2", "3", "4"]


def test_an_apply_that_was_planned_before_the_other_is_too_late(teams: Teams) -> None:
    """The old team withdraws its offer, reviewed before the new one took it: the ledger says which of them came first."""
    teams.declare("old", "transferTo: new")
    assert teams.apply("old", "2054-12-01T03:00Z").code == 0
    teams.declare("old")
    saved = str(teams.root / "withdraw.json")
    assert teams.call("old", "plan", "--out", saved, "--at", "2054-12-01T03:30Z").code == 0
    assert teams.apply("new", "2054-12-01T04:00Z").code == 0
    late = teams.call("old", "apply", saved, "--yes", "--at", "2054-12-01T04:30Z")
    assert (late.code, "G123" in late.err) == (5, True), late


def test_by_way_of_a_backup_into_another_ledger(teams: Teams) -> None:
    """As docs/handover.md says: the whole ledger moves, and the flow is handed over there; the recipient gets everybody once."""
    teams.declare("old", "transferTo: new")
    assert teams.apply("old", "2054-12-01T03:00Z").code == 0
    assert teams.call("old", "ledger", "export", str(teams.root / "moved.jsonl")).code == 0
    teams.ledger = "elsewhere"
    teams.declare("old", "transferTo: new")
    teams.declare("new", "adoptFrom: old")
    assert teams.call("old", "ledger", "import", str(teams.root / "moved.jsonl")).code == 0
    shutil.rmtree(teams.root / "ledger")
    assert teams.call("old", "verify").code == 0
    taken = teams.apply("new", "2054-12-01T04:00Z")
    assert (taken.code, "2 adopted" in taken.out) == (0, True), taken
    assert teams.call("new", "run", "--at", "2054-12-02T02:00Z").code == 0
    assert teams.received() == ["1", "2", "3"]
    history = json.loads(teams.call("new", "history", "--format", "json").out)["runs"]
    assert [(each["kind"], each["rows"]) for each in history] == [("increment", 1), ("full", 2)]
    assert teams.call("new", "verify").code == 0


def test_taken_over_under_another_name_in_two_applies(teams: Teams) -> None:
    teams.declare("old", "transferTo: new")
    assert teams.apply("old", "2054-12-01T03:00Z").code == 0
    path = teams.root / "new" / "reconcile.yaml"
    text = path.read_text().replace(
        "{name: outbox, adoptFrom: old}", "{name: post, adoptFrom: old, renamedFrom: outbox}"
    )
    path.write_text(text.replace("destination: outbox", "destination: post"))
    first = teams.apply("new", "2054-12-01T04:00Z")
    assert (first.code, "the next apply renames it to post/us" in first.out) == (0, True), first
    assert teams.call("new", "run", "--at", "2054-12-02T02:00Z").code == 0
    second = teams.apply("new", "2054-12-02T04:00Z")
    assert (second.code, "FIRST EXPORT" in second.out) == (0, False), second
    teams.put("c.csv", "4")
    assert teams.call("new", "run", "--at", "2054-12-03T02:00Z").code == 0
    assert teams.received() == ["1", "2", "3", "4"]
    assert teams.folders() == {"us"}
    assert teams.call("new", "verify").code == 0
    assert "FIRST EXPORT" not in teams.call("old", "plan", "--at", "2054-12-03T03:00Z").out
