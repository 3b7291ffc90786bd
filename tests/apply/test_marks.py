"""Strategy `cursor`: what a reader receives over a history is what the strategy's definition says, each row once."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.apply.runs import Wanted, run_flow
from reconciler.ledger.records import RunRecord
from reconciler.resources.effective import EffectiveSource
from reconciler.values.cursor import MarkCursor
from tests.apply.fixtures_runs import FLOW, SLOT, House

DAY = timedelta(days=1)
Row = tuple[str, str, str]


class Lake(House):
    """A house whose rows are (id, country, at)."""

    def write(self, name: str, rows: list[Row]) -> None:
        with (self.root / "data" / name).open("w", newline="") as file:
            csv.writer(file).writerows([("prospect_id", "country", "at"), *rows])

    def source(self, kind: str = "timestamp", **more: Any) -> EffectiveSource:
        spec = self.spec().source.to_json()
        assert isinstance(spec["datasetSpec"], dict)
        spec["datasetSpec"]["columns"]["at"] = {"type": kind}
        spec["datasetSpec"]["incremental"] = {"strategy": "cursor", "column": "at", "settle": "0s"} | more
        return EffectiveSource.model_validate(spec)

    def export(self, slot: datetime, **wanted: Any) -> RunRecord:
        record = run_flow(self.context(), FLOW, Wanted(slot, **wanted), slot)
        assert record is not None
        return record

    @property
    def mark(self) -> str | None:
        cursor = self.head().document.cursor
        assert isinstance(cursor, MarkCursor)
        return cursor.mark


def lake(tmp_path: Path, kind: str = "timestamp", changes: dict[str, Any] | None = None, **more: Any) -> Lake:
    made = Lake(tmp_path)
    made.apply(source=made.source(kind, **more), **(changes or {}))
    return made


def at(hours: float) -> str:
    return (SLOT + timedelta(hours=hours)).isoformat()


def test_rows_after_the_mark_leave_once_whatever_file_they_are_in(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-3)), ("2", "DE", at(-2)), ("3", "US", at(-1))])
    first = made.export(SLOT)
    assert (first.kind, first.rows, made.mark) == ("full", 2, "2054-12-02T01:00:00.000000Z")
    made.write("a.csv", [("1", "US", at(-3)), ("3", "US", at(-1)), ("4", "US", at(20))])  # rewritten: no matter here
    made.write("b.csv", [("5", "US", at(2)), ("6", "FR", at(3))])
    second = made.export(SLOT + DAY)
    assert (second.kind, second.rows) == ("increment", 2)
    assert made.received() == ["1", "3", "4", "5"]


def test_a_row_from_the_future_waits_and_ends_nothing(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1)), ("9", "US", "2099-01-01T00:00:00Z")])
    made.export(SLOT)
    made.write("b.csv", [("2", "US", at(10))])
    made.export(SLOT + DAY)
    assert made.received() == ["1", "2"]


def test_a_lag_leaves_what_is_young_for_the_next_slot(tmp_path: Path) -> None:
    made = lake(tmp_path, lag="2h")
    made.write("a.csv", [("1", "US", at(-3)), ("2", "US", at(-2)), ("3", "US", at(-1))])
    assert made.export(SLOT).rows == 2
    made.write("late.csv", [("4", "US", at(-1.5))])
    made.export(SLOT + DAY)
    assert made.received() == ["1", "2", "3", "4"]


def test_ties_leave_together_and_only_once(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1)), ("2", "US", at(-1))])
    made.write("b.csv", [("3", "US", at(-1))])
    assert made.export(SLOT).rows == 3
    assert made.export(SLOT + DAY).rows == 0
    assert made.received() == ["1", "2", "3"]


def test_rows_without_a_value_stay_and_are_counted(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1)), ("2", "US", ""), ("3", "DE", "")])
    first = made.export(SLOT)
    assert (first.rows, first.excluded) == (1, {"missing": 1})


@pytest.mark.parametrize("latest", [{}, {"latestBy": "at"}])
def test_rows_that_are_not_of_the_run_count_for_no_key(tmp_path: Path, latest: dict[str, str]) -> None:
    made = Lake(tmp_path)
    spec = made.source().to_json()
    assert isinstance(spec["datasetSpec"], dict)
    spec["datasetSpec"] |= {"primaryKey": ["prospect_id"], **latest}
    made.apply(source=EffectiveSource.model_validate(spec))
    rows = [("1", "US", at(-2)), ("1", "US", at(-1)), ("2", "US", at(-1)), ("2", "US", ""), ("3", "US", "")]
    made.write("a.csv", [*rows, ("4", "US", at(9))])
    first = made.export(SLOT)
    assert made.received() == ["1", "2"]
    assert first.excluded == {"missing": 2} | ({} if latest else {"duplicate": 1})


def test_files_without_new_rows_are_not_read(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1))])
    made.export(SLOT)
    made.write("b.csv", [("2", "US", at(1))])
    assert made.export(SLOT + DAY).read == 1


@pytest.mark.parametrize(
    ("backfill", "ids"),
    [
        ("full", ["1", "2", "3"]),
        ("none", ["3"]),
        ({"from": "2054-12-01T12:00:00Z"}, ["2", "3"]),
    ],
)
def test_backfills_begin_where_they_say(tmp_path: Path, backfill: Any, ids: list[str]) -> None:
    from reconciler.resources.activation import BackfillFrom

    chosen = backfill if isinstance(backfill, str) else BackfillFrom.model_validate(backfill)
    made = lake(tmp_path, changes={"backfill": chosen})
    since = made.head().document.since
    made.write("a.csv", [("1", "US", (since - DAY).isoformat()), ("2", "US", "2054-12-01T12:00:00Z")])
    if backfill == "none":
        made.write("a.csv", [("1", "US", (since - DAY).isoformat()), ("2", "US", since.isoformat())])
    made.write("b.csv", [("3", "US", at(-0.5))])
    made.export(SLOT)
    assert made.received() == ids


def test_numbers_and_dates_are_followed_too(tmp_path: Path) -> None:
    numbers = lake(tmp_path / "numbers", "long")
    numbers.write("a.csv", [("1", "US", "41"), ("2", "US", "9007199254740993")])
    numbers.export(SLOT)
    assert numbers.mark == "9007199254740993"
    numbers.write("b.csv", [("3", "US", "9007199254740994"), ("4", "US", "9007199254740993")])
    numbers.export(SLOT + DAY)
    assert numbers.received() == ["1", "2", "3"]

    days = lake(tmp_path / "days", "date")
    days.write("a.csv", [("1", "US", "2054-12-01"), ("2", "US", "2054-12-02")])
    days.export(SLOT)  # 2 December isn't over at 02:00
    assert (days.received(), days.mark) == (["1"], "2054-12-01")
    days.write("b.csv", [("3", "US", "2054-12-02")])
    days.export(SLOT + DAY)
    assert days.received() == ["1", "2", "3"]


def test_a_full_export_holds_everything_and_moves_the_mark(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1))])
    made.export(SLOT)
    made.write("b.csv", [("2", "US", at(1))])
    assert made.export(SLOT + timedelta(hours=5), on_demand=True, full=True).rows == 2
    assert made.export(SLOT + DAY).rows == 0


def test_a_run_is_sent_again_with_its_own_rows(tmp_path: Path) -> None:
    made = lake(tmp_path)
    made.write("a.csv", [("1", "US", at(-1))])
    made.export(SLOT)
    made.write("b.csv", [("2", "US", at(1)), ("x", "US", at(-2))])
    second = made.export(SLOT + DAY)
    made.write("c.csv", [("3", "US", at(25))])
    made.export(SLOT + 2 * DAY)
    (kept,) = [each for each in made.head().document.resendable if each.run_id == second.run_id]
    again = run_flow(made.context(), FLOW, Wanted.again(kept), SLOT + 3 * DAY)
    assert again is not None
    assert (again.kind, again.rows, again.within) == ("resend", 1, second.within)
    assert sorted(made.received()) == ["1", "2", "2", "3"]


def test_parquet_statistics_tell_which_files_to_read(tmp_path: Path) -> None:
    import polars as pl

    from reconciler.datasets.base import Access
    from reconciler.export.polars_engine import PolarsEngine
    from tests.export.support import dataset, files_of

    for name, days in {"old": [1, 2], "new": [3, 4], "null": [None], "empty": []}.items():
        times = [None if day is None else datetime(2054, 12, day, 1, 2, 3, 456789) for day in days]
        pl.DataFrame(
            {
                "at": pl.Series(times, dtype=pl.Datetime("us")),
                "day": pl.Series([date(2054, 1, 1)] * len(times), dtype=pl.Date),
            }
        ).write_parquet(tmp_path / f"{name}.parquet")
    spec = dataset(columns={"at": "timestamp", "day": "date"})
    found = dict(PolarsEngine().newest(spec, Access(str(tmp_path)), files_of(tmp_path), "at"))
    assert {file.path: top for file, top in found.items()} == {
        "old.parquet": datetime(2054, 12, 2, 1, 2, 3, 456789, tzinfo=UTC),
        "new.parquet": datetime(2054, 12, 4, 1, 2, 3, 456789, tzinfo=UTC),
        "null.parquet": None,
        "empty.parquet": None,
    }


# Any history against the definition

STEP = st.tuples(
    st.lists(st.tuples(st.sampled_from(["US", "DE"]), st.integers(-30, 30) | st.none()), max_size=4),
    st.booleans(),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(STEP, min_size=1, max_size=5), lag=st.sampled_from([0, 1, 26]))
def test_any_history_gives_what_the_definition_says(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[list[tuple[str, int | None]], bool]], lag: int
) -> None:
    made = lake(tmp_path_factory.mktemp("lake"), lag=f"{lag}h")
    rows: list[tuple[str, str, datetime | None]] = []
    mark: datetime | None = None
    expected: list[str] = []
    for number, (arrivals, one_file) in enumerate(history):
        slot = SLOT + number * DAY
        new = [
            (f"{number}-{index}", country, None if hours is None else slot + timedelta(hours=hours))
            for index, (country, hours) in enumerate(arrivals)
        ]
        rows += new
        texts = [(id_, country, when.isoformat() if when else "") for id_, country, when in (rows if one_file else new)]
        if one_file:
            for path in (made.root / "data").iterdir():
                path.unlink()
        made.write("all.csv" if one_file else f"{number}.csv", texts)
        if not rows:
            continue
        made.export(slot)
        times = [when for _, _, when in rows if when is not None]
        if times:
            reached = min(max(times), slot - timedelta(hours=lag))
            expected += [
                id_ for id_, country, when in rows
                if country == "US" and when is not None and when <= reached and (mark is None or when > mark)
            ]  # fmt: skip
            mark = reached if mark is None else max(mark, reached)
    assert sorted(made.received()) == sorted(expected)
