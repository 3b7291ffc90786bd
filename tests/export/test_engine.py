"""The engine: splitting, counting, stopping, failing; drift between files, partitions, torn files.

Numbers are counted in plain Python.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.local import LocalFiles
from reconciler.errors import DestinationError
from reconciler.export import writers
from reconciler.export.job import ExportJob, Interrupted, Progress
from reconciler.export.polars_engine import PolarsEngine
from reconciler.export.split import Splitter
from reconciler.export.written import write_empty
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import CsvFormat, Files, Format, JsonFormat, ParquetFormat
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, prospects
from tests.export.support import FileSink, dataset, export, files_of, put, rows_of, unzipped

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


# Rows and files


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=lambda fmt: fmt.type)
@pytest.mark.parametrize(
    ("matched", "sizes"), [(0, []), (1, [1]), (500, [500]), (501, [500, 1]), (1500, [500, 500, 500])]
)
def test_split_at_max_rows_exactly(lake: Path, tmp_path: Path, fmt: Format, matched: int, sizes: list[int]) -> None:
    where = f"prospect_id <= 'p-{matched:08d}'"
    done = export(
        lake / "parquet", tmp_path, dataset(), fmt, where=where, columns=list(FLAT_COLUMNS), output=Files(max_rows=500)
    )
    assert [file.rows for file in done.result.files] == sizes
    assert (done.result.read, done.result.matched) == (2000, matched)
    assert all(sink.done for sink in done.sinks)
    if fmt.type == "parquet":
        assert rows_of(done.paths) == [{name: row[name] for name in FLAT_COLUMNS} for row in ROWS[:matched]]


@given(st.lists(st.integers(0, 7), max_size=8), st.integers(1, 9))
def test_the_splitter_keeps_every_row_in_order(heights: list[int], max_rows: int) -> None:
    rows = iter(range(sum(heights)))
    made = [pl.DataFrame({"a": [next(rows) for _ in range(height)]}, schema={"a": pl.Int64()}) for height in heights]
    splitter = Splitter(iter(made), max_rows, None)
    files = []
    while splitter.more():
        files.append([value for frame in splitter.file(lambda: 0) for value in frame["a"]])
        assert splitter.in_file == len(files[-1])
    assert [value for file in files for value in file] == list(range(sum(heights)))
    assert all(len(file) == max_rows for file in files[:-1])
    assert all(0 < len(file) <= max_rows for file in files)
    assert splitter.rows == sum(heights)


@pytest.mark.parametrize(
    "fmt",
    [JsonFormat(type="json", compression="none"), CsvFormat(type="csv"), ParquetFormat(type="parquet")],
    ids=lambda fmt: fmt.type,
)
def test_split_by_bytes(tmp_path: Path, fmt: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "ROW_GROUP", 20_000)
    count = 400_000
    put(tmp_path / "in", "a.parquet", a=[f"value-{row * 2654435761 % 2**32}" for row in range(count)])
    limit = 1_000_000
    done = export(
        tmp_path / "in", tmp_path / "out", dataset(columns={"a": "string"}), fmt, output=Files(max_bytes=limit)
    )
    sizes = [file.size for file in done.result.files]
    assert sum(file.rows for file in done.result.files) == count
    assert len(sizes) > 1
    assert all(size >= limit * 0.9 for size in sizes[:-1])
    assert max(sizes) < limit * 6


@pytest.mark.parametrize("format", ["parquet", "csv", "json"])
def test_inspect_and_count(lake: Path, format: str) -> None:
    spec = dataset(format, FLAT_COLUMNS if format == "csv" else COLUMNS)
    access = LocalFiles(lake / format, "", format, timedelta(0)).access()  # type: ignore[arg-type]
    files = files_of(lake / format, format)
    assert ENGINE.inspect(spec, access, files) == 2000
    assert ENGINE.inspect(spec, access, files[:1]) == 500
    assert ENGINE.inspect(spec, access, ()) == 0
    assert ENGINE.count(spec, access, files, None) == (2000, 2000)
    expected = sum(row["country"] == "US" for row in ROWS)
    assert ENGINE.count(spec, access, files, "country = 'US'") == (2000, expected)


def test_a_filter_on_a_column_that_does_not_leave(lake: Path, tmp_path: Path) -> None:
    done = export(
        lake / "parquet", tmp_path, dataset(), where="intent_score >= 0.7 AND country = 'US'", columns={"email": "mail"}
    )
    expected = [{"mail": row["email"]} for row in ROWS if row["intent_score"] >= 0.7 and row["country"] == "US"]  # type: ignore[operator]
    assert rows_of(done.paths) == expected


def test_progress_only_grows_and_ends_at_the_total(lake: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    spec = dataset("json")
    columns = (ExportColumn(column="prospect_id", name="prospect_id", type="string"),)
    files = files_of(lake / "json", "json")
    job = ExportJob(
        dataset=spec, files=files, where=None, columns=columns, format=ALL_FORMATS[0], output=Files(max_rows=700)
    )
    access = LocalFiles(lake / "json", "", "json", timedelta(0)).access()
    ENGINE.export(job, access, lambda part: FileSink(tmp_path / str(part)), seen.append, lambda: False)
    total = sum(file.size for file in files)
    assert [each.rows for each in seen] == sorted(each.rows for each in seen)
    assert [each.read for each in seen] == sorted(each.read for each in seen)
    assert (seen[-1].rows, seen[-1].read, seen[-1].total) == (2000, total, total)


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=lambda fmt: fmt.type)
def test_an_empty_file_has_its_schema_or_header(tmp_path: Path, fmt: Format) -> None:
    columns = tuple(ExportColumn(column=name, name=name.upper(), type=kind) for name, kind in FLAT_COLUMNS.items())
    job = ExportJob(dataset=dataset(), files=(), where=None, columns=columns, format=fmt, output=Files())
    sink = FileSink(tmp_path / "empty")
    token = write_empty(job, sink)
    assert (token.rows, token.size) == (0, sink.path.stat().st_size)
    match fmt.type:
        case "parquet":
            assert pq.read_schema(sink.path).names == [name.upper() for name in FLAT_COLUMNS]
            assert pq.read_table(sink.path).num_rows == 0
        case "json":
            shutil.move(sink.path, tmp_path / "e.json.gz")
            assert unzipped(tmp_path / "e.json.gz") == b""
        case _:
            shutil.move(sink.path, tmp_path / "e.csv.gz")
            assert unzipped(tmp_path / "e.csv.gz").decode() == ",".join(FLAT_COLUMNS).upper() + "\n"


# Stopping and failing


@pytest.mark.parametrize("source", ["parquet", "json"])
def test_stop_aborts_what_is_open(lake: Path, tmp_path: Path, source: str) -> None:
    calls: Iterator[bool] = iter([False, False, True])
    with pytest.raises(Interrupted):
        export(lake / source, tmp_path, dataset(source), stop=lambda: next(calls, True), output=Files(max_rows=300))
    assert len(list(tmp_path.iterdir())) <= 2


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=lambda fmt: fmt.type)
def test_a_sinks_error_comes_out_as_it_is(lake: Path, tmp_path: Path, fmt: Format) -> None:
    with pytest.raises(DestinationError) as caught:
        export(lake / "parquet", tmp_path, dataset(), fmt, columns=list(FLAT_COLUMNS), fail_after=5_000)
    assert caught.value.code == "D106"
    assert caught.value.permanent is False
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_opening_the_second_file(lake: Path, tmp_path: Path) -> None:
    def open_file(part: int) -> FileSink:
        if part:
            raise DestinationError("D105", "away")
        return FileSink(tmp_path / "first")

    columns = (ExportColumn(column="prospect_id", name="a", type="string"),)
    job = ExportJob(
        dataset=dataset(),
        files=files_of(lake / "parquet"),
        where=None,
        columns=columns,
        format=ALL_FORMATS[0],
        output=Files(max_rows=10),
    )
    with pytest.raises(DestinationError, match="D105"):
        ENGINE.export(
            job,
            LocalFiles(lake / "parquet", "", "parquet", timedelta(0)).access(),
            open_file,
            lambda _: None,
            lambda: False,
        )


@pytest.mark.parametrize("fmt", ALL_FORMATS, ids=lambda fmt: fmt.type)
def test_one_pin_gives_the_same_files_whatever_the_threads(tmp_path: Path, fmt: Format) -> None:
    """And Parquet's row groups are of a size that readers like."""
    rows = 300_000
    for number in range(2):
        put(tmp_path / "lake", f"{number}.parquet", a=list(range(rows)), b=[f"p{at % 977}" for at in range(rows)])
    spec = dataset(columns={"a": "long", "b": "string"})
    done = [
        export(
            tmp_path / "lake",
            tmp_path / str(at),
            spec,
            fmt,
            where="a % 10 < 9",
            threads=at,
            output=Files(max_rows=400_000),
        )
        for at in (1, 2, 3)
    ]
    found = [[path.read_bytes() for path in each.paths] for each in done]
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]
    if fmt.type == "parquet":
        read = pq.read_metadata(done[0].paths[0])
        groups = [read.row_group(at).num_rows for at in range(read.num_row_groups)]
        assert all(50_000 <= each <= 1_000_000 for each in groups[:-1]), groups


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_parquet_files_level_is_what_is_declared(lake: Path, tmp_path: Path, compression: str) -> None:
    sizes = []
    for level in (1, 9):
        fmt = ParquetFormat.model_validate({"type": "parquet", "compression": compression, "compressionLevel": level})
        done = export(lake / "parquet", tmp_path / str(level), dataset(), fmt)
        sizes.append(done.result.files[0].size)
    assert sizes[1] < sizes[0]
