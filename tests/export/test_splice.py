"""Parquet files joined from row groups: what three readers that aren't ours find in them."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.export import writers
from reconciler.export.splice import Splice
from reconciler.export.thrift import read_struct, struct_bytes
from reconciler.resources.formats import Files, Format
from tests.export.support import dataset, export, put

SCHEMA = pl.Schema({
    "id": pl.Int64(), "name": pl.String(), "score": pl.Float64(), "at": pl.Datetime("us", "UTC"), "day": pl.Date(),
    "money": pl.Decimal(12, 2), "raw": pl.Binary(), "yes": pl.Boolean(), "tags": pl.List(pl.String()),
    "visit": pl.Struct({"page": pl.String(), "count": pl.Int32()}),
})  # fmt: skip


def row(number: int) -> dict[str, Any]:
    if number % 7 == 3:
        return dict.fromkeys(SCHEMA)
    return {
        "id": number,
        "name": f"näme {number % 5}" * (number % 3),
        "score": number / 3,
        "at": datetime(2054, 12, 1, 0, number % 60, tzinfo=UTC),
        "day": date(2054, 1, 1 + number % 28),
        "money": Decimal(number),
        "raw": bytes([number % 256]) * (number % 4),
        "yes": number % 2 == 0,
        "tags": [f"t{at}" if at else None for at in range(number % 4)],
        "visit": {"page": f"/{number}", "count": None},
    }


def piece(first: int, rows: int, compression: Any) -> tuple[pl.DataFrame, bytes]:
    frame = pl.DataFrame([row(first + at) for at in range(rows)], schema=SCHEMA)
    out = io.BytesIO()
    frame.write_parquet(out, compression=compression, row_group_size=max(1, rows))
    return frame, out.getvalue()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=20), st.sampled_from(["uncompressed", "snappy", "gzip", "zstd"])
)
def test_every_reader_finds_every_row_in_order(heights: list[int], compression: str) -> None:
    joined, data, frames, first = Splice(), b"", [], 0
    for height in heights:
        frame, file = piece(first, height, compression)
        data += joined.add(file)
        frames.append(frame)
        first += height
    data += joined.end()
    whole = pl.concat(frames)
    assert pl.read_parquet(data).equals(whole)
    found = pq.ParquetFile(io.BytesIO(data))
    assert found.read().to_pylist() == whole.to_dicts()
    about = found.metadata
    assert (about.num_rows, about.num_row_groups) == (
        first,
        len(pq.ParquetFile(io.BytesIO(data)).metadata.to_dict()["row_groups"]),
    )
    for number in range(about.num_row_groups):
        assert found.read_row_group(number).num_rows == about.row_group(number).num_rows


def test_statistics_of_each_row_group_stay(tmp_path: Path) -> None:
    joined = Splice()
    data = b"".join(joined.add(piece(first, 50, "gzip")[1]) for first in (0, 50, 100)) + joined.end()
    (tmp_path / "a.parquet").write_bytes(data)
    query = f"SELECT count(*), sum(id), min(name) FROM '{tmp_path}/a.parquet' WHERE id >= 100"
    expected = [row(at)["id"] for at in range(100, 150) if row(at)["id"] is not None]
    assert duckdb.sql(query).fetchall()[0][:2] == (len(expected), sum(expected))
    tops = [pq.ParquetFile(io.BytesIO(data)).metadata.row_group(at).column(0).statistics.max for at in range(3)]
    assert tops == [49, 99, 149]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 60), st.sampled_from(["uncompressed", "zstd"]))
def test_a_footer_read_and_written_is_the_same(rows: int, compression: str) -> None:
    _, file = piece(0, rows, compression)
    length = int.from_bytes(file[-8:-4], "little")
    footer = file[-8 - length : -8]
    assert struct_bytes(read_struct(footer)) == footer


def test_another_schema_is_refused() -> None:
    joined = Splice()
    joined.add(piece(0, 3, "gzip")[1])
    other = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(other)
    with pytest.raises(ValueError, match="one schema"):
        joined.add(other.getvalue())
    with pytest.raises(ValueError, match="isn't a Parquet file"):
        joined.add(b"nothing of the kind")


@pytest.mark.parametrize(
    "output", [Files(), Files(max_rows=30_000), Files(max_bytes=65_536)], ids=["whole", "rows", "bytes"]
)
@pytest.mark.parametrize("form", ["parquet", "json", "csv"])
def test_one_pin_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: Files, form: str
) -> None:
    monkeypatch.setattr(writers, "ROW_GROUP", 5_000)
    put(tmp_path / "in", "a.parquet", a=[f"value-{at * 2654435761 % 2**32}" for at in range(100_000)])
    fmt: Any = TypeAdapter(Format).validate_python({"type": form})
    made = [
        [
            path.read_bytes()
            for path in export(
                tmp_path / "in", tmp_path / f"out{turn}", dataset(columns={"a": "string"}), fmt, output=output
            ).paths
        ]
        for turn in range(3)
    ]
    assert made[0] == made[1] == made[2]
