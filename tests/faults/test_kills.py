"""Runners that are killed by SIGKILL at every effect, and what the next one makes of it."""

from __future__ import annotations

import itertools
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.faults.driver import Driver, Order
from tests.faults.place import SLOT, Build, FaultHouse, Place

HOUR = timedelta(hours=1)
MUST_HAPPEN = {"create", "replace", "delete", "stage", "finish", "publish"}


def order(place: Place, number: int, at: int = 0, before: bool = True) -> Order:
    """The number-th runner at a place: an hour after the one before, when that one's lease is over."""
    tick = (SLOT + number * HOUR).isoformat()
    return Order(place, f"{place.root}/report-{number}.json", at, before, tick=tick)


def kill(driver: Driver, given: Order) -> bool:
    """Whether the run lived to the effect at which it kills itself."""
    state = driver.wait(driver.start(given))
    if state == {"code": 0}:
        return False
    assert state == {"code": -signal.SIGKILL}, (state, Path(given.report))
    return True


def effects(driver: Driver, build: Build) -> list[str]:
    """What an undisturbed run does, in order, counted by the driver."""
    place = build()
    report: dict[str, Any] = driver.run(order(place, 0))
    FaultHouse(place).check("undisturbed")
    names: list[str] = report["effects"]
    assert set(names) >= MUST_HAPPEN
    return names


def test_a_run_killed_at_any_effect_is_completed_by_the_next(driver: Driver, build: Build) -> None:
    for at, name in enumerate(effects(driver, build), 1):
        for before in (True, False):
            place = build()
            where = f"killed {'before' if before else 'after'} effect {at}, {name}"
            assert kill(driver, order(place, 0, at, before)), where
            driver.run(order(place, 1))
            FaultHouse(place).check(where)
            again = driver.run(order(place, 2))
            assert (again["exported"], again["effects"]) == (False, []), where


def test_the_resume_may_be_killed_too(driver: Driver, build: Build, kind: str) -> None:
    names = effects(driver, build)
    firsts = range(1, len(names) + 1, 1 if kind == "local" else 4)
    seconds = (1, 2, 3, 5) if kind == "local" else (1, 3)
    killed_twice = 0
    for first, second in itertools.product(firsts, seconds):
        before = (first + second) % 2 == 0
        place = build()
        where = f"killed at effect {first}, then at {second}, before={before}"
        assert kill(driver, order(place, 0, first, before)), where
        killed_twice += kill(driver, order(place, 1, second, not before))
        driver.run(order(place, 2))
        FaultHouse(place).check(where)
    assert killed_twice >= len(firsts)
