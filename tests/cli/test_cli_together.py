"""Flows that are due together over one dataset: one pin and one read, and a protocol of their own each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from reconciler.datasets.base import Access
from reconciler.datasets.local import LocalFiles
from reconciler.export.together import SharingPolarsEngine
from reconciler.values.pin import PinnedFile
from tests.cli.support import Reconcile
from tests.cli.test_cli_run_parts import AUDIENCE, COMMON, put
from tests.datasets.lakes import local_lake

DAY = "2054-12-01T00:00:00Z"
NOW = "2054-12-02T02:30Z"
ACTIVATION = """---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: of-{name}}}
spec: {{destination: {destination}, schedule: nightly, audiences: [{name}]{more}}}
"""
OTHER_BOX = """---
apiVersion: reconciler/v1
kind: Destination
metadata: {name: other}
spec: {type: local, connection: {path: other}, format: {type: csv, compression: none}}
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each data file's place was asked for, to be read."""
    found: Counter[str] = Counter()
    real = Access.uri

    def counted(self: Access, path: str) -> str:
        found[path] += 1
        return real(self, path)

    monkeypatch.setattr(Access, "uri", counted)
    return found


def project(folder: Path, names: list[str], *more: str) -> None:
    """Flows of the audiences a0, a1, …: one to each of the countries."""
    folder.mkdir(exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    text = COMMON.replace("CATCHUP", "latest").replace("INCREMENTAL", "{settle: 0s}") + OTHER_BOX
    text += "".join(AUDIENCE.format(number=number) for number in range(5))
    text += "".join(ACTIVATION.format(name=name, destination="box", more="") for name in names)
    (folder / "project.yaml").write_text(text + "".join(more))


def apply(folder: Path, reconcile: Reconcile, at: str = "2054-12-01T10:00Z") -> None:
    done = reconcile("-C", folder, "apply", "--yes", "--no-exports", "--at", at)
    assert done.code == 0, done.err


def ids(folder: Path, name: str, box: str = "out") -> list[str]:
    return sorted(
        line.split(",")[0]
        for path in (folder / box / name).rglob("part-*.csv")
        for line in path.read_text().split()[1:]
    )


def heads(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in (folder / "ledger" / "flows").rglob("*.json")}


def people(first: int, count: int = 50) -> list[tuple[str, str, str]]:
    return [(f"p{at:03d}", f"C{at % 5}", DAY) for at in range(first, first + count)]


def hundred(folder: Path, reconcile: Reconcile, declare: Callable[..., None], names: list[str]) -> None:
    """People in two files, flows over them applied."""
    declare(folder, names)
    put(folder, "a.csv", *people(0))
    put(folder, "b.csv", *people(50))
    apply(folder, reconcile)


def test_five_flows_read_what_one_does(tmp_path: Path, reconcile: Reconcile, opened: Counter[str]) -> None:
    seen = []
    for number, names in enumerate((["a0"], ["a0", "a1", "a2", "a3", "a4"])):
        folder = tmp_path / str(number)
        hundred(folder, reconcile, project, names)
        opened.clear()
        done = reconcile("-C", folder, "run", "--at", "2054-12-02T02:30Z")
        assert done.code == 0, done.err
        seen.append(dict(opened))
        assert {name: len(ids(folder, name)) for name in names} == dict.fromkeys(names, 20)
    assert seen[0]
    assert seen[1] == seen[0]
    pins = {str(head["cursor"]["pin"]) for head in heads(tmp_path / "1").values()}
    assert len(pins) == 1


def test_exports_of_an_apply_read_what_one_does(tmp_path: Path, reconcile: Reconcile, opened: Counter[str]) -> None:
    seen = []
    for number, names in enumerate((["a0"], ["a0", "a1", "a2"])):
        folder = tmp_path / str(number)
        project(folder, names)
        put(folder, "a.csv", *people(0))
        apply(folder, reconcile)
        opened.clear()
        done = reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-02T02:30Z")
        assert done.code == 0, done.err
        seen.append(dict(opened))
        assert {name: len(ids(folder, name)) for name in names} == dict.fromkeys(names, 10)
    assert seen[0]
    assert seen[1] == seen[0]


def test_one_failure_of_an_apply_is_one_flows(tmp_path: Path, reconcile: Reconcile) -> None:
    held = ACTIVATION.format(name="a2", destination="box", more=", guards: {export: {maxRows: 1}}")
    project(tmp_path, ["a0", "a3"], held)
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    done = reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-12-02T02:30Z")
    assert done.code == 6
    assert "H101" in done.err
    assert done.err.count("✗") == 1
    assert [len(ids(tmp_path, name)) for name in ("a0", "a2", "a3")] == [10, 0, 10]
    assert all(head.get("open") is None for head in heads(tmp_path).values())


def test_previous_pins_differ_and_each_gets_what_is_new_to_it(
    tmp_path: Path, reconcile: Reconcile, opened: Counter[str]
) -> None:
    project(tmp_path, ["a0"])
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z").code == 0
    project(tmp_path, ["a0", "a1"])
    put(tmp_path, "b.csv", *people(50))
    apply(tmp_path, reconcile, "2054-12-02T03:00Z")
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-03T02:30Z").code == 0
    put(tmp_path, "c.csv", *people(100))
    opened.clear()
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-04T02:30Z", "--parallel", "2")
    assert done.code == 0, done.err
    assert set(opened) == {"c.csv"}
    for name in ("a0", "a1"):
        expected = [f"p{at:03d}" for at in range(150) if at % 5 == int(name[1])]
        assert ids(tmp_path, name) == expected


def test_one_failure_is_one_flows(tmp_path: Path, reconcile: Reconcile) -> None:
    """A destination that is gone, a guard, and a third that is sound."""
    lost = ACTIVATION.format(name="a1", destination="other", more="")
    held = ACTIVATION.format(name="a2", destination="box", more=", guards: {export: {maxRows: 1}}")
    project(tmp_path, ["a0", "a3"], lost, held)
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    (tmp_path / "other").rename(tmp_path / "elsewhere")
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z")
    assert done.code == 6
    assert "H101" in done.err
    assert "D102" in done.err
    assert [ids(tmp_path, name) for name in ("a0", "a3")] == [
        [f"p{at:03d}" for at in range(first, 50, 5)] for first in (0, 3)
    ]
    assert ids(tmp_path, "a2") == []
    (tmp_path / "elsewhere").rename(tmp_path / "other")
    again = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T03:30Z")
    assert again.code == 6, "the guard still holds"
    assert ids(tmp_path, "a1", "other") == [f"p{at:03d}" for at in range(1, 50, 5)]
    assert len(ids(tmp_path, "a0")) == 10
    assert not list(tmp_path.rglob(".reconciler-staging/*/*"))


def test_a_stop_in_the_middle_ends_all_and_the_next_call_exports_each_once(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import reconciler
    from reconciler.api.hooks import Hooks

    project(tmp_path, ["a0", "a1", "a2"])
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    told: list[object] = []
    with pytest.raises(reconciler.Interrupted):
        reconciler.Project.open(tmp_path).run(
            at=_at("2054-12-02T02:30Z"), hooks=Hooks(progress=lambda *_: told.append(1), stop=lambda: bool(told))
        )
    assert told
    assert [ids(tmp_path, name) for name in ("a0", "a1", "a2")] == [[], [], []]
    assert all(head.get("open") is None and not head["abandoned"] for head in heads(tmp_path).values())
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:31Z").code == 0
    assert [len(ids(tmp_path, name)) for name in ("a0", "a1", "a2")] == [10, 10, 10]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Every look at whether files are still what was pinned."""
    found: list[tuple[str, ...]] = []
    real = LocalFiles.changed

    def changed(self: LocalFiles, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        pinned = tuple(files)
        if pinned:
            found.append(tuple(each.path for each in pinned))
        return real(self, pinned)

    monkeypatch.setattr(LocalFiles, "changed", changed)
    return found


def test_what_all_have_read_is_looked_at_again_once(
    tmp_path: Path, reconcile: Reconcile, looked: list[tuple[str, ...]]
) -> None:
    """A look for each would be as many requests as flows have files."""
    project(tmp_path, ["a0", "a1", "a2"])
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    looked.clear()
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z").code == 0
    assert looked == [("a.csv",)]
    assert (
        reconcile("-C", tmp_path, "export", "box/a0", "box/a1", "--again", "2054-12-02T02:00Z", "--at", NOW).code == 0
    )
    again = [("a.csv",)] * 2
    assert looked[1:] == [*again, ("a.csv",)], "each before it is read again, and all after"


LIST = """---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: opt-outs}
spec: {location: lists, format: csv, columns: {who: {type: string}}, incremental: {settle: 0s}}
---
apiVersion: reconciler/v1
kind: Suppression
metadata: {name: opted-out}
spec: {dataset: opt-outs, match: [{list: who, column: id}], unnotified: accept}
"""


def test_a_suppression_list_is_looked_at_for_all(
    tmp_path: Path, reconcile: Reconcile, looked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = []
    real = LocalFiles.listing

    def listing(self: LocalFiles, now: Any) -> Any:
        listed.append(self.root.name)
        return real(self, now)

    monkeypatch.setattr(LocalFiles, "listing", listing)
    project(tmp_path, ["a0", "a1", "a2"], LIST)
    put(tmp_path, "a.csv", *people(0))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "l.csv").write_text("who\np000\np006\n")
    apply(tmp_path, reconcile)
    listed.clear()
    looked.clear()
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z").code == 0
    assert sorted(listed) == ["data", "lists"]
    assert sorted(looked) == [("a.csv",), ("l.csv",)]
    assert [len(ids(tmp_path, name)) for name in ("a0", "a1", "a2")] == [9, 9, 10]


def test_what_changes_while_all_read_it_ends_all(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = ACTIVATION.format(name="a2", destination="box", more=", guards: {audience: {minRows: 1}}")
    project(tmp_path, ["a0", "a1"], guarded)
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    real = SharingPolarsEngine.together

    def meanwhile(*given: Any) -> Any:
        found = real(*given)
        put(tmp_path, "a.csv", *people(0, 60))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(SharingPolarsEngine, "together", meanwhile)
        done = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z")
    assert done.err.count("F116 source changed") == 3
    assert [ids(tmp_path, name) for name in ("a0", "a1", "a2")] == [[], [], []]


# Comparisons ----------------------------------------------------------------------------------------------------------------


def comparing(folder: Path, names: list[str], *more: str) -> None:
    project(folder, names, *more)
    path = folder / "project.yaml"
    compared = "  incremental: {strategy: diff, settle: 0s, changes: {operationColumn: op}}\n  primaryKey: [id]\n"
    path.write_text(path.read_text().replace("  incremental: {settle: 0s}\n", compared))


def test_comparisons_read_what_one_does(tmp_path: Path, reconcile: Reconcile, opened: Counter[str]) -> None:
    """The first export, and one of what differs from it."""
    seen = []
    for number, names in enumerate((["a0"], ["a0", "a1", "a2", "a3", "a4"])):
        folder = tmp_path / str(number)
        hundred(folder, reconcile, comparing, names)
        nights = []
        for day, (first, count) in enumerate([(50, 50), (75, 50), (75, 50)]):
            put(folder, "b.csv", *people(first, count))
            opened.clear()
            done = reconcile("-C", folder, "run", "--at", f"2054-12-{day + 2:02d}T02:30Z")
            assert done.code == 0, done.err
            nights.append(dict(opened))
        assert {name: len(ids(folder, name)) for name in names} == dict.fromkeys(names, 20 + 5)
        seen.append(nights)
    assert all(seen[0])
    assert seen[1] == seen[0]
    pins = {str(head["cursor"]["pin"]) for head in heads(tmp_path / "1").values()}
    assert len(pins) == 1


def test_comparisons_of_a_folder_beside_full_exports_of_it(tmp_path: Path, reconcile: Reconcile) -> None:
    """One flow of the same dataset compares nothing, one's destination is gone, one is held: each ends by itself."""
    whole = ACTIVATION.format(name="a0", destination="box", more=", mode: full")
    lost = ACTIVATION.format(name="a1", destination="other", more="")
    held = ACTIVATION.format(name="a2", destination="box", more=", guards: {export: {maxRows: 1}}")
    comparing(tmp_path, ["a3"], whole, lost, held)
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    (tmp_path / "other").rename(tmp_path / "elsewhere")
    done = reconcile("-C", tmp_path, "run", "--at", "2054-12-02T02:30Z")
    assert done.code == 6
    assert done.err.count("✗") == 2
    assert [len(ids(tmp_path, name)) for name in ("a0", "a2", "a3")] == [10, 0, 10]
    (tmp_path / "elsewhere").rename(tmp_path / "other")
    put(tmp_path, "b.csv", *people(50))
    assert reconcile("-C", tmp_path, "run", "--at", "2054-12-03T02:30Z").code == 6
    assert [len(ids(tmp_path, name)) for name in ("a0", "a2", "a3")] == [10 + 20, 0, 20]
    assert len(ids(tmp_path, "a1", "other")) == 20
    assert all(head.get("open") is None for head in heads(tmp_path).values())


# On demand ------------------------------------------------------------------------------------------------------------------


def test_exports_on_demand_read_what_one_does(tmp_path: Path, reconcile: Reconcile, opened: Counter[str]) -> None:
    """What is new, everything, and what was sent once more."""
    seen = []
    for number, names in enumerate((["a0"], ["a0", "a1", "a2"])):
        folder = tmp_path / str(number)
        project(folder, names)
        put(folder, "a.csv", *people(0))
        apply(folder, reconcile)
        flows = [f"box/{name}" for name in names]
        ways = []
        for minute, how in enumerate(([], ["--full"], ["--again", "2054-12-02T02:30Z"])):
            opened.clear()
            done = reconcile("-C", folder, "export", *flows, *how, "--at", f"2054-12-02T02:3{minute}Z")
            assert done.code == 0, done.err
            assert done.out.count("✓ export") == len(names)
            ways.append(dict(opened))
        assert {name: len(ids(folder, name)) for name in names} == dict.fromkeys(names, 3 * 10)
        seen.append(ways)
    assert all(seen[0])
    assert seen[1] == seen[0]


def test_one_failure_on_demand_is_one_flows(tmp_path: Path, reconcile: Reconcile) -> None:
    held = ACTIVATION.format(name="a2", destination="box", more=", guards: {export: {maxRows: 1}}")
    project(tmp_path, ["a0", "a3"], held)
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    done = reconcile("-C", tmp_path, "export", "box/a0", "box/a2", "box/a3", "box/a0", "--at", NOW)
    assert done.code == 6
    assert done.err.count("✗") == 1
    assert [len(ids(tmp_path, name)) for name in ("a0", "a2", "a3")] == [10, 0, 10], (
        "a flow that is named twice leaves once"
    )


@pytest.mark.parametrize(
    ("asked", "code"), [(["box/a9"], "U120"), (["box/a0", "--again", "2054-12-01T00:00Z"], "U109")]
)
def test_what_is_not_there_ends_it_before_anything_leaves(
    tmp_path: Path, reconcile: Reconcile, asked: list[str], code: str
) -> None:
    project(tmp_path, ["a0", "a3"])
    put(tmp_path, "a.csv", *people(0))
    apply(tmp_path, reconcile)
    done = reconcile("-C", tmp_path, "export", "box/a3", *asked, "--at", NOW)
    assert done.code == 64
    assert code in done.err
    assert ids(tmp_path, "a3") == []


# Tables ---------------------------------------------------------------------------------------------------------------------


class Table:
    """A Delta Lake or an Iceberg table of people, three of each of five countries in what is appended at once."""

    def __init__(self, folder: Path, form: str) -> None:
        self.form, self.location = form, "lake/crm/people"
        self._lake = local_lake(folder / "lake", SCHEMA) if form == "iceberg" else None
        self._path = str(folder / self.location)

    def append(self, first: int) -> None:
        rows = pa.table(
            {"id": [f"p{at:03d}" for at in range(first, first + 15)], "country": [f"C{at % 5}" for at in range(15)]}
        )
        if self._lake is None:
            write_deltalake(self._path, rows, mode="append")
        else:
            self._lake.table.append(rows)
            self._lake.hint()

    def compact(self) -> None:
        if self._lake is None:
            DeltaTable(self._path).optimize.compact()
        else:
            self._lake.compact()


SCHEMA = pa.schema([("id", pa.string()), ("country", pa.string())])


def over_table(folder: Path, form: str, names: list[str]) -> None:
    project(folder, names)
    path = folder / "project.yaml"
    text = path.read_text().replace(
        "  location: data\n  format: csv\n", f"  location: lake/crm/people\n  format: {form}\n"
    )
    text = text.replace(", at: {type: timestamp}", "").replace("  incremental: {settle: 0s}\n", "")
    path.write_text(text)


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_flows_over_a_table_read_what_one_does(
    tmp_path: Path, reconcile: Reconcile, opened: Counter[str], form: str
) -> None:
    """Each what is new to it, though the versions that they have read differ, and a compaction came between."""
    seen = []
    for number, names in enumerate((["a0"], ["a0", "a1", "a2"])):
        folder = tmp_path / str(number)
        folder.mkdir()
        table = Table(folder, form)
        table.append(0)
        over_table(folder, form, names[:2])
        apply(folder, reconcile)
        assert reconcile("-C", folder, "run", "--at", "2054-12-02T02:30Z").code == 0
        table.append(15)
        over_table(folder, form, names)
        apply(folder, reconcile, "2054-12-02T03:00Z")
        opened.clear()
        assert reconcile("-C", folder, "run", "--at", "2054-12-03T02:30Z").code == 0
        table.append(30)
        table.append(45)
        table.compact()
        done = reconcile("-C", folder, "run", "--at", "2054-12-04T02:30Z")
        assert done.code == 0, done.err
        seen.append({name: times for name, times in opened.items() if name.endswith(".parquet")})
        for name in names:
            assert ids(folder, name) == [f"p{at:03d}" for at in range(60) if at % 5 == int(name[1])]
    assert max(seen[1].values()) <= max(seen[0].values()) + 1, "footers once more, for the third flow's first export"
    assert len(seen[1]) == len(seen[0]) + 1, "the third flow's first export reads the first file too"


def _at(text: str):  # type: ignore[no-untyped-def]
    from reconciler.values.slot import parse_slot

    return parse_slot(text)
