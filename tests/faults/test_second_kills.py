"""The command that completes what a killed one left is killed as well, at an effect of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import Kind
from tests.faults.points import ALL, Point, both_sides, sampled
from tests.faults.scenarios import BACKFILL, PURGE, REBUILD, RENAME, Scenario, effects, finish

SCENARIOS = [BACKFILL, REBUILD, RENAME, PURGE]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_two_crashes_in_a_row(driver: Driver, build: Build, scenario: Scenario, kind: Kind) -> None:
    names = effects(driver, build(), scenario)
    every = (3 if scenario is BACKFILL else 6) if kind == "local" else 12
    twice = 0
    for number, first in enumerate(sampled(len(names), every, SCENARIOS.index(scenario))):
        for second in seconds(number):
            place = build()
            where = f"{scenario.name}: {first.said('killed', names)}, then at {second}"
            scenario.prepare(place, driver)
            assert kill(driver, place, scenario.command, *first), where
            again = kill(driver, place, scenario.command, *second)
            twice += again
            look.check_instant(place, where)
            finish(place, scenario, where)
            if not again:
                break  # it has no effect of this number any more
    assert twice


def seconds(number: int) -> Iterator[Point]:
    """Effects of the second command: all that it has, or one, another for every first."""
    if ALL:
        yield from both_sides(1_000)
        return
    at = itertools.islice(itertools.cycle((2, 5, 1, 9, 3, 7, 4, 12, 6)), number, None)
    yield Point(next(at), number % 2 == 0)
