"""`contract: freeze`: nights over data whose columns change, in every format; nothing leaves that wasn't agreed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from tests.cli.support import Outcome, Reconcile
from tests.datasets.lakes import Lake, local_lake

PROJECT = """
apiVersion: reconciler/v1
kind: Project
metadata: {name: contracts}
spec: {ledger: {url: "file://ledger", simulated: true}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {name: box}
spec: {type: local, connection: {path: out}, format: {type: csv, compression: none}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people}
spec:
  location: LOCATION
  format: FORMAT
  columns: {id: {type: string}}
  incremental: {contract: freeze}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00"}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: nights}
spec: {destination: box, schedule: nightly, datasets: [people]}
"""
FORMATS = ["parquet", "csv", "json", "delta", "iceberg"]


class House:
    """A project, and what writes its data."""

    def __init__(self, folder: Path, reconcile: Reconcile, format: str, text: str = PROJECT) -> None:
        self.folder, self.format = folder, format
        self._reconcile = reconcile
        self._files = 0
        self._lake: Lake | None = None
        location = "lake/crm/people" if format == "iceberg" else "lake"
        self.text = text.replace("FORMAT", format).replace("LOCATION", location)
        if format in ("parquet", "csv", "json"):
            self.text = self.text.replace("contract: freeze", "contract: freeze, settle: 0s")
        self.declare()

    def declare(self, *pairs: str) -> None:
        for before, after in zip(pairs[::2], pairs[1::2], strict=True):
            assert before in self.text
            self.text = self.text.replace(before, after)
        (self.folder / "project.yaml").write_text(self.text)

    def put(self, **columns: list[Any]) -> None:
        """A file, or a version, with these columns."""
        self._files += 1
        table = pa.table(columns)
        path = self.folder / f"lake/{self._files}.{self.format}"
        path.parent.mkdir(exist_ok=True)
        match self.format:
            case "parquet":
                pq.write_table(table, path)
            case "csv":
                lines = [",".join(columns), *(",".join(map(str, row.values())) for row in table.to_pylist())]
                path.write_text("".join(f"{line}\n" for line in lines))
            case "json":
                path.write_text("".join(f"{json.dumps(row)}\n" for row in table.to_pylist()))
            case "delta":
                write_deltalake(str(path.parent), table, mode="append", schema_mode="merge")
            case _:
                self._append(table)

    def _append(self, table: pa.Table) -> None:
        if self._lake is None:
            self._lake = local_lake(self.folder / "lake", table.schema)
        with self._lake.table.update_schema() as update:
            update.union_by_name(table.schema)
        self._lake.table.append(table)
        self._lake.hint()

    def __call__(self, *arguments: str) -> Outcome:
        return self._reconcile("-C", self.folder, *arguments)

    def apply(self, day: int) -> Outcome:
        return self("apply", "--yes", "--no-exports", "--at", f"2126-12-{day:02}T00:30Z")

    def night(self, day: int) -> str:
        done = self("run", "--at", f"2126-12-{day:02}T02:30Z")
        return done.err if done.code else self.sent(f"212612{day:02}0200")

    def sent(self, slot: str) -> str:
        found = sorted((self.folder / "out").glob(f"people/exportTime={slot}*/part-*.csv"))
        return "".join(line for path in found for line in path.read_text().split()[1:])


@pytest.fixture
def house(tmp_path: Path, reconcile: Reconcile) -> Callable[..., House]:
    return lambda format, text=PROJECT: House(tmp_path, reconcile, format, text)


@pytest.mark.parametrize("format", FORMATS)
def test_a_column_that_was_added_is_refused_until_it_is_agreed(house: Callable[..., House], format: str) -> None:
    shop = house(format)
    shop.put(id=["a"], plan=["x"])
    assert shop.apply(1).code == 0
    assert shop.night(2) == "a", "what there is at first is agreed, declared or not"
    shop.put(id=["b"], plan=["y"])
    assert shop.night(3) == "b"
    shop.put(id=["c"], plan=["z"], salary=["9"])
    failed = shop.night(4)
    assert "F136" in failed
    assert "salary" in failed
    assert not list((shop.folder / "out").rglob("*2126120402*"))
    assert "F136" in shop.night(5), "and stays refused"
    assert "F136" in shop("export", "box/dataset/people", "--full", "--at", "2126-12-05T12:00Z").err
    shop.declare("{id: {type: string}}", "{id: {type: string}, salary: {type: string, optional: true}}")
    shop.declare("datasets: [people]", "datasets: [people], columns: [id]")
    assert shop.apply(6).code == 0
    assert shop.night(6) == "c"
    shop.put(id=["d"], plan=["z"], salary=["9"])
    assert shop.night(7) == "d"


def test_a_type_that_changed_is_refused(house: Callable[..., House]) -> None:
    shop = house("parquet")
    shop.declare(
        "{id: {type: string}}",
        "{id: {type: string}, n: {type: long}}",
        "datasets: [people]",
        "datasets: [people], columns: [id]",
    )
    shop.put(id=["a"], n=pa.array([1], pa.int32()), at=[datetime(2026, 1, 1, tzinfo=UTC)])
    assert shop.apply(1).code == 0
    assert shop.night(2) == "a"
    shop.put(id=["b"], n=pa.array([1], pa.int64()), at=[datetime(2026, 1, 1)])
    assert shop.night(3) == "b", "n is what is declared by now, and the unit and zone of a time aren't its type"
    shop.put(id=["c"], n=pa.array([1], pa.int16()), at=["2026-01-01"])
    failed = shop.night(4)
    assert "column 'at' is string and was timestamp" in " ".join(failed.split())
    shop.declare("contract: freeze", "contract: evolve")
    assert shop.apply(5).code == 0
    assert shop.night(5) == "c"
    shop.declare("contract: evolve", "contract: freeze")
    assert shop.apply(6).code == 0
    shop.put(id=["d"], other=[1], n=[1])
    assert shop.night(6) == "d", "evolving forgets what was agreed"
    shop.put(id=["e"], more=[1], n=[1])
    assert "F136" in shop.night(7)


def test_a_type_that_a_table_widened_is_refused(house: Callable[..., House]) -> None:
    shop = house("iceberg")
    shop.put(id=["a"], n=pa.array([1], pa.int32()))
    assert shop.apply(1).code == 0
    assert shop.night(2) == "a"
    shop.put(id=["b"], n=pa.array([1], pa.int64()))
    assert "column 'n' is long and was int" in " ".join(shop.night(3).split())


def test_evolving_is_the_default_and_full_exports_are_held_to_it_too(house: Callable[..., House]) -> None:
    shop = house("parquet", PROJECT.replace("contract: freeze", "strategy: files, contract: freeze"))
    shop.declare("datasets: [people]", "datasets: [people], mode: full")
    shop.put(id=["a"])
    assert shop.apply(1).code == 0
    assert shop.night(2) == "a"
    shop.put(id=["b"], new=[1])
    assert "F136" in shop.night(3)
    shop.declare("contract: freeze, ", "")
    assert shop.apply(4).code == 0
    assert shop.night(4) == "ab"


def test_no_name_of_a_file_without_a_header_is_repeated(house: Callable[..., House]) -> None:
    shop = house("csv")
    shop.declare("{type: string}", "{type: string, optional: true}")
    (shop.folder / "lake").mkdir()
    (shop.folder / "lake/a.csv").write_text("anna@example.com,berlin\n")
    assert shop.apply(1).code == 0
    failed = shop.night(2)
    assert "F106" in failed
    assert "anna" not in failed + shop("ledger", "show", "--format", "json").out


def test_keys_of_several_kinds_are_still_keys(house: Callable[..., House]) -> None:
    shop = house("json")
    (shop.folder / "lake").mkdir()
    (shop.folder / "lake/a.json").write_text('{"id": "a", "x": 1}\n\n{"id": "b", "x": "text"}\n')
    assert shop.apply(1).code == 0
    assert shop.night(2) == "ab"
    (shop.folder / "lake/b.json").write_text('{"id": "c", "x": {"y": 1}}\n{"id": "d", "x": 1, "z": 1}\n')
    assert "column 'z' was added" in " ".join(shop.night(3).split())


def test_comparisons_are_held_to_it_too(house: Callable[..., House], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACT_KEY", "correct horse battery staple")
    shop = house("delta")
    shop.declare("{contract: freeze}", "{strategy: diff, contract: freeze, changes: {secret: {fromEnv: CONTRACT_KEY}}}")
    shop.declare("columns: {id: {type: string}}", "columns: {id: {type: string}}\n  primaryKey: [id]")
    shop.put(id=["a"])
    assert shop.apply(1).code == 0
    assert shop.night(2) == "a"
    shop.put(id=["b"], new=[1])
    assert "F136" in shop.night(3)
    shop.declare("contract: freeze", "contract: evolve")
    assert shop.apply(4).code == 0
    assert shop.night(4) == "b"
