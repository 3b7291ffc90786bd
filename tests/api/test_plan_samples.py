"""`plan --data --samples`: rows as they would leave, masked; nobody who stays, nothing in markdown, nothing where it wasn't asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import Project, UsageError
from reconciler.plan.data import DueData
from reconciler.present.plan_data import as_markdown, as_text

NIGHT, EVENING = datetime(2054, 12, 1, 2, tzinfo=UTC), datetime(2054, 11, 30, 20, tzinfo=UTC)
TEXT = """
apiVersion: reconciler/v1
kind: Project
metadata: {name: growth}
spec: {ledger: {url: "file://ledger", simulated: true}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {name: box}
spec: {type: local, connection: {path: out}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people}
spec:
  location: lake
  format: csv
  columns: {id: {type: string}, mail: {type: string}, score: {type: double}}
  primaryKey: [id]
  incremental: INCREMENTAL
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: opt-outs}
spec: {location: lists, format: csv, columns: {mail: {type: string}}, incremental: {settle: 0s}}
---
apiVersion: reconciler/v1
kind: Suppression
metadata: {name: opted-out}
spec: {dataset: opt-outs, match: [{list: mail, column: mail}], unnotified: accept}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00"}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: out}
spec:
  destination: box
  schedule: nightly
  datasets: [people]
  columns: [{column: mail, as: contact}, {column: mail, as: hashed, transform: sha256}, score]
"""
FILES, DIFF = "{settle: 0s}", "{settle: 0s, strategy: diff}"


def shop(folder: Path, incremental: str = FILES) -> Project:
    for name, rows in {
        "lake": ["id,mail,score", "1,Gone.Away@x.example,1", "2,Anna@y.example,2.5", "3,,3", "4,Bob@z.example,4"],
        "lists": ["mail", "Gone.Away@x.example"],
    }.items():
        (folder / name).mkdir()
        (folder / name / "a.csv").write_text("\n".join(rows) + "\n")
    (folder / "reconcile.yaml").write_text(TEXT.replace("INCREMENTAL", incremental))
    project = Project.open(folder)
    project.apply(project.plan(at=EVENING), at=EVENING)
    return project


def due(project: Project, samples: int) -> DueData:
    (flow,) = project.look_at_data(project.plan(at=NIGHT), samples=samples).flows
    assert flow.due is not None
    return flow.due


@pytest.mark.parametrize("incremental", [FILES, DIFF])
def test_rows_that_leave_are_shown_by_their_shape(tmp_path: Path, incremental: str) -> None:
    project = shop(tmp_path, incremental)
    digest = "9x" * 32
    first, second = due(project, 2).samples
    assert (first["contact"], first["score"]) == ("Xxxx@x.xxxxxxx", "9.9")
    assert first["hashed"] is not None
    assert len(first["hashed"]) == 41 < len(digest)
    assert (second["contact"], second["hashed"]) == (None, None)
    assert len(due(project, 20).samples) == 3, "who opted out isn't among them"


def test_nothing_is_shown_that_was_not_asked_for(tmp_path: Path) -> None:
    project = shop(tmp_path)
    assert due(project, 0).samples == ()
    plan = project.plan(at=NIGHT)
    data = project.look_at_data(plan, samples=3)
    text = as_text(data)
    assert "sample" in text
    assert "contact Xxxx@x.xxxxxxx" in text
    assert not any(each in text for each in ("Anna", "Bob", "y.example", "2.5"))
    assert "Xxxx" not in "\n".join(as_markdown(data, 60_000))


@pytest.mark.parametrize("number", [-1, 21])
def test_a_few_at_most(tmp_path: Path, number: int) -> None:
    project = shop(tmp_path)
    with pytest.raises(UsageError) as error:
        project.look_at_data(project.plan(at=NIGHT), samples=number)
    assert error.value.code == "G137"


def test_where_footers_tell_the_numbers_a_sample_is_read(tmp_path: Path) -> None:
    import polars as pl

    project = shop(tmp_path)
    path = tmp_path / "reconcile.yaml"
    path.write_text(path.read_text().replace("format: csv\n  columns: {id", "format: parquet\n  columns: {id"))
    documents = [each for each in path.read_text().split("---\n") if "opt-outs" not in each]
    path.write_text("---\n".join(documents).replace("  primaryKey: [id]\n", ""))
    (tmp_path / "lake" / "a.csv").unlink()
    for name in "ab":
        pl.DataFrame({"id": ["1"], "mail": ["a@b.c"], "score": [0.5]}).write_parquet(
            tmp_path / "lake" / f"{name}.parquet"
        )
    project = Project.open(tmp_path)
    project.apply(project.plan(at=EVENING), at=EVENING, exports=False)
    found = due(project, 5)
    assert (found.told_by, found.rows) == ("statistics", "<10")
    assert [each["contact"] for each in found.samples] == ["x@x.x"]
