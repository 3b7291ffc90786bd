"""Columns whose names differ by case alone are different columns, for every format and in every rule; DuckDB takes them for one."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as papq
import pytest

from reconciler.datasets.local import LocalFiles
from reconciler.export.job import SuppressionList
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.exclusions import ConsentRule, ExpiryRule
from reconciler.resources.suppression import Match
from reconciler.values.mark import Range, mark_text
from tests.export.support import export, files_of, rows_of

NAMES = ("id", "ID", "Id", "seen", "Seen", "ok", "OK")
DAY = [f"2054-12-0{day}T00:00:00Z" for day in range(1, 8)]
ROWS = [
    ("a", "1", "x", DAY[3], DAY[3], "yes", "no"),
    ("a", "1", "y", DAY[4], DAY[2], "yes", "no"),  # older by Seen, newer by seen
    ("A", "1", "x", DAY[3], DAY[3], "yes", "no"),  # another person than a
    ("a", "2", "x", DAY[3], DAY[3], "no", "yes"),  # no consent by ok
    ("b", "1", "gone", DAY[3], DAY[3], "yes", "yes"),  # on the list by Id
    ("gone", "1", "x", DAY[3], DAY[3], "yes", "yes"),  # on no list: it holds values of Id
    ("c", "1", "x", DAY[0], DAY[5], "yes", "yes"),  # expired by seen
    ("d", "1", "x", DAY[5], DAY[0], "yes", "yes"),  # before the mark by Seen
    ("e", "1", "z", DAY[3], DAY[3], "yes", "yes"),  # not chosen by where
]
WANTED = [("a", "1", "x"), ("A", "1", "x"), ("gone", "1", "x")]


def put(folder: Path, form: str, rows: list[tuple[str, ...]], names: tuple[str, ...]) -> Path:
    folder.mkdir()
    match form:
        case "csv":
            with (folder / "a.csv").open("w", newline="") as file:
                csv.writer(file).writerows([names, *rows])
        case "json":
            lines = (json.dumps(dict(zip(names, row, strict=True))) for row in rows)
            (folder / "a.json").write_text("\n".join(lines))
        case _:
            columns: dict[str, Any] = {name: [row[at] for row in rows] for at, name in enumerate(names)}
            for name in {"seen", "Seen"} & set(names):
                columns[name] = pa.array(
                    [datetime.fromisoformat(each) for each in columns[name]], pa.timestamp("us", "UTC")
                )
            papq.write_table(pa.table(columns), folder / "a.parquet")
    return folder


def declared(form: str, names: tuple[str, ...], **more: Any) -> DatasetSpec:
    columns = {name: {"type": "timestamp" if name.lower() == "seen" else "string"} for name in names}
    return DatasetSpec.model_validate({"location": "data", "format": form, "columns": columns, **more})


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_rule_takes_the_column_that_it_names(form: str, tmp_path: Path) -> None:
    lake = put(tmp_path / "lake", form, ROWS, NAMES)
    listed = put(tmp_path / "list", form, [("gone", "x")], ("v", "V"))
    match = Match.model_validate({"list": "v", "column": "Id"})
    held = SuppressionList(name="out", match=(match,), dataset=declared(form, ("v", "V")), files=files_of(listed, form))
    done = export(
        lake,
        tmp_path / "out",
        declared(form, NAMES, primaryKey=["id", "ID"], latestBy="Seen"),
        columns=["id", "ID", "Id"],
        where="Id <> 'z' AND \"ID\" IN ('1', '2')",
        expiry=ExpiryRule(column="seen", before=datetime.fromisoformat(DAY[1])),
        consent=ConsentRule(column="ok", values=("yes",)),
        within=Range(column="Seen", after=mark(DAY[1]), upto=mark(DAY[6])),
        suppressions=(held,),
        lists={"out": LocalFiles(listed, "list", form, timedelta(0)).access()},  # type: ignore[arg-type]
    )
    assert [tuple(row[name] for name in ("id", "ID", "Id")) for row in rows_of(done.paths)] == WANTED
    assert dict(done.result.excluded) == {"expired": 1, "consent": 1, "suppressed": 1}


def mark(text: str) -> str:
    return mark_text(datetime.fromisoformat(text))
