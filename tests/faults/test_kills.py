"""Commands that are killed by SIGKILL before and after every effect, and what the next ones make of it."""

from __future__ import annotations

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import Kind
from tests.faults.points import Point, both_sides, covering, sampled
from tests.faults.scenarios import APPLIES, BACKFILL, KEPT, RENAME, RUNS, Scenario, effects, finish

OTHERS = [*RUNS[1:], *APPLIES]


def test_a_backfill_killed_before_and_after_any_effect_is_completed_by_the_next(
    driver: Driver, build: Build, kind: Kind
) -> None:
    names = effects(driver, build(), BACKFILL)
    assert {"create", "replace", "delete", "stage", "finish", "publish"} <= set(names)
    points = both_sides(len(names)) if kind == "local" else sampled(len(names), 2)
    for point in covering(kind, names, points):
        killed(driver, build, BACKFILL, names, point)


@pytest.mark.parametrize("scenario", OTHERS, ids=lambda each: each.name)
def test_any_command_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    names = effects(driver, build(), scenario)
    every = 4 if kind == "local" else 16
    for point in covering(kind, names, sampled(len(names), every, OTHERS.index(scenario))):
        killed(driver, build, scenario, names, point)


@pytest.mark.parametrize("scenario", KEPT, ids=lambda each: each.name)
def test_what_gives_way_or_goes_does_so_whole(driver: Driver, build: Build, scenario: Scenario, kind: Kind) -> None:
    """Killed around each deletion and each publication: the order of these is what a reader relies on."""
    names = effects(driver, build(), scenario)
    telling = [at for at, name in enumerate(names, 1) if name in ("delete", "publish")]
    assert len(telling) > 3
    for at in telling[:: 1 if kind == "local" else 3]:
        killed(driver, build, scenario, names, Point(at, False))
    for point in sampled(len(names), 6 if kind == "local" else 20, KEPT.index(scenario)):
        killed(driver, build, scenario, names, point)


@pytest.mark.parametrize("kind", ["s3-ledger", "s3-destination"], indirect=True)
@pytest.mark.parametrize("scenario", [BACKFILL, RENAME], ids=lambda each: each.name)
def test_a_ledger_elsewhere_than_the_destination(driver: Driver, build: Build, scenario: Scenario) -> None:
    names = effects(driver, build(), scenario)
    for point in sampled(len(names), 9):
        killed(driver, build, scenario, names, point)


def killed(driver: Driver, build: Build, scenario: Scenario, names: list[str], point: Point) -> None:
    place = build()
    where = f"{scenario.name}: {point.said('killed', names)}"
    scenario.prepare(place, driver)
    assert kill(driver, place, scenario.command, *point), where
    look.check_instant(place, where)
    finish(place, scenario, where)
