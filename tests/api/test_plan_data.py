# ruff: noqa: E501 - SQL and documents read best on one line
"""`plan --data` over real files, counted again by DuckDB: what would leave, who enters and leaves and why, what audiences share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from reconciler import PlanData, Project, UsageError
from reconciler.plan.data import FlowData
from reconciler.present.plan_data import as_markdown, as_text
from reconciler.present.plan_json import PlanOutput
from tests.datasets import lakes
from tests.datasets.lakes import local_lake

NIGHTS = [datetime(2054, 12, day, 2, 0, tzinfo=UTC) for day in (1, 2, 3)]
EVENING = datetime(2054, 11, 30, 20, 0, tzinfo=UTC)
FIXED = """{apiVersion: reconciler/v1, kind: Project, metadata: {name: growth},
  spec: {ledger: {url: "file://.reconcile/ledger", simulated: true}}}
---
{apiVersion: reconciler/v1, kind: Schedule, metadata: {name: nightly}, spec: {frequency: daily, time: "02:00"}}
---
{apiVersion: reconciler/v1, kind: Destination, metadata: {name: box}, spec: {type: local, connection: {path: out}}}
"""


@dataclass
class Shop:
    """A project over one Parquet dataset: ids, a country and a score that follow from the id's number."""

    root: Path
    audiences: dict[str, str]
    dataset: str = "primaryKey: [id]"
    more: str = ""
    documents: str = ""

    def declare(self) -> None:
        columns = "{id: {type: string}, n: {type: long}, country: {type: string}, score: {type: long}, seen: {type: timestamp}}"
        texts = [
            FIXED,
            f"{{apiVersion: reconciler/v1, kind: Dataset, metadata: {{name: people}}, spec: {{location: lake, format: parquet, "
            f"columns: {columns}, incremental: {{settle: 0s}}, {self.dataset}}}}}",
            f"{{apiVersion: reconciler/v1, kind: Activation, metadata: {{name: nightly-out}}, spec: {{destination: box, schedule: nightly, "
            f"audiences: [{', '.join(self.audiences)}]{self.more}}}}}",
        ]
        texts += [
            f'{{apiVersion: reconciler/v1, kind: Audience, metadata: {{name: {name}}}, spec: {{dataType: prospects, dataset: people, where: "{where}"}}}}'
            for name, where in self.audiences.items()
        ]
        (self.root / "all.yaml").write_text("\n---\n".join([*texts, *([self.documents] if self.documents else [])]))

    @property
    def project(self) -> Project:
        return Project.open(self.root)

    def put(self, name: str, first: int, last: int, shift: int = 0) -> None:
        """Rows of numbers `first` to `last`; `shift` changes the score."""
        (self.root / "lake").mkdir(exist_ok=True)
        duckdb.sql(
            f"COPY (SELECT 'p' || i AS id, i::BIGINT AS n, ['US', 'DE', 'FR'][1 + i % 3] AS country, ((i + {shift}) % 100)::BIGINT AS score, "
            f"TIMESTAMPTZ '2054-11-01 00:00:00Z' + to_hours(i::INT) AS seen FROM range({first}, {last + 1}) r(i)) "
            f"TO '{self.root}/lake/{name}' (FORMAT parquet)"
        )

    def ids(self, where: str, files: str = "*.parquet") -> set[str]:
        """What matches, by DuckDB alone."""
        rows = duckdb.sql(f"SELECT DISTINCT id FROM '{self.root}/lake/{files}' WHERE {where}").fetchall()
        return {row[0] for row in rows}

    def export(self, at: datetime) -> None:
        self.declare()
        self.project.apply(self.project.plan(at=at), at=at)
        self.project.run(at=at)

    def look(self, at: datetime) -> PlanData:
        self.declare()
        return self.project.look_at_data(self.project.plan(at=at))

    def flow(self, at: datetime, name: str = "us") -> FlowData:
        (found,) = [each for each in self.look(at).flows if each.flow == f"box/audience/{name}"]
        assert found.problem is None
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, {"us": "country = 'US'"})
    shop.put("a.parquet", 1, 300)
    shop.declare()
    return shop


def test_a_first_export_says_what_would_leave(shop: Shop) -> None:
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    found = shop.flow(NIGHTS[0])
    expected = len(shop.ids("country = 'US'"))
    assert found.due is not None
    assert (found.due.rows, found.due.files, found.due.reads, found.due.kind) == (expected, 1, 1, "full")
    assert found.due.bytes == (shop.root / "lake" / "a.parquet").stat().st_size
    assert found.due.told_by == "data"
    assert found.members is not None
    assert (found.members.now, found.members.before, found.members.why) == (expected, None, "Nothing was exported yet.")
    assert not (shop.root / "out").exists() or not list((shop.root / "out").rglob("part-*"))


def test_what_the_edit_and_what_the_data_caused(shop: Shop) -> None:
    shop.export(NIGHTS[0])
    shop.put("b.parquet", 301, 400)
    old, new = "country = 'US'", "country = 'US' AND score < 50 OR country = 'DE' AND score > 30"
    shop.audiences["us"] = new
    found = shop.flow(NIGHTS[1])
    before, middle, after = shop.ids(old, "a.parquet"), shop.ids(old), shop.ids(new)
    assert found.members is not None
    assert (found.members.before, found.members.now) == (len(before), len(after))
    enters, leaves = after - before, before - after
    assert found.members.enters is not None
    assert found.members.leaves is not None
    assert found.members.enters.by_data == len(enters & middle) >= 10
    assert found.members.enters.by_edit == len(enters - middle) >= 10
    assert found.members.leaves.by_edit == len(leaves & middle) >= 10
    assert found.members.leaves.by_data == len(leaves - middle) == 0
    assert found.due is not None
    assert (found.due.kind, found.due.rows) == ("rebuild", len(after))


def test_an_increment_reads_what_is_new(shop: Shop) -> None:
    shop.export(NIGHTS[0])
    shop.put("b.parquet", 301, 400)
    found = shop.flow(NIGHTS[1])
    assert found.due is not None
    assert (found.due.kind, found.due.reads) == ("increment", 1)
    assert found.due.rows == len(shop.ids("country = 'US'", "b.parquet"))
    assert found.members is not None
    assert found.members.enters is not None
    assert (found.members.enters.by_edit, found.members.enters.by_data) == (0, found.due.rows)


def test_who_left_with_the_newest_row(shop: Shop) -> None:
    """`latestBy`: a key's newest row decides; here a second file moves scores."""
    shop.dataset = "primaryKey: [id], latestBy: seen"
    shop.audiences["us"] = "score < 40"
    shop.export(NIGHTS[0])
    duckdb.sql(
        f"COPY (SELECT id, n, country, (score + 30) % 100 AS score, seen + INTERVAL 900 HOUR AS seen FROM '{shop.root}/lake/a.parquet' WHERE n <= 200) "
        f"TO '{shop.root}/lake/b.parquet' (FORMAT parquet)"
    )
    found = shop.flow(NIGHTS[1])
    newest = f"SELECT id, arg_max(score, seen) AS score FROM '{shop.root}/lake/*.parquet' GROUP BY id"
    after = {row[0] for row in duckdb.sql(f"SELECT id FROM ({newest}) WHERE score < 40").fetchall()}
    before = shop.ids("score < 40", "a.parquet")
    assert found.members is not None
    assert found.members.enters is not None
    assert found.members.leaves is not None
    assert (found.members.before, found.members.now) == (len(before), len(after))
    assert (found.members.enters.by_data, found.members.leaves.by_data) == (len(after - before), len(before - after))
    assert found.members.leaves.by_data != 0


def test_files_that_are_gone_leave_the_past_unknown(shop: Shop) -> None:
    shop.more = ", mode: full"
    shop.export(NIGHTS[0])
    (shop.root / "lake" / "a.parquet").unlink()
    shop.put("b.parquet", 1, 90)
    found = shop.flow(NIGHTS[1])
    assert found.members is not None
    assert (found.members.now, found.members.before) == (len(shop.ids("country = 'US'")), None)
    assert "1 of the files that were read then are gone" in str(found.members.why)


class Lake(Shop):
    """The same people in a table."""

    form: str
    lake: lakes.Lake

    @classmethod
    def of(cls, root: Path, form: str) -> Lake:
        found = cls(root, {"us": "country = 'US'"})
        found.form = form
        found.lake = local_lake(
            root / "tables", pa.schema([("id", pa.string()), ("n", pa.int64()), ("country", pa.string())])
        )
        return found

    def declare(self) -> None:
        super().declare()
        path = self.root / "all.yaml"
        text = path.read_text().replace(
            "location: lake, format: parquet", f"location: {self.location}, format: {self.form}"
        )
        text = text.replace(", score: {type: long}, seen: {type: timestamp}}", "}").replace(
            "settle: 0s", "overwrites: rebuild"
        )
        path.write_text(text)

    @property
    def location(self) -> str:
        return "tables/crm/people" if self.form == "iceberg" else "delta"

    @property
    def delta(self) -> DeltaTable:
        return DeltaTable(self.root / self.location)

    def append(self, first: int, last: int) -> None:
        rows = pa.table(
            {
                "id": [f"p{n}" for n in range(first, last + 1)],
                "n": range(first, last + 1),
                "country": [self.country(n) for n in range(first, last + 1)],
            }
        )
        if self.form == "delta":
            write_deltalake(self.root / self.location, rows, mode="append")
        else:
            self.lake.table.append(rows)
            self.lake.hint()

    def delete(self, last: int) -> None:
        if self.form == "delta":
            self.delta.delete(f"n <= {last}")
        else:
            self.lake.table.delete(f"n <= {last}")
            self.lake.hint()

    def compact(self) -> None:
        if self.form == "delta":
            self.delta.optimize.compact()
        else:
            self.lake.compact()

    def forget(self) -> None:
        """What is no longer current goes, the history too."""
        if self.form == "delta":
            self.delta.vacuum(0, dry_run=False, enforce_retention_duration=False)
            return
        current = self.lake.table.metadata.current_snapshot_id
        old = [each.snapshot_id for each in self.lake.table.metadata.snapshots if each.snapshot_id != current]
        self.lake.table.maintenance.expire_snapshots().by_ids(old).commit()
        self.lake.hint()

    @staticmethod
    def country(n: int) -> str:
        return ["US", "DE", "FR"][n % 3]

    def people(self, first: int, last: int, *countries: str) -> set[int]:
        return {n for n in range(first, last + 1) if self.country(n) in countries}


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_of_a_table_the_version_of_the_last_export_is_compared_with(tmp_path: Path, form: str) -> None:
    """Which an increment read a part of; since then rows came and went, and all files were rewritten."""
    shop = Lake.of(tmp_path, form)
    shop.append(1, 300)
    shop.export(NIGHTS[0])
    shop.append(301, 400)
    shop.export(NIGHTS[1])
    shop.delete(60)
    shop.append(401, 500)
    shop.compact()
    shop.audiences["us"] = "country = 'DE' OR country = 'US' AND n < 200"
    found = shop.flow(NIGHTS[2]).members
    assert found is not None
    assert found.why is None
    before = shop.people(1, 400, "US")
    middle, after = shop.people(61, 500, "US"), shop.people(61, 500, "DE") | shop.people(61, 199, "US")
    assert (found.before, found.now) == (len(before), len(after))
    assert found.enters is not None
    assert found.leaves is not None
    enters, leaves = after - before, before - after
    assert (found.enters.by_data, found.enters.by_edit) == (len(enters & middle), len(enters - middle))
    assert (found.leaves.by_edit, found.leaves.by_data) == (len(leaves & middle), len(leaves - middle))
    assert min(len(enters - middle), len(leaves & middle), len(leaves - middle)) >= 10


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_a_table_without_its_history_says_that_the_past_is_unknown(tmp_path: Path, form: str) -> None:
    shop = Lake.of(tmp_path, form)
    shop.append(1, 90)
    shop.export(NIGHTS[0])
    shop.delete(30)
    shop.forget()
    found = shop.look(NIGHTS[1]).flows[0].members
    assert found is not None
    assert (found.before, found.now) == (None, len(shop.people(31, 90, "US")))
    said = "What snapshot " if form == "iceberg" else "1 of the files that were read then are gone"
    assert str(found.why).startswith(said)


def test_another_table_in_its_place_is_compared_with_nothing(tmp_path: Path) -> None:
    shop = Lake.of(tmp_path, "delta")
    shop.append(1, 90)
    shop.export(NIGHTS[0])
    rmtree(tmp_path / "delta")
    shop.append(1, 30)
    found = shop.look(NIGHTS[1]).flows[0].members
    assert found is not None
    assert (found.before, found.now) == (None, 10)
    assert str(found.why).startswith("What version 0 of the table held can't be told: F134 ")


def test_what_audiences_share(shop: Shop) -> None:
    shop.audiences |= {"low": "score < 50", "high": "score >= 50"}
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    data = shop.look(NIGHTS[0])
    found = {tuple(flow.rpartition("/")[2] for flow in each.flows): each.both for each in data.overlaps}
    both = {key: len(shop.ids(shop.audiences[key[0]]) & shop.ids(shop.audiences[key[1]])) for key in found}
    assert found == both
    assert set(found) == {("high", "low"), ("high", "us"), ("low", "us")}
    assert found["high", "low"] == 0
    assert "no key in both" in as_text(data)


SUPPRESSION = """{apiVersion: reconciler/v1, kind: Dataset, metadata: {name: opt-outs}, spec: {location: gone, format: csv,
  columns: {who: {type: string}}}}
---
{apiVersion: reconciler/v1, kind: Suppression, metadata: {name: opted-out}, spec: {dataset: opt-outs, unnotified: accept,
  match: [{list: who, column: id}]}}"""


def test_nobody_on_a_list_would_leave(shop: Shop) -> None:
    shop.documents = SUPPRESSION
    (shop.root / "gone").mkdir()
    listed = sorted(shop.ids("country = 'US'"))[:30]
    (shop.root / "gone" / "list.csv").write_text("who\n" + "\n".join([*listed, "nobody"]) + "\n")
    shop.declare()
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    found = shop.flow(NIGHTS[0])
    assert found.due is not None
    assert found.due.listed == {"opted-out": 0}
    assert found.due.excluded == {"suppressed": 30}
    assert found.due.rows == len(shop.ids("country = 'US'")) - 30
    assert "opted-out: none of these rows is on its list" in as_text(shop.look(NIGHTS[0]))


def test_the_proof_is_not_the_exclusion_repeated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lookup that keeps rows back fails, the proof does too."""
    from reconciler.export.lists import Listed

    shop.documents = SUPPRESSION
    (shop.root / "gone").mkdir()
    listed = sorted(shop.ids("country = 'US'"))[:30]
    (shop.root / "gone" / "list.csv").write_text("who\n" + "\n".join(listed) + "\n")
    shop.declare()
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    import polars as pl

    monkeypatch.setattr(Listed, "holds", lambda *_: pl.lit(False))
    found = shop.flow(NIGHTS[0])
    assert found.due is not None
    assert found.due.listed == {"opted-out": 30}


def test_what_a_comparison_would_tell(shop: Shop) -> None:
    """Strategy `diff`: who is new to the recipient, who looks otherwise, who left and why; nothing is kept of it."""
    shop.more = ", incremental: {strategy: diff}"
    shop.export(NIGHTS[0])
    before = dict(duckdb.sql(f"SELECT id, score FROM '{shop.root}/lake/*.parquet' WHERE country = 'US'").fetchall())
    shop.put("a.parquet", 40, 300)  # 1 to 39 are gone from the source
    duckdb.sql(
        f"COPY (SELECT id, n, CASE WHEN n > 250 THEN 'FR' ELSE country END AS country, CASE WHEN n < 100 THEN score + 1 ELSE score END AS score, seen "
        f"FROM '{shop.root}/lake/a.parquet') TO '{shop.root}/lake/b.parquet' (FORMAT parquet)"
    )
    (shop.root / "lake" / "a.parquet").unlink()
    shop.put("c.parquet", 301, 400)
    after = dict(duckdb.sql(f"SELECT id, score FROM '{shop.root}/lake/*.parquet' WHERE country = 'US'").fetchall())
    there = shop.ids("true")
    blobs = sorted((shop.root / ".reconcile").rglob("*"))
    found = shop.flow(NIGHTS[1])
    assert found.due is not None
    assert found.due.changes is not None
    assert found.due.kind == "increment"
    added, changed = (
        after.keys() - before.keys(),
        {key for key in before.keys() & after.keys() if before[key] != after[key]},
    )
    left = before.keys() - after.keys()
    assert (found.due.changes.added, found.due.changes.changed) == (len(added), len(changed))
    assert found.due.changes.removed == {"filter": len(left & there), "gone": len(left - there)}
    assert min(len(added), len(changed), len(left & there), len(left - there)) >= 10
    assert found.due.rows == len(added | changed)
    assert f"added {len(added)}, changed {len(changed)}, removed {len(left & there)} no longer match" in as_text(
        shop.look(NIGHTS[1])
    )
    assert sorted((shop.root / ".reconcile").rglob("*")) == blobs
    (run,) = shop.project.run(at=NIGHTS[1])
    assert run.run.rows == found.due.rows  # type: ignore[union-attr]


def test_what_cannot_be_read_is_said_of_its_flow_alone(shop: Shop) -> None:
    shop.documents = SUPPRESSION
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    shop.declare()
    data = shop.look(NIGHTS[0])
    (found,) = data.flows
    assert (found.due, str(found.problem)[:4]) == (None, "F121")
    assert "F121" in as_text(data)


def test_footers_tell_where_everything_leaves(shop: Shop) -> None:
    shop.dataset = "minRows: 1"
    shop.declare()
    text = (shop.root / "all.yaml").read_text().replace("audiences: [us]", "datasets: [people]")
    (shop.root / "all.yaml").write_text(text)
    project = shop.project
    project.apply(project.plan(at=EVENING), at=EVENING)
    (found,) = project.look_at_data(project.plan(at=NIGHTS[0])).flows
    assert found.due is not None
    assert (found.due.rows, found.due.told_by, found.members) == (300, "statistics", None)
    assert "no primaryKey" in str(found.keyless)


def test_small_numbers_are_not_told(shop: Shop) -> None:
    shop.audiences = {"us": "n <= 7", "few": "n <= 3"}
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    data = shop.look(NIGHTS[0])
    for flow in data.flows:
        assert flow.due is not None
        assert flow.members is not None
        assert (flow.due.rows, flow.members.now) == ("<10", "<10")
    assert [each.both for each in data.overlaps] == ["<10"]
    text = as_text(data) + "\n".join(as_markdown(data, 10_000)) + json.dumps(data.to_json()["flows"])
    assert "<10" in text
    assert "&#60;10" in text


def test_nothing_of_a_row_is_shown(shop: Shop) -> None:
    shop.export(NIGHTS[0])
    shop.put("b.parquet", 301, 400)
    data = shop.look(NIGHTS[1])
    shown = as_text(data) + "\n".join(as_markdown(data, 10_000)) + json.dumps(data.to_json())
    assert not {each for each in shop.ids("true") if f'"{each}"' in shown or f" {each} " in shown}


def test_json_reads_back(shop: Shop) -> None:
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    plan = shop.project.plan(at=NIGHTS[0])
    output = PlanOutput(plan=plan, data=shop.project.look_at_data(plan))
    assert PlanOutput.model_validate(json.loads(json.dumps(output.to_json()))) == output


def test_nothing_due_reads_nothing(shop: Shop) -> None:
    shop.export(NIGHTS[0])
    (shop.root / "lake" / "a.parquet").write_bytes(b"torn")
    data = shop.look(NIGHTS[0])
    assert (data.flows, data.overlaps) == ((), ())
    assert "no flow is due" in as_text(data)


def test_a_comparison_reads_no_data(shop: Shop) -> None:
    plan = shop.project.plan(at=EVENING).model_copy(update={"base": "main"})
    with pytest.raises(UsageError, match="G136"):
        shop.project.look_at_data(plan)


def test_an_open_run_comes_first(shop: Shop) -> None:
    shop.project.apply(shop.project.plan(at=EVENING), at=EVENING)
    plan = shop.project.plan(at=NIGHTS[0])
    changes = tuple(each.model_copy(update={"run_id": "r1"}) for each in plan.changes)
    (found,) = shop.project.look_at_data(plan.model_copy(update={"changes": changes})).flows
    assert (found.due, "open run" in str(found.problem)) == (None, True)


def test_a_removed_flow_is_not_looked_at(shop: Shop) -> None:
    shop.audiences |= {"low": "score < 50"}
    shop.export(NIGHTS[0])
    del shop.audiences["low"]
    shop.declare()
    plan = shop.project.plan(at=NIGHTS[1], allow_removals="all")
    data = shop.project.look_at_data(plan)
    assert [each.flow for each in data.flows] == ["box/audience/us"]
    assert data.overlaps == ()
