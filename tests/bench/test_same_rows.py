"""The benchmark notices outputs that don't hold the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import exports, rows
from bench.measuring import DifferentRows, Job, Run, same

BASE = {"rows": 400, "files": 2}


def written(folder: Path, change: str = "*") -> Run:
    """The rows of a dataset as a peer wrote them, or nearly."""
    import duckdb

    folder.mkdir()
    source = folder.parent / "people"
    if not source.exists():
        exports.generate(source, BASE)
    duckdb.execute(f"COPY (SELECT {change} FROM '{source}/*.parquet') TO '{folder}/part-0.parquet'")
    return Run(1.0, 1.0, (f"{folder}/part-*",))


@pytest.mark.parametrize(
    "change",
    [
        "* REPLACE (CASE prospect_id WHEN 'p-7' THEN 'p-8' ELSE prospect_id END AS prospect_id)",
        "* REPLACE (CASE prospect_id WHEN 'p-7' THEN page_views + 1 ELSE page_views END AS page_views)",
        "* REPLACE (CASE prospect_id WHEN 'p-7' THEN 0.25 ELSE intent_score END AS intent_score)",
    ],
)
def test_a_round_whose_outputs_differ_in_one_value_is_refused(tmp_path: Path, change: str) -> None:
    job = Job("exports", tmp_path / "people", {"format": "parquet", "compression": "snappy"}, ())
    one, other = written(tmp_path / "one"), written(tmp_path / "other", change)
    same("alike", job, {"reconcile": one, "peer": one})
    with pytest.raises(DifferentRows, match="unlike"):
        same("unlike", job, {"reconcile": one, "peer": other})


def test_forms_dont_matter_and_a_missing_row_does(tmp_path: Path) -> None:
    import duckdb

    one = written(tmp_path / "one").where
    names = ", ".join(rows.COMPARED)
    for form, tail in (("json", ""), ("csv", ", HEADER")):
        for kind, limit in (("all", ""), ("less", "WHERE prospect_id <> 'p-7'")):
            query = f"SELECT {names} FROM read_parquet('{one[0]}') {limit} ORDER BY email"
            duckdb.execute(f"COPY ({query}) TO '{tmp_path}/{kind}.{form}.gz' (FORMAT {form}, COMPRESSION gzip{tail})")
        assert rows.in_files([f"{tmp_path}/all.{form}.gz"], form) == rows.in_files(one, "parquet")
        assert rows.in_files([f"{tmp_path}/less.{form}.gz"], form) != rows.in_files(one, "parquet")
    assert rows.in_files([f"{tmp_path}/nothing-*"], "parquet") == [(0, "0")]
