"""A nightly delta and a weekly whole of one audience, to one destination: each in its folder, by its own schedule."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.cli.support import Reconcile

PROJECT = """
apiVersion: reconciler/v1
kind: Project
metadata: {name: feeds}
spec: {ledger: {url: "file://ledger", simulated: true}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {name: box}
spec: {type: local, connection: {path: out}, format: {type: csv, compression: none}, files: {maxRows: 2}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people}
spec:
  location: data
  format: csv
  columns: {id: {type: string}}
  incremental: {settle: 0s}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00"}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: mondays}
spec: {frequency: weekly, weekdays: [mon], time: "03:00"}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: delta}
spec: {destination: box, schedule: nightly, datasets: [people]}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: whole}
spec:
  destination: box
  schedule: mondays
  datasets: [people]
  mode: full
  feed: whole
  format: {type: json}
  files: {single: true}
"""


def test_two_feeds_of_one_dataset(tmp_path: Path, reconcile: Reconcile) -> None:
    (tmp_path / "project.yaml").write_text(PROJECT)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("id\n1\n2\n3\n")
    done = reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-06T10:00Z")  # a Sunday
    assert done.code == 0, done.err
    assert "box/people/whole" in done.out
    (tmp_path / "data" / "b.csv").write_text("id\n4\n")
    for at in ("2054-12-07T02:30Z", "2054-12-07T03:30Z", "2054-12-08T04:00Z"):
        assert reconcile("-C", tmp_path, "run", "--at", at).code == 0
    out = tmp_path / "out" / "people"
    deltas = [path.read_text().split()[1:] for path in sorted(out.glob("exportTime=*/part-*"))]
    assert deltas == [["1", "2"], ["3", "4"]]
    (whole,) = out.glob("whole/exportTime=205412070300/part-*.json.gz")
    assert [json.loads(line)["id"] for line in gzip.decompress(whole.read_bytes()).splitlines()] == ["1", "2", "3", "4"]
