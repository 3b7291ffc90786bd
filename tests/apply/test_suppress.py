"""Suppression lists fail closed: a run that can't rely on one shows nothing to anyone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.runs import Wanted, run_flow
from reconciler.errors import SourceError
from reconciler.ledger import keys
from reconciler.ledger.records import RunRecord
from reconciler.resources.exclusions import EffectiveSuppression
from tests.apply.fixtures_runs import FLOW, SLOT, House

PEOPLE = [("p1", "US"), ("p2", "US"), ("p3", "DE")]


def suppression(**changes: Any) -> EffectiveSuppression:
    columns = {"prospect_id": {"type": "string"}}
    settle = changes.pop("settle", "0s")
    data = {"location": "optouts", "format": "csv", "columns": columns, "incremental": {"settle": settle}}
    made = {"name": "opted-out", "match": [{"list": "prospect_id", "column": "prospect_id"}], "minRows": 1}
    return EffectiveSuppression.model_validate(made | {"dataset": "optouts", "datasetSpec": data} | changes)


def listed(house: House, *ids: str, age: timedelta = timedelta(hours=1)) -> Path:
    folder = house.root / "optouts"
    folder.mkdir(exist_ok=True)
    path = folder / "list.csv"
    path.write_text("\n".join(["prospect_id", *ids]) + "\n")
    at = (SLOT - age).timestamp()
    os.utime(path, (at, at))
    return path


def house_with(tmp_path: Path, **changes: Any) -> House:
    house = House(tmp_path)
    house.put("a.csv", PEOPLE)
    for path in (tmp_path / "data").iterdir():
        os.utime(path, ((SLOT - timedelta(hours=2)).timestamp(),) * 2)
    house.apply(suppressions=(suppression(**changes),))
    return house


def export(house: House) -> RunRecord | None:
    return run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)


def test_who_is_listed_stays_and_is_counted_everywhere(tmp_path: Path) -> None:
    house = house_with(tmp_path)
    listed(house, "p1", "p9")
    record = export(house)
    assert record is not None
    assert (record.matched, record.rows, record.excluded) == (2, 1, {"suppressed": 1})
    assert house.received() == ["p2"]
    last = house.head().document.last_run
    assert last is not None
    assert last.excluded == {"suppressed": 1}
    manifest = next((tmp_path / "out").rglob("_manifest-*.json")).read_text()
    assert '"suppressed": 1' in manifest
    assert '"matched": 2' in manifest


@pytest.mark.parametrize(
    ("prepare", "changes", "code", "said"),
    [
        (lambda _: None, {}, "F121", "can't be read (F101)"),
        (lambda house: listed(house).unlink(), {}, "F121", "0 rows; minRows is 1"),
        (lambda house: listed(house), {}, "F121", "0 rows; minRows is 1"),
        (lambda house: listed(house, "p1"), {"minRows": 2}, "F121", "1 rows; minRows is 2"),
        (lambda house: listed(house, "p1", age=timedelta(days=2, seconds=1)), {"maxAge": "2d"}, "F120", "maxAge is 2d"),
        (lambda house: listed(house, "p1").write_text("other\nx\n"), {}, "F121", "can't be read (F106)"),
    ],
    ids=["missing", "no file", "empty", "too small", "stale", "other columns"],
)
def test_a_list_that_cannot_be_relied_on_stops_the_flow(
    tmp_path: Path, prepare: Any, changes: dict[str, Any], code: str, said: str
) -> None:
    house = house_with(tmp_path, **changes)
    prepare(house)
    with pytest.raises(SourceError) as caught:
        export(house)
    assert caught.value.code == code
    assert said in caught.value.detail
    assert (house.received(), house.staged()) == ([], [])
    condition = house.head().document.condition
    assert condition is not None
    assert condition.code == code
    assert not list(house.store.list(keys.RUNS))


def test_a_list_that_was_just_written_is_said_to_wait(tmp_path: Path) -> None:
    house = house_with(tmp_path, settle="2h")
    listed(house, "p1")
    with pytest.raises(SourceError, match=r"0 rows; minRows is 1\. Files younger than settle \(2h\) aren't counted"):
        export(house)


def test_an_age_within_the_limit_is_fine(tmp_path: Path) -> None:
    house = house_with(tmp_path, maxAge="2d")
    listed(house, "p1", age=timedelta(days=2))
    assert export(house) is not None


def test_a_list_that_changes_while_it_is_read_abandons_the_run(tmp_path: Path) -> None:
    house = house_with(tmp_path)
    path = listed(house, "p1")
    context = house.context()
    inner = context.engine

    class Meddling:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def export(self, *arguments: Any) -> Any:
            result = inner.export(*arguments)
            path.write_text("prospect_id\np1\np2\n")
            return result

    with pytest.raises(SourceError) as caught:
        run_flow(house.context(engine=Meddling()), FLOW, Wanted(SLOT), SLOT)
    assert caught.value.code == "F116"
    assert (house.received(), house.staged()) == ([], [])
    assert export(house) is not None
    assert house.received() == []
