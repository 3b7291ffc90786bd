"""What looking at data finds, and that it can be read as declared."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.datasets.base import Files
from reconciler.datasets.infer import Found, infer
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.names import DataFormat
from reconciler.errors import SourceError
from reconciler.resources.dataset import CsvReading
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, prospects
from tests.export.support import dataset, export, put

NOW = timedelta(0)


def opened(folder: Path) -> Callable[[DataFormat], Files]:
    return lambda form: LocalFiles(folder, str(folder), form, NOW)


def types(found: Found) -> dict[str, str]:
    return {each.name: str(each.type) for each in found.columns}


def optional(found: Found) -> set[str]:
    return {each.name for each in found.columns if each.optional}


def exported(folder: Path, out: Path, found: Found) -> int:
    """Rows that the engine reads when every found column is declared and exported."""
    csv = CsvReading(delimiter=found.delimiter) if found.format == "csv" else None
    spec = dataset(found.format, types(found), optional(found), csv)
    return export(folder, out, spec).result.matched


def test_parquet_types_are_the_footers(tmp_path: Path) -> None:
    write_parquet(prospects(50), tmp_path / "data" / "a.parquet")
    found = infer(opened(tmp_path / "data"))
    assert (found.format, types(found), found.left_out) == ("parquet", COLUMNS, {})
    assert (found.files, found.looked, optional(found)) == (1, 1, set())
    assert exported(tmp_path / "data", tmp_path / "out", found) == 50


def test_csv_types_are_sampled(tmp_path: Path) -> None:
    write_csv(prospects(500), tmp_path / "data" / "a.csv.gz")
    found = infer(opened(tmp_path / "data"))
    # No text is ever an int, nor a decimal; a postcode has leading zeros.
    assert types(found) == FLAT_COLUMNS | {"page_views": "long", "budget": "double"}
    assert exported(tmp_path / "data", tmp_path / "out", found) == 500


def test_json_types_are_sampled(tmp_path: Path) -> None:
    write_json(prospects(500), tmp_path / "data" / "a.json")
    found = infer(opened(tmp_path / "data"))
    visit = COLUMNS["visit"].replace("int", "long")
    assert types(found) == COLUMNS | {"page_views": "long", "budget": "string", "visit": visit}
    assert exported(tmp_path / "data", tmp_path / "out", found) == 500


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-20", "0"], "long"),
        (["9223372036854775807"], "long"),
        (["9223372036854775808"], "string"),
        (["1", "2.5", "-3e-2"], "double"),
        (["1234567.891234567"], "string"),
        (["1e999"], "string"),
        (["01067", "10115"], "string"),
        (["+4930123456"], "string"),
        (["true", "FALSE"], "boolean"),
        (["1", "0"], "long"),
        (["2054-12-01"], "date"),
        (["2054-02-30"], "string"),
        (["2054-12-01T02:00:00Z", "2054-12-01 02:00", "2054-12-01T02:00:00.123+01:00"], "timestamp"),
        (["2054-12-01", "2054-12-01T02:00:00Z"], "string"),
        (["2054-12-01T25:00:00Z"], "string"),
        (["2054-12-01T02:00:00+99:00"], "string"),
        ([" 1"], "string"),
        (["1", "", "2"], "long"),
        (["", ""], "string"),
    ],
)
def test_what_texts_look_like(texts: list[str], kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("id,x\n" + "".join(f"{at},{text}\n" for at, text in enumerate(texts)))
    found = infer(opened(folder))
    assert types(found) == {"id": "long", "x": kind}
    assert found.columns[1].guessed == (not any(texts))
    assert exported(folder, tmp_path / "out", found) == len(texts)


TEXT = st.one_of(
    st.from_regex(r"[+-]?[0-9]{0,20}(\.[0-9]{0,4})?([eE]-?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-6][0-9](:[0-9]{2})?(\.[0-9]{1,9})?(Z|[+-][0-9]{4})?)?",
        fullmatch=True,
    ),
    st.sampled_from(["true", "False", "t", "nan", "inf", "-0", "-0.0", "0x1", "1_0", "٣", "9999-12-31", "0000-01-01"]),
    st.dates().map(str),
    st.datetimes().map(str),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_what_was_seen_whole_can_be_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.mktemp("seen")
    for form in ("csv", "json"):
        (folder / form).mkdir()
    texts = [text.strip() for text in texts]
    (folder / "csv" / "a.csv").write_text("id,x\n" + "".join(f"{at},{text}\n" for at, text in enumerate(texts)))
    lines = [json.dumps({"id": at, "x": text}) for at, text in enumerate(texts)]
    (folder / "json" / "a.json").write_text("\n".join(lines))
    for form in ("csv", "json"):
        found = infer(opened(folder / form))
        assert exported(folder / form, folder / f"out-{form}", found) == len(texts)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from("xyz"), VALUES), min_size=1, max_size=4))
def test_any_json_is_declared_as_it_can_be_read_or_left_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "data").mkdir()
    (folder / "data" / "a.json").write_text("".join(json.dumps({"id": 1, **row}) + "\n" for row in rows))
    found = infer(opened(folder / "data"))
    assert set(types(found)) | set(found.left_out) == {"id"}.union(*rows)
    assert exported(folder / "data", folder / "out", found) == len(rows)


def test_parquet_files_that_differ_are_widened(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    a: Mapping[str, Any] = {
        "id": pa.array([1], pa.int32()),
        "score": pa.array([1.5], pa.float32()),
        "price": pa.array([1], pa.int32()),
        "only_here": ["x"],
        "tags": pa.array([[1]], pa.list_(pa.int16())),
        "visit": pa.array([{"page": "/", "old": 1}]),
        "never": pa.nulls(1),
        "kind": pa.array(["x"]).dictionary_encode(),
        "clash": ["x"],
    }
    b = a | {
        "id": pa.array([2**40]),
        "score": pa.array([1.5]),
        "price": pa.array([1], pa.decimal128(5, 2)),
        "tags": pa.array([[1]], pa.list_(pa.int64())),
        "visit": pa.array([{"new": 1, "page": "/"}]),
        "clash": [True],
    }
    del b["only_here"]  # type: ignore[attr-defined]
    put(folder, "a.parquet", **a)
    put(folder, "b.parquet", **b)
    found = infer(opened(folder))
    assert types(found) == {
        "id": "long",
        "score": "double",
        "price": "decimal(12,2)",
        "only_here": "string",
        "tags": "list<long>",
        "visit": "struct<page: string>",
        "never": "string",
        "kind": "string",
    }
    assert optional(found) == {"only_here"}
    assert [each.name for each in found.columns if each.guessed] == ["never"]
    assert found.left_out == {"clash": "it is string in one file and boolean in another"}
    assert exported(folder, tmp_path / "out", found) == 2


@pytest.mark.parametrize(
    "kind",
    [
        pa.map_(pa.string(), pa.string()),
        pa.time64("us"),
        pa.duration("s"),
        pa.decimal256(50, 2),
        pa.struct([("*", pa.string())]),
        pa.list_(pa.map_(pa.string(), pa.int32())),
    ],
)
def test_types_that_nothing_can_declare_are_left_out_with_the_reason(kind: pa.DataType, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": [1], "odd": pa.nulls(1, kind)}), tmp_path / "data" / "a.parquet")
    found = infer(opened(tmp_path / "data"))
    assert types(found) == {"id": "long"}
    assert list(found.left_out) == ["odd"]


def test_folders_supply_columns(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    put(folder, "day=2054-12-01/hour=05/shard=7/a.parquet", id=[1], day=["inside"])
    put(folder, "day=2054-12-02/hour=17/shard=__HIVE_DEFAULT_PARTITION__/a.parquet", id=[2], day=["inside"])
    found = infer(opened(folder))
    assert types(found) == {"id": "long", "day": "date", "hour": "string", "shard": "long"}
    assert exported(folder, tmp_path / "out", found) == 2


def test_a_folder_that_only_some_files_are_in_is_optional(tmp_path: Path) -> None:
    put(tmp_path / "data", "a.parquet", id=[1])
    put(tmp_path / "data", "country=DE/a.parquet", id=[2])
    found = infer(opened(tmp_path / "data"))
    assert (types(found), optional(found)) == ({"id": "long", "country": "string"}, {"country"})
    assert exported(tmp_path / "data", tmp_path / "out", found) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [["id", "a, b; c"], ["1", 'x\ty "z"']]
    quoted = [delimiter.join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    (folder / "a.csv").write_text("\ufeff" + "\r\n".join(quoted))
    found = infer(opened(folder))
    assert (found.delimiter, types(found)) == (delimiter, {"id": "long", "a, b; c": "string"})
    assert exported(folder, tmp_path / "out", found) == 1


def test_keys_that_objects_lack_are_optional(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.json").write_text('{"id": 1, "old": true}\n\n{"id": 2, "new": 1.5}\n')
    with gzip.open(folder / "b.jsonl.gz", "wt") as file:
        file.write('{"id": 3, "newer": []}')
    found = infer(opened(folder))
    assert types(found) == {"id": "long", "old": "boolean", "new": "double", "newer": "list<string>"}
    assert optional(found) == {"old", "new", "newer"}
    assert exported(folder, tmp_path / "out", found) == 3


def test_only_the_beginning_of_text_is_read_and_never_a_torn_row(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("id,x\n" + "1,2\n" * 300_000 + "1,text\n")
    (folder / "b.csv").write_text('id,x\n1,"' + "ü\n" * 700_000 + '"\n')
    assert types(infer(opened(folder))) == {"id": "long", "x": "long"}


def test_many_files_are_looked_at_evenly(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for at in range(25):
        (folder / f"{at:02}.csv").write_text("id,x\n1," + ("text" if at == 24 else "2"))
    found = infer(opened(folder))
    assert (found.files, found.looked) == (25, 10)
    assert types(found)["x"] == "string"  # the last one is among them


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "F101"),
        ({"_tmp/a.csv": "id\n1"}, "F101"),
        ({"a.csv": "id\n1", "b.json": "{}"}, "F123"),
        ({"a.xlsx": "?"}, "F123"),
        ({"a.parquet": "PAR1 not at all"}, "F105"),
        ({"a.csv": ""}, "F105"),
        ({"a.csv": "id,id\n1,2"}, "F108"),
        ({"a.csv": "id,x\n1,2\n1,secret,3"}, "F110"),
        ({"a.csv": 'id,x\n1,"secret'}, "F110"),
        ({"a.json": '{"id": 1}\n{"secret"'}, "F110"),
        ({"a.json": '["secret"]'}, "F110"),
        ({"a.json": '{"id": NaN}'}, "F110"),
        ({"a.json": '{"id": 1, "id": 2}'}, "F108"),
        ({"a.json": "[" * 100_000}, "F110"),
    ],
)
def test_what_can_not_be_told_is_refused_without_a_value(files: Mapping[str, str], code: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(SourceError) as caught:
        infer(opened(tmp_path))
    assert caught.value.code == code
    assert "secret" not in str(caught.value)
