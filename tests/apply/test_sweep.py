"""Pins that no flow needs any more go; those that one needs, or is about to need, stay, however two calls interleave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.runs import Wanted, run_flow
from reconciler.apply.sweep import Sweep
from reconciler.errors import StoreError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, FlowHead
from reconciler.ledger.store import STORE_EFFECTS
from reconciler.stores.ledger import Ledger
from reconciler.values.identity import FlowId
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_runs import Bomb, Crash, Mined

DAY = timedelta(days=1)
APPLIED = Applied(at=SLOT, by="test")
OPERATIONS = ("read", "list", *STORE_EFFECTS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return lived(tmp_path)


def lived(folder: Path) -> House:
    house = House(folder)
    house.put("0.csv", [("0", "US")])
    house.found()
    house.apply()
    night(house, 0)
    return house


def night(house: House, number: int, flow: FlowId = FLOW) -> None:
    slot = SLOT + number * DAY
    assert run_flow(house.context(), flow, Wanted(slot), slot) is not None


def sweep(house: House, store: Any = None) -> None:
    """What a run does around its work."""
    ledger = Ledger(store or house.store, house.ledger.nonce, lambda _: None)
    begun = Sweep.begin(ledger)
    error = begun.finish(ledger.actual())
    assert error is None


def pins(house: House) -> set[str]:
    return {key.removeprefix(keys.PINS) for key, _ in house.store.list(keys.PINS)}


def swap(house: House, new: FlowHead) -> None:
    house.ledger.swap(house.head(), new)


def remove(house: House) -> None:
    swap(house, transitions.removed(house.head().document, purge=False, applied=APPLIED, nonce=house.ledger.nonce()))


def bring_back(house: House) -> None:
    head = transitions.added(
        house.spec(),
        owner="test",
        source_id="us",
        applied=APPLIED,
        nonce=house.ledger.nonce(),
        before=house.head().document,
    )
    swap(house, head)


def whole(house: House, where: str = "") -> None:
    """Every pin that a head needs is there, as it must be."""
    for head in house.ledger.actual().flows.values():
        for digest in head.pins():
            assert house.ledger.pin(digest).digest() == digest, where


def test_what_is_kept_is_bounded(house: House) -> None:
    for number in range(1, transitions.RESENDABLE_KEPT + 5):
        house.put(f"{number}.csv", [(str(number), "US")])
        night(house, number)
        sweep(house)
    sweep(house)
    head = house.head().document
    assert pins(house) == head.pins()
    assert len(pins(house)) == transitions.RESENDABLE_KEPT + 1
    again = run_flow(house.context(), FLOW, Wanted.again(head.resendable[0]), SLOT + 99 * DAY)
    assert again is not None
    assert again.rows == 1


def test_nothing_goes_at_first_sight(house: House) -> None:
    remove(house)
    before = pins(house)
    sweep(house)
    assert pins(house) == before
    sweep(house)
    assert pins(house) == set()


def test_a_pin_goes_when_the_last_of_the_flows_that_share_it_is_gone(house: House) -> None:
    other = FlowId("box", "audience", "de")
    source = house.spec().source.model_copy(update={"name": "de", "where": "country = 'DE'"})
    spec = house.spec(source=source)
    head = transitions.added(spec, owner="test", source_id="de", applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.create(keys.flow(other), head)
    night(house, 1, other)
    remove(house)
    for _ in range(3):
        sweep(house)
    assert len(pins(house)) == 1
    whole(house)
    found = house.ledger.head(other)
    assert found is not None
    gone = transitions.removed(found.document, purge=False, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(found, gone)
    for _ in range(2):
        sweep(house)
    assert pins(house) == set()


def test_a_rename_that_ended_halfway_keeps_its_pins_and_a_completed_one_lets_the_old_head_go(house: House) -> None:
    old = house.head()
    spec = house.spec(source=house.spec().source.model_copy(update={"name": "usa"}))
    away = transitions.moved_away(old.document, str(spec.flow_id), applied=APPLIED, nonce=house.ledger.nonce())
    new = transitions.moved_here(old.document, spec, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(old, away)
    for _ in range(3):
        sweep(house)
    house.ledger.create(keys.flow(new.flow_id), new)
    whole(house)
    night(house, 1, new.flow_id)
    found = house.ledger.head(new.flow_id)
    assert found is not None
    gone = transitions.removed(found.document, purge=False, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(found, gone)
    for _ in range(2):
        sweep(house)
    assert pins(house) == set()


# Two at once ------------------------------------------------------------------------------------------------------------


class Between:
    """A store with something that happens before its n-th operation, once."""

    def __init__(self, store: Any, at: int, happens: Callable[[], None]) -> None:
        self.store, self.at, self.happens, self.count = store, at, happens, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if name not in OPERATIONS:
            return found

        def stepped(*arguments: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                self.happens()
            return found(*arguments)

        return stepped


def doomed(folder: Path) -> House:
    """A removed flow came back; its first pin is marked, and is just the one that its next run needs."""
    house = lived(folder)
    remove(house)
    sweep(house)
    bring_back(house)
    return house


def test_a_claim_in_the_midst_of_a_sweep_keeps_its_pin(tmp_path: Path) -> None:
    at, steps = 0, 1
    while at <= steps:
        at += 1
        house = doomed(tmp_path / str(at))
        store = Between(house.store, at, lambda house=house: night(house, 5))  # type: ignore[misc]
        sweep(house, store)
        steps = store.count
        where = f"claimed before operation {at} of {steps}"
        if at <= steps:
            whole(house, where)
            assert len(pins(house)) == 1, where
        sweep(house)
        whole(house, where)
    assert steps >= 4


def test_sweeps_in_the_midst_of_a_claim_leave_its_pin(tmp_path: Path) -> None:
    at, steps = 0, 1
    while at <= steps:
        at += 1
        house = doomed(tmp_path / str(at))

        def thrice(house: House = house) -> None:
            for _ in range(3):
                sweep(house)

        store = Between(house.store, at, thrice)
        ledger = Ledger(store, house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
        slot = SLOT + 5 * DAY
        assert run_flow(house.context(ledger=ledger), FLOW, Wanted(slot), slot) is not None
        steps = store.count
        where = f"swept before operation {at} of {steps}"
        whole(house, where)
        house.put("9.csv", [("9", "US")])
        night(house, 9)
        whole(house, where)
    assert steps >= 10


def test_a_slow_sweep_that_marks_after_a_claim_does_not_make_it_go(house: House) -> None:
    remove(house)
    begun = Sweep.begin(house.ledger)
    seen = house.ledger.actual()
    bring_back(house)
    night(house, 5)
    assert begun.finish(seen) is None
    whole(house)
    sweep(house)
    whole(house)


def test_a_mark_that_is_newer_than_what_a_sweep_saw_is_no_reason_to_remove(house: House) -> None:
    remove(house)
    first, second = Sweep.begin(house.ledger), Sweep.begin(house.ledger)
    seen = house.ledger.actual()
    bring_back(house)
    night(house, 5)
    assert first.finish(seen) is None
    assert second.finish(seen) is None
    whole(house)


# What goes wrong --------------------------------------------------------------------------------------------------------


def test_a_sweep_that_dies_at_any_effect_is_completed_by_the_next(tmp_path: Path) -> None:
    for at in range(1, 4):
        for before in (True, False):
            house = lived(tmp_path / f"{at}-{before}")
            remove(house)
            bomb = Bomb(at, before)
            store = Mined(house.store, STORE_EFFECTS, bomb)
            try:
                sweep(house, store)
                sweep(house, store)
            except Crash:
                pass
            sweep(house)
            sweep(house)
            assert pins(house) == set(), (at, before)


def test_a_store_that_fails_is_told_of_and_stops_nothing(house: House) -> None:
    class Failing:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.store, name)

        def replace(self, *_: object) -> str:
            raise StoreError("L135", "the ledger's store forbids a needed action")

    remove(house)
    ledger = Ledger(Failing(), house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
    begun = Sweep.begin(ledger)
    error = begun.finish(ledger.actual())
    assert error is not None
    assert error.code == "L135"


def test_a_call_deals_with_a_limited_number(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 5):
        house.put(f"{number}.csv", [(str(number), "US")])
        night(house, number)
    remove(house)
    assert len(pins(house)) == 5
    monkeypatch.setattr("reconciler.apply.sweep.MOST", 2)
    counts = []
    for _ in range(6):
        sweep(house)
        counts.append(len(pins(house)))
    assert counts == [5, 3, 3, 1, 1, 0]
