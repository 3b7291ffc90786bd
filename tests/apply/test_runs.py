"""Runs against real files: backfill and increments, guards, what fails, races for the claim, crashes at every effect."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.destinations.base import DESTINATION_EFFECTS
from reconciler.errors import Refused, SourceError
from reconciler.ledger import keys
from reconciler.ledger.records import RunRecord
from reconciler.ledger.store import STORE_EFFECTS
from reconciler.resources.activation import AudienceGuard, ExportGuard, Guards
from reconciler.resources.effective import EffectiveSource
from tests.apply.fixtures_runs import FLOW, SLOT, House

DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    house.apply()
    return house


def export(house: House, day: int = 0, **wanted: Any) -> RunRecord | None:
    return run_flow(house.context(), FLOW, Wanted(SLOT + day * DAY, **wanted), SLOT + day * DAY)


def test_the_first_export_is_everything_and_then_only_what_is_new(house: House) -> None:
    first = export(house)
    assert first is not None
    assert (first.kind, first.read, first.rows, house.received()) == ("full", 3, 2, ["1", "3"])
    house.put("b.csv", [("4", "US"), ("5", "FR")])
    second = export(house, 1)
    assert second is not None
    assert (second.kind, second.read, second.rows) == ("increment", 2, 1)
    assert house.received() == ["1", "3", "4"]
    assert house.staged() == []


def test_a_slot_is_exported_once(house: House) -> None:
    assert export(house) is not None
    assert export(house) is None
    assert house.received() == ["1", "3"]


def test_the_manifest_lists_what_is_there(house: House) -> None:
    export(house)
    (manifest,) = (house.root / "out").rglob("_manifest-*.json")
    data = json.loads(manifest.read_text())
    (file,) = data["files"]
    assert (manifest.parent / file["path"]).stat().st_size == file["size"]
    assert (data["rows"], data["kind"], manifest.parent.name) == (2, "full", "exportTime=205412020200")


@pytest.mark.parametrize(("when_empty", "files"), [("manifest", 1), ("file", 2), ("skip", 0)])
def test_no_rows(tmp_path: Path, when_empty: str, files: int) -> None:
    house = House(tmp_path, when_empty=when_empty)
    house.put("a.csv", [("2", "DE")])
    house.apply()
    record = export(house)
    assert record is not None
    assert record.rows == 0
    found = [each for each in (house.root / "out").rglob("*") if each.is_file() and not each.name.startswith(".")]
    assert len(found) == files


def test_backfill_none_leaves_what_was_there(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    old = (SLOT - 3 * DAY).timestamp()
    os.utime(house.root / "data" / "a.csv", (old, old))
    house.apply(backfill="none")
    first = export(house)
    assert first is not None
    assert first.rows == 0
    house.put("b.csv", [("2", "US")])
    export(house, 1)
    assert house.received() == ["2"]


@pytest.mark.parametrize(
    ("guards", "guard"),
    [
        (Guards(export=ExportGuard(max_rows=1)), "export.maxRows"),
        (Guards(export=ExportGuard(min_rows=3)), "export.minRows"),
        (Guards(audience=AudienceGuard(min_rows=3)), "audience.minRows"),
    ],
)
def test_a_breached_guard_holds_the_flow_and_shows_nothing(tmp_path: Path, guards: Guards, guard: str) -> None:
    house = House(tmp_path, guards=guards)
    house.put("a.csv", [("1", "US"), ("3", "US")])
    house.apply()
    with pytest.raises(Refused, match=guard):
        export(house)
    head = house.head().document
    assert head.condition is not None
    assert (head.condition.type, head.open, head.abandoned) == ("held", None, ())
    assert (house.received(), house.staged()) == ([], [])


def test_max_change_compares_with_the_last_run(tmp_path: Path) -> None:
    house = House(tmp_path, guards=Guards(audience=AudienceGuard(max_change="50%")))
    house.put("a.csv", [("1", "US"), ("2", "US")])
    house.apply()
    export(house)
    house.put("b.csv", [("3", "US")])
    assert export(house, 1) is not None
    house.put("c.csv", [("4", "US"), ("5", "US")])
    with pytest.raises(Refused, match=r"3 → 5 rows"):
        export(house, 2)


@pytest.mark.parametrize(("damage", "code"), [("vanish", "F118"), ("rewrite", "F119")])
def test_what_was_exported_must_stay_as_it_was(house: House, damage: str, code: str) -> None:
    export(house)
    if damage == "vanish":
        (house.root / "data" / "a.csv").unlink()
        house.put("b.csv", [("9", "US")])
    else:
        house.put("a.csv", [("9", "US"), ("1", "US")])
    with pytest.raises(SourceError, match=code) as caught:
        export(house, 1)
    assert caught.value.detail.endswith(f"reconcile export {FLOW.short} --full")
    assert str(caught.value).endswith(f"reconcile export {FLOW.short} --full")
    condition = house.head().document.condition
    assert condition is not None
    assert condition.detail == caught.value.detail
    assert house.received() == ["1", "3"]


def test_a_full_export_on_demand_moves_the_cursor_but_not_the_slot(house: House) -> None:
    export(house)
    house.put("b.csv", [("4", "US")])
    record = export(house, 1, on_demand=True, full=True)
    assert record is not None
    assert record.rows == 3
    assert house.head().document.last_slot == SLOT
    nothing_new = export(house, 2)
    assert nothing_new is not None
    assert nothing_new.rows == 0


def test_a_live_run_is_left_alone_and_a_dead_one_is_taken_over(house: House) -> None:
    class Killed(BaseException):
        pass

    def dies(*_: object) -> None:
        raise Killed

    context = house.context()
    with pytest.raises(Killed):
        run_flow(replace(context, progress=dies, engine=Dying(context.engine, dies)), FLOW, Wanted(SLOT), SLOT)
    assert house.head().document.open is not None
    assert export(house) is None
    house.tick += timedelta(hours=1)
    assert export(house) is not None
    assert (house.received(), house.staged()) == (["1", "3"], [])


class Dying:
    """An engine whose process ends after the rows were written."""

    def __init__(self, engine: Any, die: Any) -> None:
        self.engine, self.die = engine, die

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def export(self, *arguments: Any) -> Any:
        result = self.engine.export(*arguments)
        self.die()
        return result


# Crashes at every effect -----------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here: nothing of the package may catch it."""


class Bomb:
    """Counts effects; at number `at` the process ends, before or after the effect."""

    def __init__(self, at: int, before: bool) -> None:
        self.at, self.before, self.count = at, before, 0

    def around(self, effect: Any) -> Any:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.at and self.before:
                raise Crash
            result = effect(*arguments, **named)
            if self.count >= self.at > 0 and not self.before:
                raise Crash
            return result

        return wrapped


class Mined:
    """Any port whose named effects pass through the bomb."""

    def __init__(self, port: Any, effects: tuple[str, ...], bomb: Bomb) -> None:
        self.port, self.effects, self.bomb = port, effects, bomb

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.port, name)
        if name == "stage" and name in self.effects:
            return lambda *a: Mined(self.bomb.around(found)(*a), ("finish",), self.bomb)
        return self.bomb.around(found) if name in self.effects else found


def mined(house: House, bomb: Bomb) -> Context:
    context = house.context()
    ledger = type(house.ledger)(Mined(house.store, STORE_EFFECTS, bomb), house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
    return replace(
        context,
        ledger=ledger,
        open_destination=lambda to: Mined(context.open_destination(to), DESTINATION_EFFECTS, bomb),  # type: ignore[arg-type,return-value]
    )


def effects_of_a_run(folder: Path) -> int:
    bomb = Bomb(0, True)
    house = fresh(folder)
    run_flow(mined(house, bomb), FLOW, Wanted(SLOT), SLOT)
    return bomb.count


def fresh(folder: Path) -> House:
    house = House(folder)
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    house.apply()
    return house


def test_a_run_that_dies_at_any_effect_is_completed_by_the_next(tmp_path: Path) -> None:
    total = effects_of_a_run(tmp_path / "count")
    assert total >= 9
    for at in range(1, total + 1):
        for before in (True, False):
            for second in (0, 1, 2, 3):
                house = fresh(tmp_path / f"{at}-{before}-{second}")
                survive(house, at, before, second)


def survive(house: House, at: int, before: bool, second: int) -> None:
    with pytest.raises(Crash):
        run_flow(mined(house, Bomb(at, before)), FLOW, Wanted(SLOT), SLOT)
    house.tick += timedelta(hours=1)
    if second:
        try:
            run_flow(mined(house, Bomb(second, before)), FLOW, Wanted(SLOT), SLOT)
        except Crash:
            house.tick += timedelta(hours=1)
    run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    settle(house.context(), FLOW, SLOT)
    where = f"at effect {at}, before={before}, second={second}"
    assert house.received() == ["1", "3"], where
    assert house.staged() == [], where
    assert len(list((house.root / "out").rglob("_manifest-*"))) == 1, where
    head = house.head().document
    assert (head.open, head.abandoned, head.last_slot) == (None, (), SLOT), where
    assert len(list(house.store.list(keys.RUNS))) == 1, where
    assert list(house.store.list(keys.STAGED)) == [], where


def test_a_file_that_is_gone_is_fine_once_all_in_it_has_expired(tmp_path: Path) -> None:
    house = House(tmp_path)
    source = house.spec().source.to_json()
    assert isinstance(source["datasetSpec"], dict)
    source["datasetSpec"]["columns"]["seen"] = {"type": "timestamp", "optional": True}
    source["datasetSpec"]["expiry"] = {"column": "seen", "after": "2d"}
    house.apply(source=EffectiveSource.model_validate(source))

    def put(name: str, seen: datetime) -> None:
        path = tmp_path / "data" / f"{name}.csv"
        path.write_text(f"prospect_id,country,seen\n{name},US,{seen.isoformat()}\n")
        os.utime(path, (seen.timestamp(), seen.timestamp()))

    put("a", SLOT - DAY)
    put("b", SLOT)
    assert export(house) is not None
    (tmp_path / "data" / "a.csv").unlink()
    put("c", SLOT + timedelta(hours=20))
    assert export(house, 1) is not None  # two days after a was written
    assert sorted(house.received()) == ["a", "b", "c"]
    (tmp_path / "data" / "c.csv").unlink()
    with pytest.raises(SourceError) as caught:
        export(house, 2)
    assert caught.value.code == "F118"
