"""Every input format to every output format, read back by readers we did not write, compared with plain Python over
the same rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import struct
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from reconciler.resources.formats import CsvFormat, Format, JsonFormat, ParquetFormat
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, Row, prospects
from tests.export.support import dataset, export

ROWS = list(prospects(3000, seed=11))
FORMATS: list[Format] = [
    *(ParquetFormat(type="parquet", compression=kind) for kind in ("none", "snappy", "gzip", "zstd")),
    *(JsonFormat(type="json", compression=kind) for kind in ("none", "gzip", "zstd")),
    *(CsvFormat(type="csv", compression=kind) for kind in ("none", "gzip")),
]
SOURCES = ("parquet", "csv", "json")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lake")
    for part, rows in enumerate((ROWS[:1000], ROWS[1000:1001], ROWS[1001:])):
        write_parquet(rows, root / "parquet" / f"{part}.parquet")
        write_csv(rows, root / "csv" / (f"{part}.csv.gz" if part else "0.csv"))
        write_json(rows, root / "json" / (f"{part}.json.gz" if part else "0.jsonl"))
    return root


def unpacked(path: Path) -> bytes:
    """A file's content by the tools of its compression, which also check it."""
    if path.suffix == ".gz":
        subprocess.run(["gzip", "-t", str(path)], check=True)
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
    return path.read_bytes()


def plain(value: object) -> object:
    """A value as our text formats write it, by Python's own means."""
    match value:
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case dict():
            return {name: plain(inner) for name, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


def as_csv(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
        case _:
            return str(plain(value))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: f"{fmt.type}-{fmt.compression}")
def test_every_row_and_value(lake: Path, tmp_path: Path, source: str, fmt: Format) -> None:
    nested = source != "csv" and fmt.type != "csv"
    kinds = COLUMNS if nested else FLAT_COLUMNS
    spec = dataset(source, COLUMNS if source != "csv" else FLAT_COLUMNS)
    chosen = {name: f"out {name}" for name in reversed(kinds)}
    expected: list[Row] = [{new: row[old] for old, new in chosen.items()} for row in ROWS]
    done = export(lake / source, tmp_path, spec, fmt, columns=chosen)
    assert (done.result.read, done.result.matched) == (3000, 3000)
    (path,) = done.paths
    if fmt.type == "parquet":
        table = pq.read_table(path)
        assert table.to_pylist() == expected
        assert table.column_names == list(chosen.values())
        assert duckdb.connect().execute(
            f"select count(*), count(distinct \"out prospect_id\") from '{path}'"
        ).fetchall() == [(3000, 3000)]
        codecs = {"none": "UNCOMPRESSED", "snappy": "SNAPPY", "gzip": "GZIP", "zstd": "ZSTD"}
        assert pq.read_metadata(path).row_group(0).column(0).compression == codecs[fmt.compression]
    elif fmt.type == "json":
        lines = unpacked(path).decode().splitlines()
        assert [json.loads(line) for line in lines] == [plain(row) for row in expected]
        assert list(json.loads(lines[0])) == list(chosen.values())
    else:
        text = unpacked(path).decode()
        header, *records = csv.reader(io.StringIO(text, newline=""))
        assert header == list(chosen.values())
        assert records == [[as_csv(value) for value in row.values()] for row in expected]


def test_extensions_tell_what_is_inside(lake: Path, tmp_path: Path) -> None:
    names = {
        export(lake / "parquet", tmp_path / str(index), dataset(), fmt, columns=["prospect_id"]).paths[0].name
        for index, fmt in enumerate(FORMATS)
    }
    ends = {name.removeprefix("part-00000.") for name in names}
    assert ends == {
        "parquet",
        "snappy.parquet",
        "gz.parquet",
        "zstd.parquet",
        "json",
        "json.gz",
        "json.zst",
        "csv",
        "csv.gz",
    }


def test_files_are_the_same_each_time(lake: Path, tmp_path: Path) -> None:
    for fmt in FORMATS:
        once, again = (
            export(
                lake / "parquet",
                tmp_path / fmt.type / fmt.compression / run,
                dataset(),
                fmt,
                columns=list(FLAT_COLUMNS),
            ).result.files[0]
            for run in ("one", "two")
        )
        assert once.sha256 == again.sha256


_DAYS = ((1, 1, 1), (9999, 12, 31), (1970, 1, 1), (2024, 2, 29), (1969, 12, 31), (2000, 1, 1))
_TIMES: list[tuple[int, ...]] = [
    (1, 1, 1),
    (9999, 12, 31, 23, 59, 59, 999999),
    (1969, 12, 31, 23, 59, 59, 1),
    (1970, 1, 1),
    (2024, 2, 29),
    (2026, 12, 2, 2),
]
_DECIMALS = (
    "0.0000000000",
    "-0.0000000001",
    f"{'9' * 28}.{'9' * 10}",
    "1.5000000000",
    "-1.0000000000",
    "100.0000000000",
)
EDGES: dict[str, tuple[pa.DataType, str, list[Any]]] = {
    "s": (pa.string(), "string", ["", 'a"b', "line\r\nbreak", " x ", "\u2028é😀\x00", "-1", None]),
    "i": (pa.int32(), "int", [0, 1, -(2**31), 2**31 - 1, 5, 6, None]),
    "l": (pa.int64(), "long", [0, 1, -(2**63), 2**63 - 1, 2**53 + 1, 6, None]),
    "f": (pa.float32(), "float", [0.0, 0.5, -3.0, 16777216.0, 1.0000001192092896, 3.4028234663852886e38, None]),
    "d": (pa.float64(), "double", [0.0, 0.1, 1e300, 5e-324, -1.7976931348623157e308, 0.1 + 0.2, None]),
    "y": (pa.bool_(), "boolean", [True, False, True, False, True, False, None]),
    "day": (pa.date32(), "date", [*(date(*day) for day in _DAYS), None]),
    "t": (pa.timestamp("us", "UTC"), "timestamp", [*(datetime(*when, tzinfo=UTC) for when in _TIMES), None]),  # type: ignore[arg-type,misc]
    "n": (pa.decimal128(38, 10), "decimal(38,10)", [*(Decimal(text) for text in _DECIMALS), None]),
    "b": (pa.binary(), "binary", [b"", b"\x00\xff", b"a", b"ab", b"abc", b"\n,", None]),
}


@pytest.fixture
def edges(tmp_path: Path) -> Path:
    table = pa.table({name: pa.array(values, kind) for name, (kind, _, values) in EDGES.items()})
    (tmp_path / "edges").mkdir()
    pq.write_table(table, tmp_path / "edges" / "a.parquet")
    return tmp_path / "edges"


EDGE_TYPES = {name: kind for name, (_, kind, _) in EDGES.items()}


def test_edges_in_parquet(edges: Path, tmp_path: Path) -> None:
    (path,) = export(edges, tmp_path / "out", dataset(columns=EDGE_TYPES)).paths
    table = pq.read_table(path)
    assert table.to_pydict() == {name: values for name, (_, _, values) in EDGES.items()}
    # Polars writes its strings and binaries as large ones, which is the same in Parquet itself.
    assert {
        name: str(kind).removeprefix("large_")
        for name, kind in zip(table.schema.names, table.schema.types, strict=True)
    } == {name: str(kind) for name, (kind, _, _) in EDGES.items()}


def test_edges_in_json(edges: Path, tmp_path: Path) -> None:
    (path,) = export(
        edges, tmp_path / "out", dataset(columns=EDGE_TYPES), JsonFormat(type="json", compression="none")
    ).paths
    got = [json.loads(line) for line in path.read_bytes().decode().split("\n")[:-1]]
    for name, (_, kind, values) in EDGES.items():
        column = [row[name] for row in got]
        match kind:
            case "binary":
                import base64

                assert [None if text is None else base64.b64decode(text, validate=True) for text in column] == values
            case "float":
                assert [
                    None if value is None else struct.unpack("f", struct.pack("f", value))[0] for value in column
                ] == values
            case "timestamp":
                assert [text and datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") for text in column] == values
            case "date":
                assert [text and date.fromisoformat(text) for text in column] == values
            case "decimal(38,10)":
                assert [text and Decimal(text) for text in column] == values
                assert all(text is None or len(text.partition(".")[2]) == 10 for text in column)
            case _:
                assert column == values


def test_edges_through_our_own_reading(edges: Path, tmp_path: Path) -> None:
    formats: list[Format] = [JsonFormat(type="json"), CsvFormat(type="csv", formulas="raw")]
    for index, fmt in enumerate(formats):
        middle = tmp_path / f"middle{index}"
        export(edges, middle, dataset(columns=EDGE_TYPES), fmt)
        (path,) = export(middle, tmp_path / f"out{index}", dataset(fmt.type, EDGE_TYPES)).paths
        assert pq.read_table(path).to_pydict() == {name: values for name, (_, _, values) in EDGES.items()}


def test_what_is_not_a_number(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    values = [math.nan, math.inf, -math.inf, 1.0]
    pq.write_table(pa.table({"d": values, "k": [[value] for value in values]}), tmp_path / "in" / "a.parquet")
    spec = dataset(columns={"d": "double", "k": "list<double>"})
    (path,) = export(tmp_path / "in", tmp_path / "j", spec, JsonFormat(type="json", compression="none")).paths
    assert path.read_text().split("\n") == ['{"d":null,"k":[null]}'] * 3 + ['{"d":1.0,"k":[1.0]}', ""]
    (path,) = export(
        tmp_path / "in", tmp_path / "c", spec, CsvFormat(type="csv", compression="none"), columns=["d"]
    ).paths
    assert path.read_text() == "d\nNaN\ninf\n-inf\n1.0\n"
