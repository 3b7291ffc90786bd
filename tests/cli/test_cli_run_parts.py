"""`run` over many flows: several at once, in parts, and each missed slot in turn where that is declared."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.cli.support import Reconcile

COMMON = """
apiVersion: reconciler/v1
kind: Project
metadata: {name: many}
spec: {ledger: {url: "file://ledger", simulated: true}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {name: box}
spec: {type: local, connection: {path: out}, format: {type: csv, compression: none}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00", catchUp: CATCHUP}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people}
spec:
  location: data
  format: csv
  columns: {id: {type: string}, country: {type: string}, at: {type: timestamp}}
  incremental: INCREMENTAL
"""
AUDIENCE = """---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: a{number}, labels: {{all: "yes"}}}}
spec: {{dataType: prospects, dataset: people, where: country = 'C{number}'}}
"""
ACTIVATION = """---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: all}
spec: {destination: box, schedule: nightly, audienceSelector: {matchLabels: {all: "yes"}}}
"""


def project(folder: Path, flows: int, catch_up: str = "latest", incremental: str = "{settle: 0s}") -> None:
    text = COMMON.replace("CATCHUP", catch_up).replace("INCREMENTAL", incremental)
    (folder / "project.yaml").write_text(text + "".join(AUDIENCE.format(number=at) for at in range(flows)) + ACTIVATION)
    (folder / "data").mkdir()


def put(folder: Path, name: str, *rows: tuple[str, str, str]) -> None:
    with (folder / "data" / name).open("w", newline="") as file:
        csv.writer(file).writerows([("id", "country", "at"), *rows])


def received(folder: Path) -> list[str]:
    return sorted(line for path in (folder / "out").rglob("part-*.csv") for line in path.read_text().split()[1:])


def test_several_flows_at_once_export_each_slot_once(tmp_path: Path, reconcile: Reconcile) -> None:
    project(tmp_path, 7)
    rows = [(f"p{at}", f"C{at % 7}", "2054-12-01T00:00:00Z") for at in range(70)]
    put(tmp_path, "a.csv", *rows)
    assert reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-01T10:00Z").code == 0
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z", "--parallel", "4")
    assert done.code == 0, done.err
    assert done.out.count("10 rows") == 7
    assert [line.split(",")[0] for line in received(tmp_path)] == sorted(f"p{at}" for at in range(70))
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:31Z", "--parallel", "4").out.startswith(
        "Nothing due. Next export "
    )


def test_one_that_fails_leaves_the_others(tmp_path: Path, reconcile: Reconcile) -> None:
    project(tmp_path, 3)
    put(tmp_path, "a.csv", ("p0", "C0", "2054-12-01T00:00:00Z"), ("p2", "C2", "2054-12-01T00:00:00Z"))
    text = (tmp_path / "project.yaml").read_text()
    guarded = ACTIVATION.replace("name: all", "name: guarded").replace(
        'audienceSelector: {matchLabels: {all: "yes"}}', "audiences: [a1], guards: {export: {minRows: 1}}"
    )
    text = text.replace('name: a1, labels: {all: "yes"}', "name: a1")
    (tmp_path / "project.yaml").write_text(text + guarded)
    assert reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-01T10:00Z").code == 0
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z", "--parallel", "3")
    assert done.code == 6
    assert [line.split(",")[0] for line in received(tmp_path)] == ["p0", "p2"]


def test_parts_hold_every_flow_once(tmp_path: Path, reconcile: Reconcile) -> None:
    project(tmp_path, 9)
    put(tmp_path, "a.csv", *[(f"p{at}", f"C{at}", "2054-12-01T00:00:00Z") for at in range(9)])
    assert reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-01T10:00Z").code == 0
    told = [reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z", "--shard", f"{at}/3").out for at in (1, 2, 3)]
    assert sum(each.count("1 row ") for each in told) == 9
    assert len([each for each in told if "1 row " in each]) > 1
    assert len(received(tmp_path)) == 9


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "1/3/4"])
def test_what_is_no_part(tmp_path: Path, reconcile: Reconcile, text: str) -> None:
    project(tmp_path, 1)
    done = reconcile("-C", tmp_path, "run", "--shard", text)
    assert done.code == 64
    assert "U112" in done.err


def test_each_missed_slot_in_turn(tmp_path: Path, reconcile: Reconcile) -> None:
    project(tmp_path, 1, "all", "{strategy: cursor, column: at, settle: 0s}")
    put(tmp_path, "a.csv", *[(f"p{day}", "C0", f"2054-12-0{day}T00:00:00Z") for day in range(1, 6)])
    assert reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-01T10:00Z").code == 0
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-04T10:00Z")
    assert done.code == 0, done.err
    folders = {path.name: len(list(path.glob("part-*"))) for path in (tmp_path / "out" / "a0").iterdir()}
    assert folders == {"exportTime=205412020200": 1, "exportTime=205412030200": 1, "exportTime=205412040200": 1}
    assert [line.split(",")[0] for line in received(tmp_path)] == ["p1", "p2", "p3", "p4"]
