"""Runs under strategy `diff` that are killed at an effect: recipients have who they should, and no snapshot is left over."""

from __future__ import annotations

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, Order, kill, report
from tests.faults.place import SLOTS, Kind, Place, done
from tests.faults.points import covering, sampled
from tests.faults.scenarios import BACKFILL, COMPARISONS, DIFF, RUN, Scenario, effects, finish

FLOW = "box/audience/us"


def alone(place: Place, where: object) -> None:
    """The flow's own snapshot is all that the ledger keeps, once two more calls have had the time to look."""
    for slot in SLOTS[3:5]:
        done(place, *RUN, slot)
    cursor = look.heads(look.ledger(place))[FLOW]["cursor"]
    assert look.snapshots(place) == {look.run_of(cursor["snapshot"])}, where
    assert DIFF.received(place) == DIFF.expected(place), where


@pytest.mark.parametrize("scenario", COMPARISONS, ids=lambda each: each.name)
def test_a_comparison_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    names = effects(driver, build(), scenario)
    if scenario is DIFF:
        assert {"write_blob", "delete_blob", "stage", "publish"} <= set(names)
    every = 6 if kind == "local" else 20
    points = sampled(len(names), every, COMPARISONS.index(scenario))
    if scenario is DIFF:
        points = covering(kind, names, points, effects(driver, build(), BACKFILL))
    for point in points:
        place = build()
        where = f"{scenario.name}: {point.said('killed', names)}"
        scenario.prepare(place, driver)
        assert kill(driver, place, scenario.command, *point), where
        look.check_instant(place, where)
        finish(place, scenario, where)
        alone(place, where)


def test_two_runners_compare_once(driver: Driver, build: Build) -> None:
    """Both read and compare; one of them is told so, and leaves nothing."""
    for lease in (True, False):
        place = build()
        DIFF.prepare(place, driver)
        orders = [Order(place.root, DIFF.command, f"{place.root}/racer-{n}.json", lease=lease) for n in range(2)]
        pids = [driver.start(each) for each in orders]
        assert [driver.wait(pid) for pid in pids] == [{"code": 0}] * 2, [report(each) for each in orders]
        assert [report(each)["code"] for each in orders] == [0, 0], [report(each) for each in orders]
        finish(place, DIFF, "two raced")
        alone(place, "two raced")
