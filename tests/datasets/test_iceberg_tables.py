"""Apache Iceberg tables that the official library wrote: pinned, told apart by snapshots, read by the engine, refused with the reason."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
)
from pyiceberg.table.snapshots import Operation
from pyiceberg.types import IntegerType, LongType, StringType

from reconciler.datasets.base import Files
from reconciler.datasets.open import open_dataset
from reconciler.errors import MissingExtra, SourceError
from reconciler.export.polars_engine import PolarsEngine
from tests.datasets.lakes import NOW, Lake, history, ids, local_lake, opened, read, s3_options, spec
from tests.datasets.test_s3_files import session
from tests.servers.s3 import S3Server


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return local_lake(tmp_path / "lake")


def everything(files: Files, out: Path, columns: dict[str, str] | None = None) -> list[dict[str, Any]]:
    rows = read(files, files.listing(NOW).pin.files, out, columns)
    return sorted(rows, key=lambda row: str(row["id"]))


def test_a_snapshot_is_pinned_and_only_its_files_are_read(lake: Lake, tmp_path: Path) -> None:
    files = opened("iceberg", lake.location)
    empty = files.listing(NOW).pin
    assert empty.table is not None
    assert (empty.files, empty.table.snapshot) == ((), None)
    lake.append("ab")
    lake.table.overwrite(
        pa.table({"id": list("xyz"), "n": [1, 2, 3], "day": [None] * 3}, schema=lake.table.schema().as_arrow())
    )
    lake.hint()
    lake.append("e")
    listing = files.listing(NOW)
    current = lake.table.current_snapshot()
    assert current is not None
    assert listing.pin.table is not None
    assert (listing.pin.table.snapshot, listing.pin.table.id) == (
        str(current.snapshot_id),
        str(lake.table.metadata.table_uuid),
    )
    assert ids(read(files, listing.pin.files, tmp_path)) == "xyze"
    assert files.changed(listing.pin.files) == ()
    assert opened("iceberg", lake.location).listing(NOW).pin.digest() == listing.pin.digest()


def test_increments_are_what_was_appended(lake: Lake, tmp_path: Path) -> None:
    files = opened("iceberg", lake.location)
    nothing = files.listing(NOW).pin.table
    lake.append("ab")
    first = files.listing(NOW).pin.table
    assert first is not None
    assert nothing is not None
    assert history(files).added(first) == ()
    lake.append("c")
    lake.append("d", day="2054-12-02")
    lake.compact()
    lake.append("e")
    assert ids(read(files, history(files).added(first), tmp_path)) == "cde"
    assert ids(read(files, history(files).added(nothing), tmp_path)) == "abcde"
    assert ids(everything(files, tmp_path)) == "abcde"


@pytest.mark.parametrize("how", ["delete", "delete-some", "overwrite", "upsert", "rollback"])
def test_taking_rows_away_is_an_error(lake: Lake, how: str) -> None:
    lake.append("ab")
    lake.append("cd")
    files = opened("iceberg", lake.location)
    before = files.listing(NOW).pin.table
    assert before is not None
    rows = pa.table({"id": ["a"], "n": [7], "day": [None]}, schema=lake.table.schema().as_arrow())
    match how:
        case "delete":
            lake.table.delete("id in ('a', 'b')")
        case "delete-some":
            lake.table.delete("id = 'a'")
        case "overwrite":
            lake.table.overwrite(rows)
        case "upsert":
            lake.table.upsert(rows, join_cols=["id"])
        case "rollback":
            first = lake.table.metadata.snapshots[0].snapshot_id
            lake.table.manage_snapshots().rollback_to_snapshot(first).commit()
    lake.hint()
    with pytest.raises(SourceError) as error:
        history(files).added(before)
    assert error.value.code == ("F134" if how == "rollback" else "F132")
    assert "--full" in error.value.detail


def test_what_was_deleted_after_all_of_it_had_expired_is_no_error(lake: Lake, tmp_path: Path) -> None:
    with lake.table.update_spec() as update:
        update.add_identity("day")
    lake.append("ab", day="2054-11-01")
    limit = datetime.now(UTC)
    time.sleep(0.01)
    lake.append("d", day="2054-11-03")
    files = opened("iceberg", lake.location)
    before = files.listing(NOW).pin.table
    assert before is not None
    lake.table.delete("day = '2054-11-01'")
    lake.append("e")
    assert ids(read(files, history(files).added(before, limit), tmp_path / "out")) == "e"
    for expired in (None, limit - timedelta(days=1)):
        with pytest.raises(SourceError) as error:
            history(files).added(before, expired)
        assert error.value.code == "F132"
    old = [each.snapshot_id for each in lake.table.metadata.snapshots[:1]]
    lake.table.maintenance.expire_snapshots().by_ids(old).commit()
    lake.hint()
    with pytest.raises(SourceError) as error:
        history(files).added(before, limit)
    assert error.value.code == "F132", "by the snapshots that are left, it may have been as young as d"
    lake.table.delete("day = '2054-11-03'")
    lake.hint()
    with pytest.raises(SourceError) as error:
        history(files).added(before, limit)
    assert error.value.code == "F132"


def test_an_overwrite_that_only_adds_is_an_append(lake: Lake, tmp_path: Path) -> None:
    """What MERGE INTO commits where nothing matched."""
    lake.append("ab")
    files = opened("iceberg", lake.location)
    before = files.listing(NOW).pin.table
    assert before is not None
    rows = pa.table({"id": ["c"], "n": [7], "day": [None]}, schema=lake.table.schema().as_arrow())
    lake.commit(Operation.OVERWRITE, lake.written(rows), [])
    assert ids(read(files, history(files).added(before), tmp_path)) == "c"


def test_a_limited_backfill_goes_by_snapshots(lake: Lake, tmp_path: Path) -> None:
    lake.append("ab")
    limit = datetime.now(UTC)
    lake.compact()
    lake.append("d")
    files = opened("iceberg", lake.location)
    assert ids(read(files, history(files).added(limit), tmp_path)) == "d"
    assert ids(read(files, history(files).added(limit - timedelta(days=1)), tmp_path)) == "abd"
    last = history(files).changed_at()
    lake.compact()
    assert last is not None
    assert last >= limit.replace(microsecond=0)
    assert history(files).changed_at() == last


def test_history_that_is_gone(lake: Lake, tmp_path: Path) -> None:
    lake.append("ab")
    files = opened("iceberg", lake.location)
    first = files.listing(NOW).pin
    assert first.table is not None
    lake.append("c")
    lake.append("d")
    old = [each.snapshot_id for each in lake.table.metadata.snapshots[:2]]
    lake.table.maintenance.expire_snapshots().by_ids(old).commit()
    lake.hint()
    for since in (first.table, NOW - timedelta(days=99999)):
        with pytest.raises(SourceError, match="expired") as error:
            history(files).added(since)
        assert error.value.code == "F133"
    assert ids(everything(files, tmp_path)) == "abcd"
    assert files.changed(first.files) == ()


def test_files_that_expiry_removed_after_a_compaction(lake: Lake) -> None:
    lake.append("ab")
    files = opened("iceberg", lake.location)
    first = files.listing(NOW).pin
    assert first.table is not None
    lake.append("c")
    old = lake.data_files()
    lake.compact()
    for file in old:
        Path(file.file_path.removeprefix("file://")).unlink()
    with pytest.raises(SourceError, match="removed from the store") as error:
        history(files).added(first.table)
    assert error.value.code == "F133"
    assert files.changed(first.files) == tuple(each.path for each in first.files)


def test_columns_are_known_by_number(lake: Lake, tmp_path: Path) -> None:
    lake.append("a")
    with lake.table.update_schema() as update:
        update.rename_column("id", "key")
        update.delete_column("n")
    with lake.table.update_schema() as update:
        update.add_column("n", IntegerType())
        update.rename_column("key", "id2")
        update.add_column("id", StringType())
    lake.hint()
    new = {"id2": ["b"], "day": [None], "n": [5], "id": ["other"]}
    lake.table.append(pa.table(new, schema=lake.table.schema().as_arrow()))
    lake.hint()
    columns = {"id2": "string", "n": "int", "id": "string"}
    files = opened("iceberg", lake.location, columns)
    rows = sorted(read(files, files.listing(NOW).pin.files, tmp_path, columns), key=lambda row: row["id2"])
    assert rows == [{"id2": "a", "n": None, "id": None}, {"id2": "b", "n": 5, "id": "other"}]
    newest = dict(
        PolarsEngine().newest(spec("iceberg", "t", columns), files.access(), files.listing(NOW).pin.files, "n")
    )
    assert sorted(newest.values(), key=str) == [5, None], "the old n was another column"
    absent = {"n": "int", "id": "string"}
    only = opened("iceberg", lake.location, absent)
    assert {"n": None, "id": None} in read(only, only.listing(NOW).pin.files, tmp_path, absent)
    for wrong, code in ({"key": "string"}, "F106"), ({"n": "string"}, "F107"):
        with pytest.raises(SourceError) as error:
            opened("iceberg", lake.location, wrong).listing(NOW)
        assert error.value.code == code


def test_types_that_were_widened_and_fields_that_were_added(tmp_path: Path) -> None:
    about = pa.struct([("x", pa.int32())])
    lake = local_lake(tmp_path / "lake", pa.schema([("id", pa.string()), ("n", pa.int32()), ("about", about)]))

    def add(person: str, **more: Any) -> None:
        lake.table.append(pa.table({"id": [person], "n": [1], **more}, schema=lake.table.schema().as_arrow()))
        lake.hint()

    add("a", about=[{"x": 1}])
    with lake.table.update_schema() as update:
        update.update_column("n", LongType())
        update.add_column(("about", "y"), StringType())
    add("b", about=[{"x": 2, "y": "new"}])
    columns = {"id": "string", "n": "long", "about": "struct<x: int, y: string>"}
    files = opened("iceberg", lake.location, columns)
    assert [row["about"] for row in everything(files, tmp_path, columns)] == [{"x": 1, "y": None}, {"x": 2, "y": "new"}]
    with lake.table.update_schema() as update:
        update.rename_column(("about", "x"), "z")
    lake.hint()
    renamed = {"id": "string", "about": "struct<z: int>"}
    files = opened("iceberg", lake.location, renamed)
    with pytest.raises(SourceError, match=r"about\.z") as error:
        everything(files, tmp_path, renamed)
    assert error.value.code == "F131"


def test_partitions_and_files_without_numbers(tmp_path: Path) -> None:
    lake = local_lake(tmp_path / "lake")
    with lake.table.update_spec() as update:
        update.add_identity("day")
        update.add_identity("id")
    lake.append("a", day="1969-12-30")
    lake.append("b", day="2054-12-02")
    # What another job wrote, by name and without the partition's column.
    path = Path(lake.location.removeprefix("file://")) / "data/imported.parquet"
    pq.write_table(pa.table({"id": ["c"], "n": pa.array([3], pa.int64()), "day": [date(2054, 12, 3)]}), path)
    lake.table.add_files([f"file://{path}"])
    lake.hint()
    files = opened("iceberg", lake.location)
    rows = everything(files, tmp_path)
    assert [(row["id"], row["n"], row["day"].isoformat()) for row in rows] == [
        ("a", 0, "1969-12-30"),
        ("b", 0, "2054-12-02"),
        ("c", 3, "2054-12-03"),
    ]


def test_delete_files_are_refused(lake: Lake, tmp_path: Path) -> None:
    """Merge-on-read, as Spark and Flink write it: the library reads it and doesn't write it."""
    lake.append("ab")
    files = opened("iceberg", lake.location)
    before = files.listing(NOW)
    assert before.pin.table is not None
    _delete_by_position(lake)
    with pytest.raises(SourceError, match="merge-on-read") as error:
        files.listing(NOW)
    assert error.value.code == "F131"
    assert ids(lake.table.scan().to_arrow().to_pylist()) == "b", "it really deletes"


def _delete_by_position(lake: Lake) -> None:
    (data,) = lake.data_files()
    path = Path(lake.location.removeprefix("file://")) / "data/deletes.parquet"
    numbered = [
        pa.field("file_path", pa.string(), nullable=False, metadata={"PARQUET:field_id": "2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={"PARQUET:field_id": "2147483545"}),
    ]
    pq.write_table(pa.table({"file_path": [data.file_path], "pos": [0]}, schema=pa.schema(numbered)), path)
    from pyiceberg.manifest import write_manifest, write_manifest_list

    table = lake.table
    current = table.current_snapshot()
    assert current is not None
    snapshot_id, sequence = 4711, table.metadata.last_sequence_number + 1
    delete = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=f"file://{path}",
        file_format=FileFormat.PARQUET,
        partition=data.partition,
        record_count=1,
        file_size_in_bytes=path.stat().st_size,
        column_sizes={},
        value_counts={},
        null_value_counts={},
        nan_value_counts={},
        lower_bounds={},
        upper_bounds={},
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
    )
    delete.spec_id = 0
    folder = Path(lake.location.removeprefix("file://")) / "metadata"
    with write_manifest(
        2, table.spec(), table.schema(), table.io.new_output(f"file://{folder}/d-m0.avro"), snapshot_id, "deflate"
    ) as writer:
        writer.content = lambda: ManifestContent.DELETES  # type: ignore[method-assign]
        writer.add_entry(
            ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, data_file=delete)
        )
    manifest = writer.to_manifest_file()
    listed = f"file://{folder}/snap-d.avro"
    with write_manifest_list(
        2, table.io.new_output(listed), snapshot_id, current.snapshot_id, sequence, "deflate"
    ) as lists:
        lists.add_manifests([manifest, *current.manifests(table.io)])
    text = json.loads(Path(table.metadata_location.removeprefix("file://")).read_text())
    text["snapshots"].append(
        {
            "snapshot-id": snapshot_id,
            "parent-snapshot-id": current.snapshot_id,
            "sequence-number": sequence,
            "timestamp-ms": text["last-updated-ms"] + 1,
            "manifest-list": listed,
            "schema-id": 0,
            "summary": {"operation": "delete"},
        }
    )
    text["last-sequence-number"], text["current-snapshot-id"] = sequence, snapshot_id
    text["refs"]["main"]["snapshot-id"] = snapshot_id
    made = folder / f"{uuid4()}.metadata.json"
    made.write_text(json.dumps(text))
    from pyiceberg.table import StaticTable

    lake.table = StaticTable.from_metadata(f"file://{made}")
    lake.hint()


def test_the_hint_of_a_catalogue_of_folders(lake: Lake, tmp_path: Path) -> None:
    lake.append("a")
    folder = Path(lake.location.removeprefix("file://")) / "metadata"
    first = Path(lake.table.metadata_location.removeprefix("file://")).read_bytes()
    lake.append("b")
    second = Path(lake.table.metadata_location.removeprefix("file://")).read_bytes()
    files = opened("iceberg", lake.location)
    (folder / "version-hint.text").write_text("1\n")
    with pytest.raises(SourceError) as error:
        files.listing(NOW)
    assert error.value.code == "F105"
    (folder / "v1.metadata.json").write_bytes(first)
    assert ids(everything(files, tmp_path)) == "a"
    (folder / "v2.gz.metadata.json").write_bytes(gzip.compress(second))
    assert ids(everything(files, tmp_path)) == "ab", "the hint lags behind a commit"
    for wrong in ("../../elsewhere.metadata.json", "x", ""):
        (folder / "version-hint.text").write_text(wrong)
        with pytest.raises(SourceError) as error:
            files.listing(NOW)
        assert error.value.code == "F105"
    (folder / "version-hint.text").unlink()
    with pytest.raises(SourceError, match="catalogue") as error:
        files.listing(NOW)
    assert error.value.code == "F101"


def test_what_cant_be_read(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("a")
    metadata = Path(lake.table.metadata_location.removeprefix("file://"))
    whole = json.loads(metadata.read_text())
    for change, code in (
        ({"format-version": 3, "next-row-id": 0}, "F131"),
        ({"location": "file:///somewhere/else"}, "F131"),
        ({"format-version": 9}, "F105"),
        ({"schemas": "SECRET-VALUE"}, "F105"),
    ):
        metadata.write_text(json.dumps({**whole, **change}))
        with pytest.raises(SourceError) as error:
            opened("iceberg", lake.location).listing(NOW)
        assert error.value.code == code
        assert "SECRET" not in error.value.detail
    metadata.write_text(json.dumps(whole))
    before = opened("iceberg", lake.location).listing(NOW).pin.table
    assert before is not None
    metadata.write_text(json.dumps({**whole, "table-uuid": str(uuid4())}))
    with pytest.raises(SourceError) as error:
        history(opened("iceberg", lake.location)).added(before)
    assert error.value.code == "F134"
    current = lake.table.current_snapshot()
    assert current is not None
    Path(current.manifest_list.removeprefix("file://")).write_bytes(b"torn")
    with pytest.raises(SourceError) as error:
        opened("iceberg", lake.location).listing(NOW)
    assert error.value.code == "F105"
    monkeypatch.setitem(__import__("sys").modules, "pyiceberg.table.metadata", None)
    with pytest.raises(MissingExtra, match=r"reconciler\[iceberg\]"):
        opened("iceberg", lake.location).listing(NOW)


def test_in_s3(seaweed_server: S3Server, tmp_path: Path) -> None:
    bucket = seaweed_server.create_bucket("iceberg")

    def put(name: str, content: bytes) -> None:
        seaweed_server.client().put_object(Bucket=bucket, Key=f"crm/people/{name}", Body=content)

    catalog = SqlCatalog(
        "c", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"s3://{bucket}", **s3_options(seaweed_server)
    )
    lake = Lake(catalog, put)
    lake.append("ab")
    files = open_dataset(
        spec("iceberg", lake.location, account="lake"), root=tmp_path, session=lambda: session(seaweed_server)
    )
    first = files.listing(NOW).pin.table
    assert first is not None
    lake.append("c", day="2054-12-02")
    lake.compact()
    with lake.table.update_schema() as update:
        update.rename_column("n", "number")
    lake.hint()
    lake.table.append(pa.table({"id": ["d"], "number": [4], "day": [None]}, schema=lake.table.schema().as_arrow()))
    lake.hint()
    columns = {"id": "string", "number": "long"}
    files = open_dataset(
        spec("iceberg", lake.location, columns), root=tmp_path, session=lambda: session(seaweed_server)
    )
    assert ids(read(files, history(files).added(first), tmp_path, columns)) == "cd"
    assert ids(everything(files, tmp_path, columns)) == "abcd"
    wrong = open_dataset(
        spec("iceberg", lake.location), root=tmp_path, session=lambda: session(seaweed_server, "wrong" * 8)
    )
    with pytest.raises(SourceError) as error:
        wrong.listing(NOW)
    assert error.value.code == "F104"
