"""What the files of a dataset look like: drift, torn ones, columns from paths. Expectations are plain Python."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reconciler.datasets import parquet as parquet_reading
from reconciler.datasets.local import LocalFiles
from reconciler.errors import SourceError
from reconciler.export.budget import Budget
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.formats import CsvFormat, Format, JsonFormat, ParquetFormat
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import prospects
from tests.export.support import dataset, export, files_of, put, rows_of, unzipped

ROWS = list(prospects(2000, seed=3))
ENGINE = PolarsEngine()
ALL_FORMATS: list[Format] = [ParquetFormat(type="parquet"), JsonFormat(type="json"), CsvFormat(type="csv")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    for part in range(4):
        rows = ROWS[part * 500 : part * 500 + 500]
        write_parquet(rows, root / "parquet" / f"{part}.parquet")
        write_csv(rows, root / "csv" / f"{part}.csv")
        write_json(rows, root / "json" / f"{part}.json.gz")
    return root


def code(folder: Path, spec: Any) -> tuple[str, str]:
    """The error of an inspection, which an export gives too."""
    with pytest.raises(SourceError) as caught:
        ENGINE.inspect(spec, LocalFiles(folder, "", spec.format, timedelta(0)).access(), files_of(folder, spec.format))
    with pytest.raises(SourceError) as exported:
        export(folder, folder.parent / "out", spec)
    assert exported.value.code == caught.value.code
    return caught.value.code, caught.value.detail


# What files look like


def test_types_are_widened(tmp_path: Path) -> None:
    when = datetime(2054, 12, 2, 2, tzinfo=UTC)
    folder = tmp_path / "in"
    nested = pa.array([{"x": 1, "secret": "s", "y": [1.5]}, None])
    put(
        folder, "1.parquet", s=pa.array(["a", None]).dictionary_encode(), i=pa.array([1, 2], pa.int16()),
        l=pa.array([1, 2], pa.int32()),
        d=pa.array([1.5, None], pa.float32()), n=pa.array([Decimal("1.5"), None], pa.decimal128(5, 1)),
        t=pa.array([when, None], pa.timestamp("ms", "Europe/Berlin")),
        k=pa.array([[1], [2]], pa.list_(pa.int32(), 1)), v=nested, extra=["not declared", ""],
    )  # fmt: skip
    put(
        folder, "2.parquet", extra=[1, 2], v=pa.array([{"y": None, "x": 2}, {"y": [], "x": None}], pa.struct({"y":
        pa.large_list(pa.float32()), "x": pa.int8()})),
        s=pa.array(["b", ""], pa.large_string()), i=pa.array([3, 4], pa.uint16()), l=pa.array([3, 4], pa.uint32()),
        d=pa.array([3, 4], pa.int32()),
        n=pa.array([5, 6], pa.int16()), t=pa.array([when.replace(tzinfo=None), None], pa.timestamp("ns")),
        k=pa.array([[], None], pa.list_(pa.int64())),
    )  # fmt: skip
    put(folder, "3.parquet", **{name: pa.nulls(1) for name in "sildntkv"})
    spec = dataset(
        columns={
            "s": "string", "i": "int", "l": "long", "d": "double", "n": "decimal(12,2)", "t": "timestamp",
            "k": "list<long>",
            "v": "struct<x: long, y: list<double>>",
        }
    )  # fmt: skip
    done = export(folder, tmp_path / "out", spec)
    table = [tuple(row.values()) for row in rows_of(done.paths)]
    assert table == [
        ("a", 1, 1, 1.5, Decimal("1.50"), when, [1], {"x": 1, "y": [1.5]}),
        (None, 2, 2, None, None, None, [2], None),
        ("b", 3, 3, 3.0, Decimal("5.00"), when, [], {"x": 2, "y": None}),
        ("", 4, 4, 4.0, Decimal("6.00"), None, None, {"x": None, "y": []}),
        (None,) * 8,
    ]
    assert done.result.read == 5


@pytest.mark.parametrize(
    ("found", "declared", "said"),
    [
        (pa.array([1.5]), "long", "'a' is double, declared as long"),
        (pa.array([1], pa.int64()), "int", "'a' is long, declared as int"),
        (pa.array([1], pa.int64()), "double", "'a' is long, declared as double"),
        (pa.array([1], pa.uint64()), "long", "'a' is decimal(20,0), declared as long"),
        (pa.array([1]), "string", "'a' is long, declared as string"),
        (pa.array([b"x"]), "string", "'a' is binary, declared as string"),
        (pa.array(["2054-01-01"]), "date", "'a' is string, declared as date"),
        (pa.array([date(2054, 1, 1)]), "timestamp", "'a' is date, declared as timestamp"),
        (pa.array([1], pa.timestamp("ns")), "date", "'a' is timestamp, declared as date"),
        (pa.array([True]).dictionary_encode(), "binary", "'a' is boolean, declared as binary"),
        (pa.array([Decimal("1.55")]), "decimal(10,1)", "'a' is decimal(3,2), declared as decimal(10,1)"),
        (pa.array([[1.5]]), "list<long>", "'a[]' is double, declared as long"),
        (pa.array([1]), "list<float>", "'a' is long, declared as list<float>"),
        (pa.array([{"x": "1"}]), "struct<x: long>", "'a.x' is string, declared as long"),
        (
            pa.array([1]),
            "struct<x: long, y: list<string>>",
            "'a' is long, declared as struct<x: long, y: list<string>>",
        ),
    ],
)
def test_other_types_are_refused(tmp_path: Path, found: pa.Array, declared: str, said: str) -> None:
    """In the words of the declaration, and in nobody else's."""
    put(tmp_path / "in", "good.parquet", a=pa.nulls(1))
    put(tmp_path / "in", "zz.parquet", a=found)
    got, detail = code(tmp_path / "in", dataset(columns={"a": declared}))
    assert (got, detail) == ("F107", f"zz.parquet: {said}.")


def test_missing_columns(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    put(folder, "1.parquet", a=[1, 2], b=["x", "y"])
    put(folder, "2.parquet", a=[3])
    kinds = {"a": "long", "b": "string"}
    assert code(folder, dataset(columns=kinds))[0] == "F106"
    done = export(folder, tmp_path / "out", dataset(columns=kinds, optional=["b"]))
    assert [tuple(row.values()) for row in rows_of(done.paths)] == [(1, "x"), (2, "y"), (3, None)]
    only = export(folder, tmp_path / "only", dataset(columns=kinds, optional=["b"]), columns=["b"])
    assert [row["b"] for row in rows_of(only.paths)] == ["x", "y", None]
    put(folder, "3.parquet", a=[4], s=[{"x": 1}])
    nested = {"s": "struct<x: long, y: long>"}
    assert code(folder, dataset(columns=nested, optional=["s"])) == ("F106", "3.parquet has no field 's.y'.")


def test_a_column_twice(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), folder / "a.parquet")
    assert code(folder, dataset(columns={"a": "long"}))[0] == "F108"


@pytest.mark.parametrize("cut", [0, 3, 100, -1, -50])
def test_truncated(tmp_path: Path, lake: Path, cut: int) -> None:
    folder = tmp_path / "in"
    shutil.copytree(lake / "parquet", folder)
    path = folder / "2.parquet"
    path.write_bytes(path.read_bytes()[:cut])
    assert code(folder, dataset()) == ("F105", "2.parquet isn't a whole Parquet file.")


def test_torn_inside(tmp_path: Path, lake: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(lake / "parquet", folder)
    path = folder / "2.parquet"
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="F105") as caught:
        export(folder, tmp_path / "out", dataset())
    assert caught.value.detail == "2.parquet isn't a whole Parquet file."


def test_a_file_that_vanishes(tmp_path: Path, lake: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(lake / "parquet", folder)
    files = files_of(folder)
    (folder / "1.parquet").unlink()
    with pytest.raises(SourceError, match="F116"):
        export(folder, tmp_path / "out", dataset(), files=files)
    assert LocalFiles(folder, "", "parquet", timedelta(0)).changed(files) == ("1.parquet",)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, lake: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(lake / "json", folder)
    files = files_of(folder, "json")
    opened = LocalFiles(folder, "", "json", timedelta(0))
    calls = iter(range(100))

    def meddle() -> bool:
        if next(calls) == 2:
            write_json(ROWS[:10], folder / "3.json.gz")
        return False

    done = export(folder, tmp_path / "out", dataset("json"), stop=meddle, files=files)
    assert done.result.read == 1510
    assert opened.changed(files) == ("3.json.gz",)


@pytest.mark.parametrize("columns", [["prospect_id", "visit"], ["country"]])
def test_large_row_groups_are_read_page_by_page(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: list[str]
) -> None:
    monkeypatch.setattr(Budget, "group", 1)
    monkeypatch.setattr(parquet_reading, "_BATCH", 77)
    done = export(lake / "parquet", tmp_path, dataset(), columns=columns, where="country = 'US'")
    assert rows_of(done.paths) == [{name: row[name] for name in columns} for row in ROWS if row["country"] == "US"]
    assert done.result.read == 2000


# Partitions


def test_columns_from_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    put(folder, "day=2054-12-01/city=S%C3%A3o%20Bento/a.parquet", v=[1, 2])
    put(folder, "day=2054-12-01/city=a%2Fb/a.parquet", v=[3], city=["what the file says"])
    put(folder, "day=2054-12-02/city=__HIVE_DEFAULT_PARTITION__/a.parquet", v=[4])
    kinds = {"v": "long", "day": "date", "city": "string"}
    done = export(folder, tmp_path / "out", dataset(columns=kinds))
    first, second = date(2054, 12, 1), date(2054, 12, 2)
    expected = [(1, first, "São Bento"), (2, first, "São Bento"), (3, first, "a/b"), (4, second, None)]
    assert [tuple(row.values()) for row in rows_of(done.paths)] == expected
    some = export(folder, tmp_path / "some", dataset(columns=kinds), columns=["city"], where="day = DATE '2054-12-01'")
    assert [row["city"] for row in rows_of(some.paths)] == ["São Bento", "São Bento", "a/b"]


@pytest.mark.parametrize("format", ["csv", "json"])
def test_columns_from_the_path_of_text_files(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "in"
    for day, rows in (("2054-12-01", ROWS[:10]), ("2054-12-02", ROWS[10:15])):
        (write_csv if format == "csv" else write_json)(rows, folder / f"day={day}" / f"a.{format}")
    kinds = {"prospect_id": "string", "day": "date"}
    done = export(folder, tmp_path / "out", dataset(format, kinds))
    expected = [(row["prospect_id"], date(2054, 12, 1 + index // 10)) for index, row in enumerate(ROWS[:15])]
    assert [tuple(row.values()) for row in rows_of(done.paths)] == expected
    only = export(folder, tmp_path / "only", dataset(format, kinds), columns=["day"])
    assert [row["day"] for row in rows_of(only.paths)] == [day for _, day in expected]


@pytest.mark.parametrize("format", ["parquet", "csv", "json"])
def test_nothing_but_columns_from_the_path(tmp_path: Path, format: str) -> None:
    writer = {"parquet": write_parquet, "csv": write_csv, "json": write_json}[format]
    writer(ROWS[:7], tmp_path / "in" / "day=2054-12-01" / f"a.{format}")
    done = export(tmp_path / "in", tmp_path / "out", dataset(format, {"day": "date"}))
    assert (done.result.read, done.result.matched) == (7, 7)
    assert rows_of(done.paths) == [{"day": date(2054, 12, 1)}] * 7


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("timestamp", "2054-12-01T02%3A00%3A00Z", datetime(2054, 12, 1, 2, tzinfo=UTC)),
        ("decimal(10,2)", "1.5", Decimal("1.50")),
        ("boolean", "true", True),
        ("int", "7", 7),
        ("binary", "YQ==", b"a"),
    ],
)
def test_types_of_partitions(tmp_path: Path, kind: str, text: str, value: object) -> None:
    put(tmp_path / "in", f"p={text}/a.parquet", v=[1])
    put(tmp_path / "in", "p=__HIVE_DEFAULT_PARTITION__/a.parquet", v=[2])
    done = export(tmp_path / "in", tmp_path / "out", dataset(columns={"v": "long", "p": kind}))
    assert {row["v"]: row["p"] for row in rows_of(done.paths)} == {1: value, 2: None}


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=lambda fmt: fmt.type)
def test_names_that_look_like_patterns(tmp_path: Path, fmt: Format) -> None:
    put(tmp_path / "in", "a.parquet", **{"*": ["star"], "^.*$": ["all"], "secret": ["no"], 'a.b "é': ["x"]})
    kinds = {"*": "string", "^.*$": "string", 'a.b "é': "string"}
    done = export(tmp_path / "in", tmp_path / "out", dataset(columns=kinds), fmt)
    if fmt.type == "parquet":
        assert rows_of(done.paths) == [{"*": "star", "^.*$": "all", 'a.b "é': "x"}]
    else:
        content = unzipped(done.paths[0])
        assert b"star" in content
        assert b"secret" not in content


def test_a_partition_of_another_type(tmp_path: Path) -> None:
    put(tmp_path / "in", "day=soon/a.parquet", v=[1])
    assert code(tmp_path / "in", dataset(columns={"v": "long", "day": "date"}))[0] == "F113"


def test_many_small_partitions(tmp_path: Path) -> None:
    for number in range(150):
        put(tmp_path / "in", f"n={number:03d}/a.parquet", v=[number])
    done = export(tmp_path / "in", tmp_path / "out", dataset(columns={"v": "long", "n": "int"}))
    assert [tuple(row.values()) for row in rows_of(done.paths)] == [(number, number) for number in range(150)]
