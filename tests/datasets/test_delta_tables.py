"""Delta Lake tables that the official library wrote: pinned, told apart version by version, read by the engine, refused with the reason."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from reconciler.datasets.delta_log import parse
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.open import open_dataset
from reconciler.errors import MissingExtra, SourceError
from tests.datasets.lakes import NOW, history, ids, opened, read, spec
from tests.datasets.test_s3_files import session
from tests.servers.s3 import S3Server


def append(table: str | Path, ids: str, day: str | None = "2054-12-01", options: Any = None, **more: Any) -> None:
    """One version more: a row for each letter."""
    made = None if day is None else datetime.fromisoformat(day).date()
    columns = {"id": list(ids), "n": list(range(len(ids))), "day": pa.array([made] * len(ids), pa.date32())}
    more.setdefault("mode", "append")
    extra = more.pop("extra", {})
    data = pa.table({**columns, **{name: [value] * len(ids) for name, value in extra.items()}})
    more.setdefault("partition_by", ["day"])
    write_deltalake(str(table), data, storage_options=options, **more)


def test_a_version_is_pinned_and_only_its_files_are_read(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    append(table, "cd", day=None)
    append(table, "xyz", mode="overwrite")
    append(table, "e")
    files = opened("delta", table)
    listing = files.listing(NOW)
    assert listing.pin.table is not None
    assert (listing.pin.table.version, listing.pin.table.id) == (3, DeltaTable(str(table)).metadata().id)
    rows = read(files, listing.pin.files, tmp_path / "out")
    assert ids(rows) == "xyze", "overwritten files are still in the folder"
    assert rows[0]["day"].isoformat() == "2054-12-01", "the partition column isn't in the files"
    assert files.changed(listing.pin.files) == ()
    assert opened("delta", table).listing(NOW).pin.digest() == listing.pin.digest()
    (table / listing.pin.files[0].path).unlink()
    assert files.changed(listing.pin.files) == (listing.pin.files[0].path,)


def test_a_table_is_no_folder_of_plain_files(tmp_path: Path) -> None:
    append(tmp_path / "t", "ab")
    append(tmp_path / "t", "z", mode="overwrite")
    with pytest.raises(SourceError, match="format: delta") as error:
        LocalFiles(tmp_path / "t", "t", "parquet", timedelta(0)).listing(NOW)
    assert error.value.code == "F135", "a and b would have left"


def test_partition_values_come_from_the_log(tmp_path: Path) -> None:
    table = tmp_path / "t"
    odd = ["x y/ü%=+", "", None, "__HIVE_DEFAULT_PARTITION__ "]
    write_deltalake(str(table), pa.table({"id": list("abcd"), "where": odd}), partition_by=["where"])
    columns = {"id": "string", "where": "string"}
    files = opened("delta", table, columns)
    whole = {row["id"]: row["where"] for row in read(files, files.listing(NOW).pin.files, tmp_path / "a", columns)}
    added = {
        row["id"]: row["where"]
        for row in read(files, history(files).added(NOW - timedelta(days=99999)), tmp_path / "b", columns)
    }
    # Delta Lake has no empty string in a partition: it is null.
    assert whole == added == {"a": odd[0], "b": None, "c": None, "d": odd[3]}


def test_increments_are_what_was_appended(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    files = opened("delta", table)
    first = files.listing(NOW).pin
    assert first.table is not None
    assert history(files).added(first.table) == ()
    append(table, "c")
    append(table, "d", day="2054-12-02")
    DeltaTable(str(table)).optimize.compact()
    append(table, "e")
    found = history(files).added(first.table)
    assert ids(read(files, found, tmp_path / "a")) == "cde", "c was compacted away, and is read from where it came"
    assert sorted(ids(read(files, files.listing(NOW).pin.files, tmp_path / "b"))) == list("abcde")


@pytest.mark.parametrize("how", ["delete", "delete-all", "update", "merge", "overwrite", "restore"])
def test_taking_rows_away_is_an_error(tmp_path: Path, how: str) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    append(table, "cd")
    files = opened("delta", table)
    before = files.listing(NOW).pin.table
    assert before is not None
    delta = DeltaTable(str(table))
    match how:
        case "delete":
            delta.delete("id = 'a'")
        case "delete-all":
            delta.delete()
        case "update":
            delta.update(updates={"n": "7"}, predicate="id = 'a'")
        case "merge":
            source = pa.table({"id": ["a"], "n": pa.array([9], pa.int64())})
            delta.merge(source, "s.id = t.id", source_alias="s", target_alias="t").when_matched_update(
                {"n": "s.n"}
            ).execute()
        case "overwrite":
            append(table, "z", mode="overwrite")
        case "restore":
            delta.restore(0)
    with pytest.raises(SourceError) as error:
        history(files).added(before)
    assert error.value.code == "F132"
    assert "version 2" in error.value.detail
    assert "--full" in error.value.detail


def test_what_was_deleted_after_all_of_it_had_expired_is_no_error(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab", day="2054-11-01")
    append(table, "c", day="2054-11-02")
    limit = datetime.now(UTC)
    time.sleep(0.01)
    append(table, "d", day="2054-11-03")
    files = opened("delta", table)
    before = files.listing(NOW).pin.table
    assert before is not None
    DeltaTable(str(table)).delete("day = '2054-11-01'")
    DeltaTable(str(table)).delete("day = '2054-11-02'")
    append(table, "e")
    assert ids(read(files, history(files).added(before, limit), tmp_path / "out")) == "e"
    for expired in (None, limit - timedelta(days=1)):
        with pytest.raises(SourceError) as error:
            history(files).added(before, expired)
        assert error.value.code == "F132"
    DeltaTable(str(table)).delete("day = '2054-11-03'")
    with pytest.raises(SourceError, match="version 6") as error:
        history(files).added(before, limit)
    assert error.value.code == "F132", "d was younger than that"
    append(table, "xy")
    again = files.listing(NOW).pin.table
    assert again is not None
    DeltaTable(str(table)).delete("id = 'x'")
    with pytest.raises(SourceError) as error:
        history(files).added(again, NOW)
    assert error.value.code == "F132", "y was written again, and it isn't new"


def test_a_limited_backfill_goes_by_versions_and_not_by_when_files_were_written(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    append(table, "c")
    limit = datetime.now(UTC)
    DeltaTable(str(table)).optimize.compact()
    append(table, "d")
    files = opened("delta", table)
    assert ids(read(files, history(files).added(limit), tmp_path / "a")) == "d"
    assert ids(read(files, history(files).added(limit - timedelta(days=1)), tmp_path / "b")) == "abcd"
    last = history(files).changed_at()
    DeltaTable(str(table)).optimize.compact()
    assert last is not None
    assert last >= limit
    assert history(files).changed_at() == last, "a compaction changes no rows"


def test_history_that_is_gone(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    files = opened("delta", table)
    first = files.listing(NOW).pin
    assert first.table is not None
    append(table, "c")
    delta = DeltaTable(str(table))
    delta.optimize.compact()
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(SourceError, match="vacuum") as error:
        history(files).added(first.table)
    assert error.value.code == "F133"
    assert files.changed(first.files) == tuple(file.path for file in first.files), "a re-send of that run refuses"
    now = files.listing(NOW).pin
    assert sorted(ids(read(files, now.files, tmp_path / "out"))) == list("abc")
    delta = DeltaTable(str(table))
    delta.create_checkpoint()
    for version in range(3):
        (table / f"_delta_log/{version:020d}.json").unlink()
    assert sorted(ids(read(files, files.listing(NOW).pin.files, tmp_path / "again"))) == list("abc")
    with pytest.raises(SourceError, match="log") as error:
        history(files).added(first.table)
    assert error.value.code == "F133"


def test_a_table_that_was_made_anew_is_another(tmp_path: Path) -> None:
    append(tmp_path / "a", "ab")
    append(tmp_path / "b", "cd")
    append(tmp_path / "b", "e")
    old = opened("delta", tmp_path / "a").listing(NOW).pin.table
    new = opened("delta", tmp_path / "b").listing(NOW).pin.table
    assert old is not None
    assert new is not None
    for since in (old, new.model_copy(update={"version": 9})):
        with pytest.raises(SourceError) as error:
            history(opened("delta", tmp_path / "b")).added(since)
        assert error.value.code == "F134"


def test_the_schema_of_the_pinned_version_counts(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "a")
    append(table, "b", extra={"score": 0.5, "about": {"x": 1}}, schema_mode="merge")
    append(table, "c", extra={"score": 0.7, "about": {"x": 1, "y": "new"}}, schema_mode="merge")
    columns = {"id": "string", "score": "double", "about": "struct<x: long, y: string>"}
    files = opened("delta", table, columns)
    rows = sorted(read(files, files.listing(NOW).pin.files, tmp_path / "out", columns), key=lambda row: row["id"])
    assert [row["score"] for row in rows] == [None, 0.5, 0.7]
    assert [row["about"] for row in rows] == [None, {"x": 1, "y": None}, {"x": 1, "y": "new"}]
    for wrong, code in ({"nope": "string"}, "F106"), ({"score": "int"}, "F107"), ({"about": "struct<z: int>"}, "F106"):
        with pytest.raises(SourceError) as error:
            opened("delta", table, wrong).listing(NOW)
        assert error.value.code == code


def _rewritten(table: Path, version: int, change: Any) -> None:
    """A commit as another writer would have made it."""
    path = table / f"_delta_log/{version:020d}.json"
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    for action in actions:
        change(action)
    path.write_text("".join(json.dumps(action) + "\n" for action in actions))


VECTOR = {
    "storageType": "u",
    "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
    "offset": 4,
    "sizeInBytes": 40,
    "cardinality": 1,
}


def test_deletion_vectors_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "t"
    append(table, "ab")
    files = opened("delta", table)
    append(table, "cd")
    _rewritten(table, 1, lambda action: action.get("add", {}).update(deletionVector=VECTOR))
    with pytest.raises(SourceError) as error:
        parse("t", 1, (table / f"_delta_log/{1:020d}.json").read_bytes())
    assert error.value.code == "F131"

    def protocol(action: dict[str, Any]) -> None:
        if "protocol" in action:
            action["protocol"] = {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            }

    _rewritten(table, 0, protocol)
    with pytest.raises(SourceError) as error:
        files.listing(NOW)
    assert error.value.code == "F131"
    _rewritten(table, 1, lambda action: action.get("add", {}).pop("deletionVector", None))
    assert len(files.listing(NOW).pin.files) == 2, "switched on and not used"


def test_mapped_columns_and_unknown_features_are_refused(tmp_path: Path) -> None:
    for name, setting, features in (
        ("mapped", {"delta.columnMapping.mode": "name"}, ["columnMapping"]),
        ("unknown", {}, ["somethingNew"]),
    ):
        append(tmp_path / name, "ab", partition_by=None)

        def change(action: dict[str, Any], setting: Any = setting, features: Any = features) -> None:
            if "protocol" in action:
                action["protocol"] = {
                    "minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features,
                }  # fmt: skip
            if "metaData" in action:
                action["metaData"]["configuration"] = setting
                schema = json.loads(action["metaData"]["schemaString"])
                for number, column in enumerate(schema["fields"], 1):
                    names = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
                    column["metadata"] = names if setting else {}
                action["metaData"]["schemaString"] = json.dumps(schema)

        _rewritten(tmp_path / name, 0, change)
        with pytest.raises(SourceError) as error:
            opened("delta", tmp_path / name).listing(NOW)
        assert error.value.code == ("F131" if name == "mapped" else "F105")
        assert "maps its columns" in error.value.detail or "newer features" in error.value.detail


@pytest.mark.parametrize("path", ["../other/x.parquet", "/etc/x.parquet", "s3://elsewhere/x.parquet", "a/%2E%2E/../x"])
def test_files_outside_of_the_folder_are_refused(tmp_path: Path, path: str) -> None:
    append(tmp_path / "t", "ab")
    _rewritten(tmp_path / "t", 0, lambda action: action.get("add", {}).update(path=path))
    with pytest.raises(SourceError) as error:
        opened("delta", tmp_path / "t").listing(NOW)
    assert error.value.code == "F131"


def test_what_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    for location in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(SourceError) as error:
            opened("delta", location).listing(NOW)
        assert error.value.code == "F101"
    append(tmp_path / "t", "ab")
    append(tmp_path / "t", "cd")
    (tmp_path / "t/_delta_log/00000000000000000001.json").write_text('{"add": "SECRET-VALUE')
    with pytest.raises(SourceError) as error:
        opened("delta", tmp_path / "t").listing(NOW)
    assert error.value.code == "F105"
    assert "SECRET" not in error.value.detail
    monkeypatch.setitem(__import__("sys").modules, "deltalake", None)
    with pytest.raises(MissingExtra, match=r"reconciler\[delta\]"):
        opened("delta", tmp_path / "t").listing(NOW)


def test_in_s3(seaweed_server: S3Server, tmp_path: Path) -> None:
    bucket = seaweed_server.create_bucket("delta")
    options = {
        "aws_access_key_id": seaweed_server.access_key,
        "aws_secret_access_key": seaweed_server.secret_key,
        "aws_region": seaweed_server.region,
        "aws_endpoint_url": seaweed_server.endpoint,
        "aws_allow_http": "true",
    }
    url = f"s3://{bucket}/crm/people"
    append(url, "ab", options=options)
    files = open_dataset(spec("delta", url, account="lake"), root=tmp_path, session=lambda: session(seaweed_server))
    first = files.listing(NOW).pin
    append(url, "c", day="2054-12-02", options=options)
    DeltaTable(url, storage_options=options).optimize.compact()
    append(url, "d", options=options)
    assert first.table is not None
    assert ids(read(files, history(files).added(first.table), tmp_path / "a")) == "cd"
    with pytest.raises(SourceError, match="format: delta") as error:
        plain = spec("delta", url).model_copy(update={"format": "parquet"})
        open_dataset(plain, root=tmp_path, session=lambda: session(seaweed_server)).listing(NOW)
    assert error.value.code == "F135"
    whole = files.listing(NOW).pin.files
    assert sorted(ids(read(files, whole, tmp_path / "b"))) == list("abcd")
    assert files.changed(whole) == ()
    seaweed_server.client().delete_object(Bucket=bucket, Key=f"crm/people/{whole[0].path}")
    assert files.changed(whole) == (whole[0].path,)
    for location, secret, code in ((f"s3://{bucket}/none", None, "F101"), (url, "wrong" * 8, "F104")):
        wrong = open_dataset(
            spec("delta", location), root=tmp_path, session=lambda secret=secret: session(seaweed_server, secret)
        )
        with pytest.raises(SourceError) as error:
            wrong.listing(NOW)
        assert error.value.code == code
