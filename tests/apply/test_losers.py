"""Runs that lose what they had, or find the flow otherwise than it was: they leave quietly, or don't lose it for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import OpenRun, RunRecord
from tests.apply.fixtures_runs import FLOW, SLOT, House

SHORT = timedelta(milliseconds=60)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    house.apply()
    return house


class Slow:
    """An engine that, before it exports, waits for something that happens in the ledger."""

    def __init__(self, engine: Any, until: Callable[[], bool]) -> None:
        self.engine, self.until = engine, until

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def export(self, *arguments: Any) -> Any:
        pause = threading.Event()
        for _ in range(2_000):
            if self.until():
                return self.engine.export(*arguments)
            pause.wait(0.005)
        raise AssertionError("it never happened")


def slow(house: House, until: Callable[[], bool]) -> Context:
    """A runner with a short lease, by the real clock."""
    context = house.context(clock=lambda: datetime.now(UTC), lease=SHORT)
    return replace(context, engine=Slow(context.engine, until))


def open_run(house: House) -> OpenRun:
    found = house.head().document.open
    assert found is not None
    return found


def export(house: House, context: Context) -> RunRecord | None:
    return run_flow(context, FLOW, Wanted(SLOT), SLOT)


def runs(house: House) -> list[Any]:
    return [house.ledger.read(RunRecord, key) for key, _ in house.store.list(keys.RUNS)]


def test_a_released_lease_stays_released_and_its_runner_gives_up(house: House) -> None:
    asked: list[bool] = []

    def released_and_seen() -> bool:
        head = house.head()
        run = head.document.open
        assert run is not None
        if not asked:
            over = run.lease.model_copy(update={"until": run.claimed_at})
            house.ledger.swap(head, transitions.renew(head.document, run.run_id, over, nonce=house.ledger.nonce()))
            asked.append(True)
            return False
        assert run.lease.until == run.claimed_at
        return not any(each.name.startswith("lease of ") for each in threading.enumerate())

    assert export(house, slow(house, released_and_seen)) is None
    head = house.head().document
    assert (head.open, head.abandoned, head.condition) == (None, (), None)
    assert (house.received(), house.staged()) == ([], [])
    assert export(house, house.context()) is not None
    assert house.received() == ["1", "3"]


def test_a_runner_that_was_overtaken_leaves_quietly_whatever_it_meets(house: House) -> None:
    """Its files were discarded under its hands, and it is no news that they are gone."""

    def overtaken() -> bool:
        house.tick += timedelta(days=1)
        assert export(house, house.context()) is not None
        house.put("a.csv", [("9", "US")])
        return True

    context = house.context()
    assert export(house, replace(context, engine=Slow(context.engine, overtaken))) is None
    head = house.head().document
    assert (head.open, head.abandoned, head.condition) == (None, (), None)
    assert (house.received(), house.staged()) == (["1", "3"], [])
    assert len(runs(house)) == 1


def test_a_head_that_changed_otherwise_is_no_reason_to_lose_the_work(house: House) -> None:
    class Busy:
        """A store in which somebody touches the head right before each swap that decides, a few times."""

        def __init__(self, store: Any, times: int) -> None:
            self.store, self.times = store, times

        def __getattr__(self, name: str) -> Any:
            return getattr(self.store, name)

        def replace(self, key: str, body: bytes, version: str) -> str:
            if b'"phase":"publishing"' in body and self.times:
                self.times -= 1
                head = house.head()
                house.ledger.swap(head, transitions.conditioned(head.document, None, nonce=house.ledger.nonce()))
            return str(self.store.replace(key, body, version))

    busy = Busy(house.store, 3)
    ledger = type(house.ledger)(busy, house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
    assert export(house, replace(house.context(), ledger=ledger)) is not None
    assert busy.times == 0
    assert (house.received(), house.staged()) == (["1", "3"], [])


def test_a_flow_that_was_suspended_after_it_was_seen_due_is_not_exported(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    house.apply(suspend=True)
    assert export(house, house.context()) is None
    assert house.received() == []
