"""Leases: a run that stages for long keeps its own; one that lost it stops, shows nothing and leaves nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.heartbeat import Heartbeat
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import OutcomeUnknown, StoreError
from reconciler.export.job import Interrupted
from reconciler.ledger import keys
from reconciler.ledger.records import RunRecord
from reconciler.ledger.store import AmbiguousWrite
from tests.apply.fixtures_runs import FLOW, SLOT, House

SHORT = timedelta(milliseconds=60)
HOUR = timedelta(hours=1)
PATIENCE = 30


def until(true: Callable[[], bool], what: str) -> None:
    """Waits for something that happens within moments, unless it never does."""
    for _ in range(PATIENCE * 100):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


class Slow:
    """An engine that has written its rows and then goes on until it is let go, or told to stop."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.staging, self.go = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def export(self, job: Any, access: Any, open_file: Any, progress: Any, stop: Any, *more: Any) -> Any:
        result = self.engine.export(job, access, open_file, progress, stop, *more)
        self.staging.set()
        until(lambda: self.go.is_set() or stop(), "let go or told to stop")
        if stop():
            raise Interrupted
        return result


class Runner(threading.Thread):
    """A run on a thread of its own; `result` is what became of it."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        context = house.context()
        self.engine = Slow(context.engine)
        self.context = replace(context, engine=self.engine, lease=SHORT)  # type: ignore[arg-type]
        self.result: list[RunRecord | BaseException | None] = []

    def run(self) -> None:
        try:
            self.result.append(run_flow(self.context, FLOW, Wanted(SLOT), SLOT))
        except BaseException as error:
            self.result.append(error)

    def finish(self) -> RunRecord | BaseException | None:
        self.engine.go.set()
        self.join(PATIENCE)
        return self.result[0]


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("3", "US")])
    house.apply()
    return house


@pytest.fixture
def runner(house: House) -> Iterator[Runner]:
    """One that has staged its rows and isn't done."""
    runner = Runner(house)
    runner.start()
    assert runner.engine.staging.wait(PATIENCE)
    yield runner
    runner.engine.go.set()
    runner.join(PATIENCE)


def lease_is_live(house: House) -> bool:
    run = house.head().document.open
    return run is not None and run.lease.until > house.tick


def test_a_second_runner_leaves_one_alone_that_works_longer_than_its_lease(house: House, runner: Runner) -> None:
    for _ in range(3):
        house.tick += HOUR
        until(lambda: lease_is_live(house), "renewed")
        assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is None
    found = runner.finish()
    assert isinstance(found, RunRecord)
    assert house.received() == ["1", "3"]
    assert house.head().document.abandoned == ()


def test_a_runner_that_lost_its_lease_stops_and_leaves_nothing(house: House, runner: Runner) -> None:
    run = house.head().document.open
    assert run is not None
    other = house.context()
    house.tick += HOUR
    # Renewed and taken over race here: it is taken over as soon as it is late once.
    until(lambda: taken_over(house, other, run.run_id), "taken over")
    runner.join(PATIENCE)
    assert runner.result == [None]
    assert house.received() == ["1", "3"]
    assert house.staged() == []
    assert list(house.store.list(keys.STAGED)) == []
    head = house.head().document
    assert (head.open, head.abandoned, head.condition) == (None, (), None)


def taken_over(house: House, other: Any, run_id: str) -> bool:
    house.tick += HOUR
    settle(replace(other, clock=lambda: house.tick + 2 * HOUR), FLOW, SLOT)
    head = house.head().document
    if head.open is not None and head.open.run_id == run_id:
        return False
    run_flow(other, FLOW, Wanted(SLOT), SLOT)
    return True


def test_a_person_who_stops_it_is_told_so(house: House) -> None:
    runner = Runner(house)
    runner.context = replace(runner.context, stop=runner.engine.staging.is_set)
    runner.start()
    runner.join(PATIENCE)
    assert isinstance(runner.result[0], Interrupted)
    head = house.head().document
    assert (head.open, head.abandoned) == (None, ())


# One beat ---------------------------------------------------------------------------------------------------------------


class Flaky:
    """A store whose next writes, and reads where `deaf`, fail."""

    def __init__(self, store: Any) -> None:
        self.store, self.failing, self.deaf = store, 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def read(self, key: str) -> Any:
        if self.deaf:
            raise StoreError("L130", "the ledger can't be reached")
        return self.store.read(key)

    def replace(self, key: str, body: bytes, version: str) -> str:
        if self.failing:
            self.failing -= 1
            raise AmbiguousWrite(key, "the connection was reset")
        return str(self.store.replace(key, body, version))


def test_a_ledger_that_cannot_be_reached_for_a_while_ends_nothing(house: House, runner: Runner) -> None:
    store = Flaky(house.store)
    ledger = type(house.ledger)(store, house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
    run = house.head().document.open
    assert run is not None
    heart = Heartbeat(replace(runner.context, ledger=ledger), run)
    store.failing, store.deaf = 100, True
    heart.beat()
    assert not heart.lost
    store.deaf = False
    heart.beat()
    assert not heart.lost
    store.failing = 0
    house.tick += HOUR
    heart.beat()
    assert (heart.lost, lease_is_live(house)) == (False, True)


def test_an_unknown_outcome_of_a_renewal_is_no_unknown_outcome_of_the_run(house: House, runner: Runner) -> None:
    def unknown(*_: object) -> None:
        raise OutcomeUnknown("L103", "the outcome of a ledger write is unknown")

    run = house.head().document.open
    assert run is not None
    ledger = type(house.ledger)(house.store, house.ledger.nonce, lambda _: None)
    ledger.swap = unknown  # type: ignore[assignment,method-assign]
    heart = Heartbeat(replace(runner.context, ledger=ledger), run)
    heart.beat()
    assert not heart.lost
    assert isinstance(runner.finish(), RunRecord)
