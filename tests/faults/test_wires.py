"""Processes that are killed in the middle of an effect: before each request to S3, before each change of a folder.

One side is enough: what is there after one of them is what is there before the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from reconciler.destinations import local_sweep, s3_probe
from reconciler.stores import base
from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import Kind
from tests.faults.points import ALL
from tests.faults.scenarios import BACKFILL, CREATE, PURGE, RENAME, TAKE_OVER, Scenario, effects, finish

SCENARIOS = [BACKFILL, TAKE_OVER, CREATE, RENAME, PURGE]
EVERY = {"local": 21, "s3": 31}


@pytest.fixture(autouse=True)
def a_day_later() -> Iterator[None]:
    """What killed probes left is stale by the time that the next command is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "STALE", timedelta(seconds=-1))  # a store tells its time in whole seconds
        patch.setattr(s3_probe, "STALE", timedelta(0))
        patch.setattr(local_sweep, "STALE", 0.0)
        yield


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_command_killed_within_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    names = effects(driver, build(), scenario, level="wires")
    assert len(names) > len(effects(driver, build(), scenario))
    every = 1 if ALL else EVERY[kind]
    for at in range(1 + SCENARIOS.index(scenario) % every, len(names) + 1, every):
        place = build()
        where = f"{scenario.name}: killed before {at}, {names[at - 1]}"
        scenario.prepare(place, driver)
        assert kill(driver, place, scenario.command, at, True, level="wires"), where
        look.check_instant(place, where)
        finish(place, scenario, where)
