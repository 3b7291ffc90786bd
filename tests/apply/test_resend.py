"""Re-sending: the same rows as the run that is repeated, in a folder of their own, or a refusal; the schedule doesn't notice."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.resend import find
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import Refused, UsageError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, RunRecord
from reconciler.resources.activation import AudienceGuard, BackfillFrom, ExportGuard, Guards
from reconciler.resources.destination import Recipient
from reconciler.resources.effective import EffectiveSource
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_runs import Bomb, Crash, mined

DAY = timedelta(days=1)
LATER = SLOT + timedelta(days=20)
APPLIED = Applied(at=SLOT, by="test")


def night(house: House, number: int, **wanted: Any) -> RunRecord:
    slot = SLOT + number * DAY
    record = run_flow(house.context(), FLOW, Wanted(slot, **wanted), slot)
    assert record is not None
    return record


def again(house: House, text: str) -> RunRecord:
    record = run_flow(house.context(), FLOW, Wanted.again(find(house.head().document, text)), LATER)
    assert record is not None
    return record


def ids(house: House, run: RunRecord) -> list[str]:
    """What a run's files hold."""
    lines = [(house.root / "out" / each.path).read_text().split()[1:] for each in run.files]
    return [line for each in lines for line in each]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    house.apply()
    night(house, 0)
    house.put("b.csv", [("4", "US")])
    night(house, 1)
    house.put("c.csv", [("5", "US")])
    return house


def test_an_increment_is_sent_again_and_nothing_else_moves(house: House) -> None:
    before = house.head().document
    run = again(house, "2054-12-03T02:00Z")
    assert (run.kind, run.rows, ids(house, run), run.slot) == ("resend", 1, ["4"], SLOT + DAY)
    assert run.resend_of == before.resendable[1].run_id
    assert run.folder == f"us/exportTime=205412030200-{run.run_id}"
    (manifest,) = (house.root / "out" / run.folder).glob("_manifest-*")
    assert json.loads(manifest.read_text())["kind"] == "resend"
    after = house.head().document
    for kept in ("cursor", "last_slot", "last_run", "resendable", "condition", "open", "rebuild"):
        assert getattr(after, kept) == getattr(before, kept), kept
    assert (run.cursor_before, run.cursor_after) == (None, None)
    assert ids(house, night(house, 2)) == ["5"]
    assert house.staged() == []


def test_the_first_run_is_sent_again_without_what_came_later(house: House) -> None:
    assert ids(house, again(house, "2054-12-02T02:00Z")) == ["1", "3"]


def test_as_often_as_it_takes(house: House) -> None:
    first, second = (again(house, "2054-12-03T02:00Z") for _ in range(2))
    assert ids(house, first) == ids(house, second) == ["4"]
    assert first.folder != second.folder


@pytest.mark.parametrize("backfill", ["none", BackfillFrom(from_=SLOT - 2 * DAY)])
def test_what_a_backfill_left_out_stays_out(tmp_path: Path, backfill: object) -> None:
    house = House(tmp_path)
    for name, number, age in (("a.csv", "1", 3 * DAY), ("b.csv", "2", DAY / 2)):
        house.put(name, [(number, "US")])
        at = (SLOT - age).timestamp()
        os.utime(house.root / "data" / name, (at, at))
    house.apply(backfill=backfill)
    assert ids(house, night(house, 0)) == ["2"]
    assert ids(house, again(house, "2054-12-02T02:00Z")) == ["2"]


def test_a_full_run_is_sent_again_whole(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    house.apply(mode="full")
    night(house, 0)
    house.put("b.csv", [("2", "US")])
    night(house, 1)
    assert ids(house, again(house, "2054-12-02T02:00Z")) == ["1"]
    assert ids(house, again(house, "2054-12-03T02:00Z")) == ["1", "2"]


def test_a_run_without_rows_gives_an_empty_manifest_again(house: House) -> None:
    night(house, 2)
    night(house, 3)
    run = again(house, "2054-12-05T02:00Z")
    assert (run.rows, run.files, run.manifest is not None) == (0, (), True)


# Refusals ---------------------------------------------------------------------------------------------------------------


def refused(house: House, code: str, *words: str) -> None:
    before = house.head().document
    with pytest.raises(Refused) as caught:
        again(house, "2054-12-02T02:00Z")
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.detail
    assert house.head().document == before
    assert house.staged() == []


@pytest.mark.parametrize("damage", ["vanish", "rewrite"])
def test_data_that_is_gone_or_rewritten_refuses(house: House, damage: str) -> None:
    if damage == "vanish":
        (house.root / "data" / "a.csv").unlink()
    else:
        house.put("a.csv", [("1", "US"), ("6", "US"), ("3", "US")])
    refused(house, "H111", "a.csv")


@pytest.mark.parametrize("damage", ["vanish", "rewrite"])
def test_data_that_is_gone_is_not_needed_once_all_in_it_has_expired(damage: str, tmp_path: Path) -> None:
    """Its rows stay at home by now: what is left of the run is sent. What would still leave must be there."""
    house = House(tmp_path)
    source = house.spec().source.to_json()
    assert isinstance(source["datasetSpec"], dict)
    source["datasetSpec"]["columns"]["seen"] = {"type": "timestamp"}
    source["datasetSpec"]["expiry"] = {"column": "seen", "after": "20d"}
    house.apply(source=EffectiveSource.model_validate(source))

    def put(name: str, seen: datetime) -> None:
        path = tmp_path / "data" / f"{name}.csv"
        path.write_text(f"prospect_id,country,seen\n{name},US,{seen.isoformat()}\n")
        os.utime(path, (seen.timestamp(), seen.timestamp()))

    put("a", SLOT - DAY)
    put("b", SLOT)
    put("c", SLOT - DAY / 2)
    assert sorted(ids(house, night(house, 0))) == ["a", "b", "c"]

    def lose(name: str) -> None:
        if damage == "vanish":
            (tmp_path / "data" / f"{name}.csv").unlink()
        else:
            put(name, SLOT + DAY)

    lose("a")
    record = run_flow(
        house.context(), FLOW, Wanted.again(find(house.head().document, "2054-12-02T02:00Z")), LATER - DAY / 4
    )
    assert record is not None
    assert (ids(house, record), record.excluded) == (["b"], {"expired": 1})
    lose("b")
    with pytest.raises(Refused) as caught:
        run_flow(house.context(), FLOW, Wanted.again(find(house.head().document, "2054-12-02T02:00Z")), LATER - DAY / 4)
    assert (caught.value.code, "b.csv" in caught.value.detail) == ("H111", True)


def test_only_the_files_of_that_run_must_still_be_there(house: House) -> None:
    (house.root / "data" / "a.csv").unlink()
    assert ids(house, again(house, "2054-12-03T02:00Z")) == ["4"]


def changed(house: House, **changes: object) -> None:
    head = house.head()
    new = transitions.updated(
        head.document,
        house.spec(**changes),
        rebuild=None,
        source_id="us",
        applied=APPLIED,
        nonce=house.ledger.nonce(),
    )
    house.ledger.swap(head, new)


def test_columns_that_changed_since_refuse(house: House) -> None:
    (column,) = house.spec().columns
    changed(house, columns=(column.model_copy(update={"name": "person"}),))
    refused(house, "H110", "columns", "--full")


def test_a_filter_that_changed_since_refuses(house: House) -> None:
    source = house.spec().source
    changed(house, source=source.model_copy(update={"where": "country = 'DE'"}))
    refused(house, "H110", "filter")


def test_a_destination_that_moved_since_refuses(house: House) -> None:
    destination = house.spec().destination
    spec = destination.spec.model_copy(
        update={"connection": destination.spec.connection.model_copy(update={"path": "elsewhere"})}
    )
    changed(house, destination=destination.model_copy(update={"spec": spec}))
    refused(house, "H110", "destination")


def test_another_recipient_refuses(house: House) -> None:
    destination = house.spec().destination
    spec = destination.spec.model_copy(update={"recipient": Recipient(name="Others Ltd", country="IE")})
    changed(house, destination=destination.model_copy(update={"spec": spec}))
    refused(house, "H110", "recipient")


def test_another_dataset_refuses(house: House) -> None:
    source = house.spec().source
    dataset = source.dataset_spec.model_copy(update={"location": "elsewhere"})
    changed(house, source=source.model_copy(update={"dataset_spec": dataset}))
    refused(house, "H110", "dataset")


def test_what_means_the_same_does_not_refuse(house: House) -> None:
    source = house.spec().source
    dataset = source.dataset_spec.model_copy(update={"min_rows": 1_000})
    changed(house, source=source.model_copy(update={"where": "(country  =  'US')", "dataset_spec": dataset}))
    assert ids(house, again(house, "2054-12-02T02:00Z")) == ["1", "3"]


def test_guards_of_a_run_are_judged_and_those_of_the_audience_are_not(house: House) -> None:
    changed(house, guards=Guards(audience=AudienceGuard(min_rows=1_000, max_change="1%")))
    assert ids(house, again(house, "2054-12-02T02:00Z")) == ["1", "3"]
    changed(house, guards=Guards(export=ExportGuard(max_rows=1)))
    with pytest.raises(Refused, match="H101"):
        again(house, "2054-12-02T02:00Z")
    head = house.head().document
    assert (head.condition, head.open, head.abandoned) == (None, None, ())
    assert house.staged() == []


def test_a_flow_that_is_held_stays_so(house: House) -> None:
    changed(house, guards=Guards(export=ExportGuard(max_rows=0)))
    with pytest.raises(Refused):
        night(house, 2)
    condition = house.head().document.condition
    assert condition is not None
    changed_back = house.head()
    new = changed_back.document.model_copy(update={"spec": house.spec(), "nonce": "fresh"})
    house.ledger.swap(changed_back, new)
    again(house, "2054-12-02T02:00Z")
    assert house.head().document.condition == condition


# Which run --------------------------------------------------------------------------------------------------------------


def test_on_demand_runs_go_by_their_id_where_the_slot_is_shared(house: House) -> None:
    shared = SLOT + 2 * DAY
    demanded = run_flow(house.context(), FLOW, Wanted(shared, on_demand=True), shared)
    assert demanded is not None
    night(house, 2)
    with pytest.raises(UsageError, match="U110") as caught:
        find(house.head().document, "2054-12-04T02:00Z")
    assert demanded.run_id in caught.value.detail
    assert ids(house, again(house, demanded.run_id)) == ["5"]


@pytest.mark.parametrize("text", ["2054-12-09T02:00Z", "r0000000000000000", "yesterday", "2054-12-02T02:00"])
def test_a_slot_that_is_none_of_those_kept(house: House, text: str) -> None:
    with pytest.raises(UsageError, match="U109") as caught:
        find(house.head().document, text)
    assert "2054-12-03T02:00Z" in caught.value.detail


def test_a_slot_in_another_zone_is_the_same_slot(house: House) -> None:
    assert find(house.head().document, "2054-12-02T03:00+01:00").slot == SLOT


def test_after_a_rename(house: House) -> None:
    old = house.head()
    spec = house.spec(source=house.spec().source.model_copy(update={"name": "usa"}))
    new = transitions.moved_here(old.document, spec, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(old, transitions.moved_away(old.document, new.flow, applied=APPLIED, nonce=house.ledger.nonce()))
    house.ledger.create(keys.flow(new.flow_id), new)
    wanted = Wanted.again(find(new, "2054-12-02T02:00Z"))
    run = run_flow(house.context(), new.flow_id, wanted, LATER)
    assert run is not None
    assert ids(house, run) == ["1", "3"]


# Crashes ----------------------------------------------------------------------------------------------------------------


def nights(folder: Path) -> House:
    house = House(folder)
    house.put("a.csv", [("1", "US"), ("2", "DE")])
    house.apply()
    night(house, 0)
    return house


def test_a_resend_that_dies_at_any_effect_is_done_or_was_never_seen(tmp_path: Path) -> None:
    bomb = Bomb(0, True)
    counted = nights(tmp_path / "count")
    wanted = Wanted.again(find(counted.head().document, "2054-12-02T02:00Z"))
    run_flow(mined(counted, bomb), FLOW, wanted, LATER)
    assert bomb.count >= 8
    seen = set()
    for at in range(1, bomb.count + 1):
        for before in (True, False):
            house = nights(tmp_path / f"{at}-{before}")
            head = house.head().document
            wanted = Wanted.again(find(head, "2054-12-02T02:00Z"))
            with pytest.raises(Crash):
                run_flow(mined(house, Bomb(at, before)), FLOW, wanted, LATER)
            house.tick += timedelta(hours=1)
            settle(house.context(), FLOW, LATER)
            where = f"at effect {at}, before={before}"
            manifests = len(list((house.root / "out").rglob("_manifest-*")))
            assert house.received() == ["1"] * manifests, where
            assert house.staged() == [], where
            assert list(house.store.list(keys.STAGED)) == [], where
            after = house.head().document
            assert (after.open, after.abandoned, after.last_slot) == (None, (), head.last_slot), where
            assert len(list(house.store.list(keys.RUNS))) == manifests, where
            seen.add(manifests)
    assert seen == {1, 2}
