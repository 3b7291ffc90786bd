"""Who must not leave: keys, expiry, consent and suppression, compared with a model in plain Python."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.datasets.local import LocalFiles
from reconciler.errors import SourceError
from reconciler.export import winners
from reconciler.export.budget import Budget
from reconciler.export.job import SuppressionList
from reconciler.export.keys import ROW
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.exclusions import ConsentRule, ExpiryRule
from reconciler.resources.formats import JsonFormat
from reconciler.resources.suppression import Match
from tests.export.support import Exported, export, files_of, rows_of

NOW = datetime(2054, 12, 2, 2, tzinfo=UTC)
TYPES = {"id": "string", "email": "string", "seen": "timestamp", "consent": "string", "score": "int"}
SCHEMA = {
    "id": pl.String,
    "email": pl.String,
    "seen": pl.Datetime("us", "UTC"),
    "consent": pl.String,
    "score": pl.Int32,
}


def declared(**more: Any) -> DatasetSpec:
    columns = {name: {"type": kind} for name, kind in TYPES.items()}
    return DatasetSpec.model_validate({"location": "data", "format": "parquet", "columns": columns, **more})


def put(folder: Path, *files: Sequence[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for at, rows in enumerate(files):
        pl.DataFrame(list(rows), schema=SCHEMA).write_parquet(folder / f"{at}.parquet")
    return folder


def person(number: int | None, **more: Any) -> dict[str, Any]:
    row = {
        "id": None if number is None else f"p{number}",
        "email": f"P{number}@x.de",
        "seen": NOW,
        "consent": "yes",
        "score": 1,
    }
    return row | more


def suppression(folder: Path, values: list[str | None], name: str = "opted-out", **match: Any) -> dict[str, Any]:
    """The job's rules for one list of e-mail hashes."""
    folder.mkdir()
    pl.DataFrame({"h": pl.Series(values, dtype=pl.String)}).write_parquet(folder / "list.parquet")
    spec = DatasetSpec.model_validate({"location": "list", "format": "parquet", "columns": {"h": {"type": "string"}}})
    made = Match.model_validate({"list": "h", "column": "email", "transform": "sha256-email"} | match)
    access = LocalFiles(folder, "list", "parquet", timedelta(0)).access()
    held = SuppressionList(name=name, match=(made,), dataset=spec, files=files_of(folder))
    return {"suppressions": (held,), "lists": {name: access}}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ids(done: Exported) -> list[str | None]:
    return [row["id"] for row in rows_of(done.paths)]


# One reason at a time


def test_rows_expire_to_the_instant(tmp_path: Path) -> None:
    limit = NOW - timedelta(days=25)
    times = [limit, limit + timedelta(microseconds=1), None, NOW + timedelta(days=900)]
    put(tmp_path / "lake", [person(at, seen=each) for at, each in enumerate(times)])
    done = export(tmp_path / "lake", tmp_path / "out", declared(), expiry=ExpiryRule(column="seen", before=limit))
    assert (ids(done), dict(done.result.excluded)) == (["p1", "p3"], {"expired": 2})


def test_a_date_expires_when_all_of_it_has(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    days = [date(2054, 11, 6), date(2054, 11, 7)]
    pl.DataFrame({"id": ["a", "b"], "day": days}).write_parquet(tmp_path / "lake" / "0.parquet")
    columns = {"id": {"type": "string"}, "day": {"type": "date"}}
    spec = DatasetSpec.model_validate({"location": "data", "format": "parquet", "columns": columns})
    rule = ExpiryRule(column="day", before=NOW - timedelta(days=25))
    assert ids(export(tmp_path / "lake", tmp_path / "out", spec, columns=["id"], expiry=rule)) == ["b"]


def test_consent_needs_one_of_the_values(tmp_path: Path) -> None:
    put(tmp_path / "lake", [person(at, consent=each) for at, each in enumerate(["yes", "no", None, "explicit", "YES"])])
    rule = ConsentRule(column="consent", values=("yes", "explicit"))
    done = export(tmp_path / "lake", tmp_path / "out", declared(), consent=rule)
    assert (ids(done), dict(done.result.excluded)) == (["p0", "p3"], {"consent": 3})
    nobody = export(tmp_path / "lake", tmp_path / "none", declared(), consent=ConsentRule(column="consent", values=()))
    assert (ids(nobody), dict(nobody.result.excluded)) == ([], {"consent": 5})


def test_who_is_listed_stays(tmp_path: Path) -> None:
    put(tmp_path / "lake", [person(0), person(1), person(2, email=None), person(3, email=" P1@X.de ")])
    rules = suppression(tmp_path / "list", [sha("p1@x.de"), None, sha("nobody@x.de")])
    done = export(tmp_path / "lake", tmp_path / "out", declared(), **rules)
    assert (ids(done), dict(done.result.excluded)) == (["p0", "p2"], {"suppressed": 2})


def test_an_empty_list_holds_nobody_back(tmp_path: Path) -> None:
    put(tmp_path / "lake", [person(0), person(1, email=None)])
    done = export(tmp_path / "lake", tmp_path / "out", declared(), **suppression(tmp_path / "list", []))
    assert (ids(done), dict(done.result.excluded)) == (["p0", "p1"], {})


def test_a_list_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "values", 2)
    put(tmp_path / "lake", [person(0)])
    with pytest.raises(SourceError) as caught:
        export(tmp_path / "lake", tmp_path / "out", declared(), **suppression(tmp_path / "list", ["a", "b", "c"]))
    assert caught.value.code == "F121"


def test_the_last_row_of_a_key_leaves(tmp_path: Path) -> None:
    put(tmp_path / "lake", [person(0), person(1), person(0, score=2)], [person(1, score=3), person(None)])
    done = export(tmp_path / "lake", tmp_path / "out", declared(primaryKey=["id"]))
    assert [(row["id"], row["score"]) for row in rows_of(done.paths)] == [("p0", 2), ("p1", 3)]
    assert dict(done.result.excluded) == {"missing": 1, "duplicate": 2}


def test_where_sees_the_newest_row_of_each_key(tmp_path: Path) -> None:
    older = NOW - timedelta(days=1)
    rows = [person(0, score=5), person(0, score=1, seen=older), person(1, score=5, seen=older), person(1, score=1)]
    put(tmp_path / "lake", rows, [person(2, seen=None, score=5), person(None, score=5)])
    done = export(tmp_path / "lake", tmp_path / "out", declared(primaryKey=["id"], latestBy="seen"), where="score > 3")
    assert (ids(done), done.result.matched, dict(done.result.excluded)) == (["p0", "p2"], 3, {"missing": 1})


def test_keys_of_several_columns_are_not_glued_together(tmp_path: Path) -> None:
    put(tmp_path / "lake", [person(0) | {"id": "a1", "email": "b"}, person(0) | {"id": "a", "email": "1b"}])
    done = export(tmp_path / "lake", tmp_path / "out", declared(primaryKey=["id", "email"]))
    assert (ids(done), dict(done.result.excluded)) == (["a1", "a"], {})


@pytest.mark.parametrize("form", ["csv", "json"])
def test_text_formats_deduplicate_too(tmp_path: Path, form: str) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    for at in range(3):
        frame = pl.DataFrame({"id": ["a", f"b{at}"], "n": [f"{at}", "x"]})
        frame.write_csv(lake / f"{at}.csv") if form == "csv" else frame.write_ndjson(lake / f"{at}.json")
    columns = {"id": {"type": "string"}, "n": {"type": "string"}}
    spec = DatasetSpec.model_validate({"location": "data", "format": form, "columns": columns, "primaryKey": ["id"]})
    out = export(lake, tmp_path / "out", spec, JsonFormat(type="json", compression="none"))
    assert out.paths[0].read_text().splitlines() == [
        '{"id":"b0","n":"x"}', '{"id":"b1","n":"x"}', '{"id":"a","n":"2"}', '{"id":"b2","n":"x"}',
    ]  # fmt: skip


def test_winners_spill_and_agree_over_many_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winners, "_CHUNK", 1000)
    rows = 50_000
    frame = pl.DataFrame({"a": [at * 7919 % 20_011 for at in range(rows)]}, schema={"a": pl.UInt64}).with_columns(
        pl.col("a").alias("b"), pl.lit(None, dtype=pl.Boolean).alias("newest"), pl.int_range(rows).alias(ROW)
    )
    found = winners.winners(iter([frame.head(30_000), frame.slice(30_000)]), 64 * 2**20)
    kept = pl.DataFrame({ROW: range(rows)}).filter(found.counts())[ROW].to_list()
    last = {key: at for at, key in enumerate(frame["a"])}
    assert kept == sorted(last.values())


# All of them together, against plain Python

VALUES = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "c", "", None]),
        "email": st.sampled_from(["a@x.de", "b@x.de", " B@x.DE", "none", None]),
        "seen": st.sampled_from([NOW, NOW - timedelta(days=24), NOW - timedelta(days=25), None]),
        "consent": st.sampled_from(["yes", "no", None]),
        "score": st.sampled_from([0, 1, 2, None]),
    }
)


def expected(
    rows: list[dict[str, Any]], latest: bool, held: set[str]
) -> tuple[list[dict[str, Any]], int, Counter[str]]:
    """What leaves, how many matched, and what stayed."""

    def matches(row: dict[str, Any]) -> bool:
        return row["score"] is not None and row["score"] >= 1

    last: dict[str, int] = {}
    for at, row in enumerate(rows):
        if row["id"] is None or not (latest or matches(row)):
            continue
        before = last.get(row["id"])
        if latest and before is not None:
            then = rows[before]["seen"]
            if then is not None and (row["seen"] is None or row["seen"] < then):
                continue
        last[row["id"]] = at
    out, matched, stayed = [], 0, Counter[str]()
    for at, row in enumerate(rows):
        counts = row["id"] is None or last.get(row["id"]) == at
        if not matches(row) or (latest and not counts):
            continue
        matched += 1
        if row["seen"] is None or row["seen"] <= NOW - timedelta(days=25):
            stayed["expired"] += 1
        elif row["consent"] != "yes":
            stayed["consent"] += 1
        elif row["email"] is not None and sha(row["email"].strip().lower()) in held:
            stayed["suppressed"] += 1
        elif row["id"] is None:
            stayed["missing"] += 1
        elif not counts:
            stayed["duplicate"] += 1
        else:
            out.append(row)
    return out, matched, stayed


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.lists(VALUES, max_size=6), min_size=1, max_size=3), latest=st.booleans())
def test_every_reason_as_in_plain_python(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[dict[str, Any]]], latest: bool
) -> None:
    folder = tmp_path_factory.mktemp("case")
    put(folder / "lake", *files)
    spec = declared(primaryKey=["id"], **({"latestBy": "seen"} if latest else {}))
    done = export(
        folder / "lake",
        folder / "out",
        spec,
        where="score >= 1",
        consent=ConsentRule(column="consent", values=("yes",)),
        expiry=ExpiryRule(column="seen", before=NOW - timedelta(days=25)),
        **suppression(folder / "list", [sha("b@x.de")]),
    )
    rows, matched, stayed = expected([row for file in files for row in file], latest, {sha("b@x.de")})
    assert rows_of(done.paths) == rows
    assert (done.result.matched, Counter(done.result.excluded)) == (matched, stayed)
