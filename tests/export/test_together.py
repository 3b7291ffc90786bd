"""Many jobs in one read: each gives what it gives alone, to the byte, and what one meets is its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from reconciler.datasets.base import Access
from reconciler.datasets.local import LocalFiles
from reconciler.errors import DestinationError, SourceError
from reconciler.export.budget import Budget
from reconciler.export.job import ExportJob, ExportResult, Interrupted, Outcome, Progress, SuppressionList, Task
from reconciler.export.together import SharingPolarsEngine
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files, Format, extension
from reconciler.resources.suppression import Match
from reconciler.values.mark import Range
from tests.export.support import FileSink, files_of

TYPES = {"id": "string", "country": "string", "at": "timestamp", "score": "long"}
START = datetime(2054, 12, 1, tzinfo=UTC)
FORMATS: TypeAdapter[Format] = TypeAdapter(Format)


def put(folder: Path, form: str, files: int = 6, rows: int = 300, twice: bool = True, **changed: Any) -> None:
    """Files of invented people; every seventh id comes `twice`."""
    folder.mkdir(parents=True)
    for number in range(files):
        first = number * rows
        ids = [f"p{at - 1 if twice and at % 7 == 3 else at}" for at in range(first, first + rows)]
        frame = pl.DataFrame({
            "id": ids,
            "country": [("US", "DE", "FR", None)[at % 4] for at in range(rows)],
            "at": [START + timedelta(minutes=first + at) for at in range(rows)],
            "score": [at * 7919 % 1000 for at in range(first, first + rows)],
        } | changed)  # fmt: skip
        if form == "parquet":
            frame.write_parquet(folder / f"{number}.parquet")
        else:
            frame.with_columns(pl.col("at").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(folder / f"{number}.csv")


@dataclass
class Lake:
    """A folder of files and jobs over it. `opened`: paths that the engine asked for, one by one."""

    root: Path
    form: str = "parquet"
    spec: dict[str, Any] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    sinks: dict[str, list[FileSink]] = field(default_factory=dict)

    def dataset(self) -> DatasetSpec:
        columns = {name: {"type": kind} for name, kind in TYPES.items()}
        return DatasetSpec.model_validate(
            {"location": "data", "format": self.form, "columns": columns, "incremental": {"settle": "0s"}, **self.spec}
        )

    def job(self, where: str | None = None, form: str = "parquet", first: int = 0, **more: Any) -> ExportJob:
        files = files_of(self.root / "data", self.form)[first:]
        names = more.pop("columns", ("id", "score"))
        columns = tuple(ExportColumn(column=name, name=name, type=TYPES[name]) for name in names)
        fmt = FORMATS.validate_python({"type": form})
        output = more.pop("output", Files())
        return ExportJob(
            dataset=self.dataset(), files=files, where=where, columns=columns, format=fmt, output=output, **more
        )

    def task(
        self, job: ExportJob, out: str, fail: int | None = None, stop: Callable[[], bool] = lambda: False, **more: Any
    ) -> Task:
        mine = self.sinks.setdefault(out, [])

        def open_file(part: int) -> FileSink:
            path = self.root / out / f"{part}.{extension(job.format)}"
            assert not path.exists(), "a name is written once"
            mine.append(FileSink(path, fail))
            return mine[-1]

        return Task(job, open_file, more.pop("progress", lambda _: None), stop, **more)

    def access(self) -> Access:
        lake = self

        class Counting(Access):
            def uri(self, path: str) -> str:
                lake.opened.append(path)
                return super().uri(path)

        return Counting(str(self.root / "data"))

    def together(self, tasks: Iterable[Task], budget: Budget | None = None) -> list[Outcome]:
        return SharingPolarsEngine(budget=budget or Budget()).together(self.access(), list(tasks))

    def alone(self, task: Task) -> ExportResult:
        access = LocalFiles(self.root / "data", "data", self.form, timedelta(0)).access()  # type: ignore[arg-type]
        return SharingPolarsEngine().export(task.job, access, task.open_file, task.progress, task.stop, task.lists)

    def written(self, out: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.root / out).glob("*"))]


def same(lake: Lake, jobs: list[ExportJob], **more: Any) -> None:
    found = lake.together(lake.task(job, f"shared{at}", **more) for at, job in enumerate(jobs))
    for at, job in enumerate(jobs):
        expected = lake.alone(lake.task(job, f"alone{at}", **more))
        outcome = found[at]
        assert isinstance(outcome, ExportResult), outcome
        assert lake.written(f"shared{at}") == lake.written(f"alone{at}"), job.where
        assert (outcome.read, outcome.matched, dict(outcome.excluded)) == (
            expected.read,
            expected.matched,
            dict(expected.excluded),
        )
        assert [each.rows for each in outcome.files] == [each.rows for each in expected.files]


JOBS = st.tuples(
    st.sampled_from([None, "country = 'US'", "score < 500", "country = 'DE' AND score >= 100", "score < 0"]),
    st.sampled_from(["parquet", "json", "csv"]),
    st.integers(0, 5),
    st.sampled_from([Files(), Files(max_rows=170), Files(max_bytes=65_536)]),
    st.sampled_from([("id", "score"), ("country", "id"), ("at", "id")]),
    st.sampled_from([None, ("2054-12-01T02:00:00Z", "2054-12-01T20:00:00Z"), (None, "2054-12-01T09:00:00Z")]),
)


KEYS: list[dict[str, Any]] = [{}, {"primaryKey": ["id"]}, {"primaryKey": ["id"], "latestBy": "at"}]


@pytest.mark.parametrize("form", ["parquet", "csv"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=st.lists(JOBS, min_size=2, max_size=4), spec=st.sampled_from(KEYS), twice=st.booleans())
def test_each_is_what_it_is_alone(
    tmp_path_factory: pytest.TempPathFactory, form: str, jobs: list[Any], spec: dict[str, Any], twice: bool
) -> None:
    root = tmp_path_factory.mktemp("lake")
    put(root / "data", form, twice=twice)
    lake = Lake(root, form, spec)
    made = []
    for where, to, first, output, columns, within in jobs:
        limits = within and Range(column="at", after=within[0], upto=within[1])
        made.append(lake.job(where, to, first, output=output, columns=columns, within=limits))
    same(lake, made)


def test_files_are_read_once_and_each_part_goes_to_those_for_whom_it_is_new(tmp_path: Path) -> None:
    put(tmp_path / "data", "csv")
    lake = Lake(tmp_path, "csv")
    jobs = [lake.job(first=first, form="csv") for first in (0, 2, 2, 5)]
    found = lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert [isinstance(each, ExportResult) and each.read for each in found] == [1800, 1200, 1200, 300]
    assert sorted(lake.opened) == [f"{number}.csv" for number in range(6)]


@pytest.mark.parametrize("spec", KEYS[1:])
def test_where_no_key_comes_twice_what_each_wants_may_differ(tmp_path: Path, spec: dict[str, Any]) -> None:
    """Filters, files and ranges: one pass over the keys says so for all, and one over the rows is for all."""
    put(tmp_path / "data", "csv", twice=False)
    lake = Lake(tmp_path, "csv", spec)
    limits = Range(column="at", after="2054-12-01T02:00:00Z", upto="2054-12-01T20:00:00Z")
    jobs = [lake.job("country = 'US'"), lake.job("score < 500", first=2), lake.job(within=limits), lake.job()]
    lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert sorted(lake.opened) == sorted(f"{at}.csv" for at in range(6) for _ in range(2))
    for at, job in enumerate(jobs):
        lake.alone(lake.task(job, f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


DIFFERING = ("score < 500", "score < 500", "score < 900", "score < 980")


@pytest.mark.parametrize("spec", KEYS[1:])
def test_where_a_key_comes_twice_one_read_is_for_all(tmp_path: Path, spec: dict[str, Any]) -> None:
    """Whatever they want: for each filter, file and range a pass over the keys, after one that found the key; the rows are read once."""
    put(tmp_path / "data", "csv")
    lake = Lake(tmp_path, "csv", spec)
    limits = Range(column="at", after="2026-12-01T02:00:00Z", upto="2026-12-01T20:00:00Z")
    jobs = [*(lake.job(where) for where in DIFFERING), lake.job(first=3), lake.job(within=limits)]
    lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    verdicts = 3 if "latestBy" in spec else 5
    early, late = 1 + verdicts - 1 + 1, 1 + verdicts + 1
    assert Counter(lake.opened) == {f"{at}.csv": late if at >= 3 else early for at in range(6)}
    for at, job in enumerate(jobs):
        lake.alone(lake.task(job, f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_verdicts_beyond_the_memory_for_them_are_read_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict takes a bit a row: two of 1,800 rows are held, and the third is for the next read."""
    monkeypatch.setattr(Budget, "verdicts", 2 * 1800 // 8 + 10)
    put(tmp_path / "data", "csv")
    lake = Lake(tmp_path, "csv", {"primaryKey": ["id"]})
    jobs = [lake.job(where) for where in DIFFERING]
    lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert Counter(lake.opened) == dict.fromkeys((f"{at}.csv" for at in range(6)), 1 + 3 + 2)
    for at, job in enumerate(jobs):
        lake.alone(lake.task(job, f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_a_filter_that_cannot_be_read_leaves_the_verdicts_of_the_others(tmp_path: Path) -> None:
    put(tmp_path / "data", "csv")
    (tmp_path / "data" / "9.csv").write_text("id,country,at,score\np9,US,2026-12-01T00:00:00Z,many\n")
    lake = Lake(tmp_path, "csv", {"primaryKey": ["id"]})
    wheres = ("country = 'US'", "score < 5", "country = 'DE'")
    jobs = [lake.job(where, columns=("id",)) for where in wheres]
    found = lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert isinstance(found[1], SourceError)
    for at in (0, 2):
        lake.alone(lake.task(jobs[at], f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_a_tables_files_have_an_order_of_their_own(tmp_path: Path) -> None:
    """One that all share is kept, with files between that only some want; where orders contradict each other, each is read by itself."""
    put(tmp_path / "data", "csv")
    lake = Lake(tmp_path, "csv")
    files = lake.job().files
    orders = [(3, 1, 5), (3, 1, 4, 5, 0), (1, 5), (2, 3, 5, 0), (5, 1)]
    jobs = [lake.job(form="csv").model_copy(update={"files": tuple(files[at] for at in order)}) for order in orders]
    lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert sorted(lake.opened) == sorted([*(f"{at}.csv" for at in range(6)), "1.csv", "5.csv"])
    for at, job in enumerate(jobs):
        lake.alone(lake.task(job, f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_different_suppressions_and_the_same_ones(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet")
    lists: dict[str, Access] = {}
    made = {}
    for name, people in {"some": ["p1", "p2"], "others": ["p5"]}.items():
        (tmp_path / name).mkdir()
        pl.DataFrame({"who": people}).write_parquet(tmp_path / name / "a.parquet")
        spec = DatasetSpec.model_validate(
            {"location": name, "format": "parquet", "columns": {"who": {"type": "string"}}}
        )
        match = (Match(list="who", column="id"),)
        made[name] = SuppressionList(name=name, match=match, dataset=spec, files=files_of(tmp_path / name))
        lists[name] = LocalFiles(tmp_path / name, name, "parquet", timedelta(0)).access()
    lake = Lake(tmp_path)
    chosen = [(), (made["some"],), (made["some"],), (made["others"],), tuple(made.values())]
    same(lake, [lake.job(suppressions=each) for each in chosen], lists=lists)


def test_one_whose_destination_fails_leaves_the_others_whole(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet")
    lake = Lake(tmp_path)
    jobs = [lake.job(where) for where in ("score < 500", None, "country = 'US'")]
    tasks = [lake.task(job, f"out{at}", fail=100 if at == 1 else None) for at, job in enumerate(jobs)]
    found = lake.together(tasks)
    assert isinstance(found[1], DestinationError)
    assert not lake.written("out1")
    for at in (0, 2):
        lake.alone(lake.task(jobs[at], f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_one_with_a_column_that_cannot_be_read_leaves_the_others_whole(tmp_path: Path) -> None:
    put(tmp_path / "data", "csv")
    (tmp_path / "data" / "9.csv").write_text("id,country,at,score\np9,US,2054-12-01T00:00:00Z,many\n")
    lake = Lake(tmp_path, "csv")
    jobs = [
        lake.job(columns=("id",)),
        lake.job(columns=("score",)),
        lake.job("country = 'US'", columns=("id",), output=Files(max_rows=100)),
    ]
    found = lake.together(lake.task(job, f"out{at}") for at, job in enumerate(jobs))
    assert isinstance(found[1], SourceError)
    assert not lake.written("out1")
    for at in (0, 2):
        lake.alone(lake.task(jobs[at], f"alone{at}"))
        assert lake.written(f"out{at}") == lake.written(f"alone{at}")


def test_one_that_is_stopped_leaves_the_others_whole(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet")
    lake = Lake(tmp_path)
    found = lake.together([lake.task(lake.job(), "out0", stop=lambda: True), lake.task(lake.job("score < 9"), "out1")])
    assert isinstance(found[0], Interrupted)
    assert isinstance(found[1], ExportResult)
    assert not lake.written("out0")


def test_all_that_are_stopped_stop(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet")
    lake, asked = Lake(tmp_path), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 8

    found = lake.together(lake.task(lake.job(), f"out{at}", stop=stop) for at in range(4))
    assert all(isinstance(each, Interrupted) for each in found)
    assert all(sink.aborted for sinks in lake.sinks.values() for sink in sinks)


def test_progress_is_each_ones_own_and_ends_at_the_total(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet")
    lake, told = Lake(tmp_path), dict[int, list[Progress]]()
    jobs = [lake.job("score < 100"), lake.job()]
    lake.together(lake.task(job, f"out{at}", progress=told.setdefault(at, []).append) for at, job in enumerate(jobs))
    assert told[1][-1].rows == 1800
    assert 0 < told[0][-1].rows < 300
    assert all(each[-1].read == each[-1].total > 0 for each in told.values())


def test_many_write_smaller_row_groups_and_the_same_rows(tmp_path: Path) -> None:
    put(tmp_path / "data", "parquet", files=3, rows=20_000)
    lake = Lake(tmp_path)
    found = lake.together((lake.task(lake.job(), f"out{at}") for at in range(12)), Budget(2**22))
    assert all(isinstance(each, ExportResult) for each in found)
    expected = pl.concat(pl.read_parquet(tmp_path / "data" / f"{at}.parquet") for at in range(3)).select("id", "score")
    assert all(pl.read_parquet(tmp_path / f"out{at}").equals(expected) for at in range(12))
