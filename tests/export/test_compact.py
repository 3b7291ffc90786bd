"""A few rows out of many don't keep alive what was read with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from reconciler.datasets.local import LocalFiles
from reconciler.export.budget import USUAL
from reconciler.export.compact import compact_if_few
from reconciler.export.reading import source_of
from reconciler.export.rows import frames
from reconciler.export.source import Counts
from reconciler.resources.dataset import DatasetColumn, DatasetSpec
from tests.export.support import files_of

ROWS = 50_000
TEXT = 64


def held(frame: pl.DataFrame) -> int:
    """Bytes of all buffers that it refers to."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    chunks = (chunk for column in table.columns for chunk in column.chunks)
    return sum(buffer.size for chunk in chunks for buffer in chunk.buffers() if buffer is not None)


def texts(rows: int) -> pl.DataFrame:
    return pl.DataFrame({"name": [f"{number:0{TEXT}d}" for number in range(rows)]})


def test_few_of_many_are_copied_and_many_are_not() -> None:
    whole = texts(ROWS)
    few, many = whole.gather_every(100), whole.gather_every(2)
    assert held(few) > ROWS * TEXT
    assert held(compact_if_few(few, ROWS)) < 2 * ROWS // 100 * TEXT
    assert compact_if_few(few, ROWS).equals(few)
    assert compact_if_few(many, ROWS) is many
    assert compact_if_few(whole.clear(), ROWS).height == 0


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_is_read_holds_what_matches_alone_however_it_was_chosen(
    tmp_path: Path, form: Literal["parquet", "csv"]
) -> None:
    rows = texts(ROWS)
    rows.write_parquet(tmp_path / "a.parquet") if form == "parquet" else rows.write_csv(tmp_path / "a.csv")

    def choose(rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
        # What isn't the engine's own expression is judged after all was decoded.
        every = pl.col("name").map_batches(lambda all_: all_.str.ends_with("000"), return_dtype=pl.Boolean)
        return rows.filter(every)

    spec = DatasetSpec(location="x", format=form, columns={"name": DatasetColumn(type="string")})
    access = LocalFiles(tmp_path, "data", form, timedelta(0)).access()
    source = source_of(spec, access, files_of(tmp_path, form), ("name",), USUAL)
    found = list(frames(source, choose, Counts()))
    assert sum(each.height for each in found) == ROWS // 1000
    assert sum(held(each) for each in found) < ROWS * TEXT // 50
