"""Nights over a table, through the command line: what is appended leaves once, whatever compaction does, and what is taken away is said."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from reconciler.datasets.base import Access
from reconciler.datasets.s3_input import object_store
from tests.cli.support import Outcome, Reconcile
from tests.datasets.lakes import local_lake
from tests.servers.s3 import S3Server

PROJECT = """
apiVersion: reconciler/v1
kind: Project
metadata: {name: tables}
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
  location: lake/people
  format: delta
  columns: {id: {type: string}, country: {type: string}}
---
apiVersion: reconciler/v1
kind: Audience
metadata: {name: german}
spec: {dataType: prospects, dataset: people, where: country = 'DE'}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00"}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: nights}
spec: {destination: box, schedule: nightly, audiences: [german], columns: [id]}
"""


class Nights:
    """A project over a table, night by night in a December that is yet to come."""

    def __init__(self, folder: Path, reconcile: Reconcile, text: str = PROJECT) -> None:
        self.folder = folder
        self.table = folder / "lake/people"
        self._reconcile = reconcile
        self._night = 1
        (folder / "project.yaml").write_text(text)

    def append(self, german: str, others: str = "") -> None:
        people = [*german, *others]
        countries = ["DE"] * len(german) + ["FR"] * len(others)
        write_deltalake(str(self.table), pa.table({"id": people, "country": countries}), mode="append")

    def delta(self) -> DeltaTable:
        return DeltaTable(str(self.table))

    def __call__(self, *arguments: str) -> Outcome:
        return self._reconcile("-C", self.folder, *arguments)

    def apply(self) -> Outcome:
        return self("apply", "--yes", "--at", "2126-12-01T00:00Z")

    def night(self) -> str:
        """What the next night's run sent: ids, sorted; its failure's code and detail otherwise."""
        self._night += 1
        done = self("run", "--at", f"2126-12-{self._night:02}T02:30Z")
        if done.code:
            return done.err
        return self.sent(f"212612{self._night:02}0200")

    def sent(self, slot: str) -> str:
        found = sorted((self.folder / "out/german").glob(f"exportTime={slot}*/part-*.csv"))
        return "".join(sorted("".join(line.strip() for path in found for line in path.read_text().splitlines()[1:])))


@pytest.fixture
def nights(tmp_path: Path, reconcile: Reconcile) -> Nights:
    return Nights(tmp_path, reconcile)


def test_nights_over_a_delta_table(nights: Nights) -> None:
    nights.append("ab", "x")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    nights.append("c")
    nights.append("d", "y")
    nights.delta().optimize.compact()
    assert nights.night() == "cd"
    nights.delta().optimize.compact()
    assert nights.night() == "", "a compaction brings nobody"
    nights.append("e")
    nights.delta().vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert nights.night() == "e"
    assert re.search(r"version \d+ of lake/people done with", nights("status", "box/audience/german").out)
    nights.delta().delete("id = 'a'")
    nights.append("f")
    failed = nights.night()
    assert "F132" in failed
    assert "DELETE" in failed
    assert nights("export", "box/audience/german", "--full", "--at", "2126-12-06T12:00Z").code == 0
    assert nights.sent("212612061200") == "bcdef"
    nights.append("g")
    assert nights.night() == "g", "the full export is where increments go on"
    again = nights("export", "box/audience/german", "--again", "2126-12-03T02:00Z", "--at", "2126-12-07T12:00Z")
    assert "H111" in again.err, "vacuumed: another run's rows would leave"
    again = nights("export", "box/audience/german", "--again", "2126-12-05T02:00Z", "--at", "2126-12-07T12:00Z")
    assert again.code == 0, again.err


REBUILT = PROJECT.replace("format: delta\n", "format: delta\n  incremental: {overwrites: rebuild}\n")


def kinds(nights: Nights) -> list[str]:
    found = (nights.folder / "out/german").rglob("_manifest-*.json")
    return [each["kind"] for each in sorted((json.loads(path.read_text()) for path in found), key=itemgetter("slot"))]


def test_what_took_rows_out_is_a_rebuild_where_that_is_declared(tmp_path: Path, reconcile: Reconcile) -> None:
    nights = Nights(tmp_path, reconcile, REBUILT)
    nights.append("ab", "x")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    nights.append("c")
    assert nights.night() == "c"
    nights.delta().delete("id = 'a'")
    nights.append("d")
    assert nights.night() == "bcd"
    nights.append("e")
    assert nights.night() == "e"
    write_deltalake(str(nights.table), pa.table({"id": ["y", "z"], "country": ["DE", "FR"]}), mode="overwrite")
    assert nights.night() == "y"
    assert kinds(nights) == ["full", "increment", "rebuild", "increment", "rebuild"]
    write_deltalake(
        str(nights.table),
        pa.table({"id": pa.array([], pa.string()), "country": pa.array([], pa.string())}),
        mode="overwrite",
    )
    assert "F117" in nights.night(), "an empty table is still taken for a missing one"


def test_an_iceberg_overwrite_is_a_rebuild_where_that_is_declared(tmp_path: Path, reconcile: Reconcile) -> None:
    text = REBUILT.replace("lake/people", "lake/crm/people").replace("format: delta", "format: iceberg")
    nights = Nights(tmp_path, reconcile, text)
    lake = local_lake(tmp_path / "lake", pa.schema([("id", pa.string()), ("country", pa.string())]))

    def append(german: str) -> None:
        lake.table.append(pa.table({"id": list(german), "country": ["DE"] * len(german)}))
        lake.hint()

    append("ab")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    lake.table.delete("id = 'a'")
    append("c")
    lake.compact()
    assert nights.night() == "bc"
    append("d")
    assert nights.night() == "d"
    assert kinds(nights) == ["full", "rebuild", "increment"]


def test_a_history_that_is_gone_is_no_rebuild(tmp_path: Path, reconcile: Reconcile) -> None:
    nights = Nights(tmp_path, reconcile, REBUILT)
    nights.append("a")
    assert nights.apply().code == 0
    assert nights.night() == "a"
    shutil.rmtree(nights.table)
    nights.append("b")
    assert "F134" in nights.night(), "another table in its place"


def test_nights_over_an_iceberg_table(tmp_path: Path, reconcile: Reconcile) -> None:
    text = PROJECT.replace("lake/people", "lake/crm/people").replace("format: delta", "format: iceberg")
    nights = Nights(tmp_path, reconcile, text)
    lake = local_lake(tmp_path / "lake", pa.schema([("id", pa.string()), ("country", pa.string())]))

    def append(german: str, column: str = "id") -> None:
        lake.table.append(pa.table({column: list(german), "country": ["DE"] * len(german)}))
        lake.hint()

    append("ab")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    append("c")
    append("d")
    lake.compact()
    assert nights.night() == "cd"
    lake.compact()
    assert nights.night() == "", "a compaction brings nobody"
    with lake.table.update_schema() as update:
        update.rename_column("id", "key")
    append("e", "key")
    assert "F106" in nights.night(), "the declared column isn't there by that name any more"
    (tmp_path / "project.yaml").write_text(
        text.replace("{id: {type", "{key: {type").replace("columns: [id]", "columns: [{column: key, as: id}]")
    )
    assert nights("apply", "--yes", "--no-exports", "--at", "2126-12-05T12:00Z").code == 0
    assert nights.night() == "e"
    assert re.search(r"snapshot \d+ of lake/crm/people done with", nights("status", "box/audience/german").out)
    lake.table.delete("key = 'a'")
    lake.hint()
    append("f", "key")
    assert "F132" in nights.night()
    assert nights("export", "box/audience/german", "--full", "--at", "2126-12-07T12:00Z").code == 0
    assert nights.sent("212612071200") == "bcdef", "read by number: older files call the column id"
    append("g", "key")
    assert nights.night() == "g"
    again = nights("export", "box/audience/german", "--again", "2126-12-08T02:00Z", "--at", "2126-12-08T12:00Z")
    assert again.code == 0, again.err
    append("h", "key")
    append("i", "key")
    old = [each.snapshot_id for each in lake.table.metadata.snapshots[:-1]]
    lake.table.maintenance.expire_snapshots().by_ids(old).commit()
    lake.hint()
    assert "F133" in nights.night()


def test_a_backfill_of_nothing_and_the_size_of_an_audience(nights: Nights, tmp_path: Path) -> None:
    text = PROJECT.replace(
        "columns: [id]}", "columns: [id], backfill: none, guards: {audience: {minRows: 3, maxRows: 5}}}"
    )
    (tmp_path / "project.yaml").write_text(text)
    nights.append("abc", "xyz")
    assert nights.apply().code == 0
    nights.delta().optimize.compact()
    assert nights.night() == ""
    nights.append("d")
    nights.delta().optimize.compact()
    assert nights.night() == "d"
    nights.append("ef")
    assert "H101" in nights.night(), "six match in the whole table by now"


def test_what_has_expired_may_be_deleted(nights: Nights, tmp_path: Path) -> None:
    day = (
        "columns: {id: {type: string}, country: {type: string}, day: {type: date}}\n  expiry: {column: day, after: 2d}"
    )
    text = PROJECT.replace("columns: {id: {type: string}, country: {type: string}}", day)
    (tmp_path / "project.yaml").write_text(text)

    def append(people: str, day: int) -> None:
        days = pa.array([date(2126, 12, day)] * len(people), pa.date32())
        rows = pa.table({"id": list(people), "country": ["DE"] * len(people), "day": days})
        write_deltalake(str(nights.table), rows, mode="append", partition_by=["day"])

    append("ab", 1)
    append("c", 2)
    assert nights.apply().code == 0
    assert nights.night() == "abc"
    nights.delta().delete("day = '2126-12-01'")
    append("d", 3)
    assert nights.night() == "d", "files are from long before the slot, so all in them has expired by then"
    append("ef", 4)
    assert nights.night() == "ef"
    nights.delta().delete("id = 'e'")
    assert "F132" in nights.night(), "f was written again, and it isn't new"


def test_a_suppression_and_a_cursor_over_tables(nights: Nights, tmp_path: Path) -> None:
    more = """---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: gone}
spec: {location: lake/gone, format: delta, columns: {id: {type: string}}}
---
apiVersion: reconciler/v1
kind: Suppression
metadata: {name: gone}
spec: {dataset: gone, match: [{list: id, column: id}], unnotified: accept, maxAge: 99999d}
"""
    cursor = (
        "columns: {id: {type: string}, country: {type: string}}\n  incremental: {strategy: cursor, column: id_number}"
    )
    text = PROJECT.replace("columns: {id: {type: string}, country: {type: string}}", cursor)
    text = text.replace("country: {type: string}}", "country: {type: string}, id_number: {type: long}}")
    (tmp_path / "project.yaml").write_text(text + more)
    write_deltalake(str(tmp_path / "lake/gone"), pa.table({"id": ["b"]}))

    def rows(first: int, last: int) -> None:
        made = range(first, last + 1)
        columns = {"id": [chr(96 + each) for each in made], "country": ["DE"] * len(made), "id_number": list(made)}
        write_deltalake(str(nights.table), pa.table(columns), mode="append")

    rows(1, 3)
    assert nights.apply().code == 0
    assert nights.night() == "ac"
    rows(4, 5)
    nights.delta().optimize.compact()
    assert nights.night() == "de"
    nights.delta().delete("id_number = 1")
    assert nights.night() == ""


def test_settling_is_for_files(nights: Nights, tmp_path: Path) -> None:
    for before, after in (
        ("format: delta\n", "format: delta\n  incremental: {settle: 5m}\n"),
        ("columns: [id]}", "columns: [id], incremental: {settle: 1m}}"),
    ):
        (tmp_path / "project.yaml").write_text(PROJECT.replace(before, after))
        done = nights("validate")
        assert done.code == 3
        assert "settle" in done.out + done.err


TOLD = """
  incremental: {strategy: diff, changes: {removed: folder, secret: {fromEnv: TABLES_KEY}}}
"""


def test_nights_over_a_table_that_is_rewritten(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLES_KEY", "correct horse battery staple")
    keyed = PROJECT.replace("  format: delta\n", "  format: delta\n  primaryKey: [id]\n")
    told = keyed.replace(
        "spec: {destination: box, schedule: nightly, audiences: [german], columns: [id]}",
        "spec:\n  destination: box\n  schedule: nightly\n  audiences: [german]\n  columns: [id]" + TOLD,
    )
    nights = Nights(tmp_path, reconcile, told)
    nights.append("ab", "x")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    nights.delta().optimize.compact()
    assert nights.night() == "", "a compaction changes nobody"
    nights.delta().update(updates={"country": "'DE'"}, predicate="id = 'x'")
    nights.delta().delete("id = 'a'")
    nights.append("c")
    assert nights.night() == "cx"
    (gone,) = tmp_path.glob("out/german/exportTime=212612040200/_removed/*.csv")
    assert gone.read_text() == "id,reason\na,gone\n"


def test_nights_over_a_table_in_s3(
    seaweed_server: S3Server, nights: Nights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_ID", seaweed_server.access_key)
    monkeypatch.setenv("LAKE_KEY", seaweed_server.secret_key)
    bucket = seaweed_server.create_bucket("nights")
    url = f"s3://{bucket}/people"
    account = f"""---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: lake}}
spec:
  type: aws
  region: {seaweed_server.region}
  endpoints: {{s3: {seaweed_server.endpoint}}}
  auth: {{accessKey: {{accessKeyId: {{fromEnv: LAKE_ID}}, secretAccessKey: {{fromEnv: LAKE_KEY}}}}}}
"""
    (tmp_path / "project.yaml").write_text(PROJECT.replace("lake/people", f"{url}\n  account: lake") + account)
    options = object_store(Access("", lambda: _settings(seaweed_server)))

    def append(people: str) -> None:
        rows = pa.table({"id": list(people), "country": ["DE"] * len(people)})
        write_deltalake(url, rows, mode="append", storage_options=options)

    append("ab")
    assert nights.apply().code == 0
    assert nights.night() == "ab"
    append("c")
    DeltaTable(url, storage_options=options).optimize.compact()
    append("d")
    assert nights.night() == "cd"
    assert nights.night() == ""
    DeltaTable(url, storage_options=options).delete("id = 'a'")
    assert "F132" in nights.night()
    monkeypatch.setenv("LAKE_KEY", "wrong" * 8)
    failed = nights("run", "--at", "2126-12-06T03:30Z").err
    assert "F104" in failed
    assert seaweed_server.access_key not in failed


def _settings(server: S3Server) -> dict[str, str]:
    return {
        "access_key_id": server.access_key,
        "secret_access_key": server.secret_key,
        "region": server.region,
        "endpoint_url": server.endpoint,
    }
