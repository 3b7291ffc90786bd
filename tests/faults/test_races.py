"""Eight processes at once over one ledger, while a reader looks at the destination all the time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, Order, kill, report
from tests.faults.place import SLOTS, Kind, Place, applied
from tests.faults.points import ALL, sampled, tried
from tests.faults.scenarios import BACKFILL, INCREMENT, PURGE, REBUILD, RENAME, RUN, WIDER, Scenario, effects, finish
from tests.faults.watch import Watch

RUNNERS = 8
NIGHT = (*RUN, SLOTS[0])


def race(driver: Driver, place: Place, commands: list[tuple[str, ...]], *, lease: bool = True) -> list[dict[str, Any]]:
    """What processes report that begin at the same moment."""
    tried["races"] += 1
    go = Path(place.root, "go")
    go.unlink(missing_ok=True)
    orders = [
        Order(place.root, command, f"{place.root}/racer-{n}.json", go=str(go), lease=lease)
        for n, command in enumerate(commands)
    ]
    pids = [driver.start(each) for each in orders]
    with Watch(place) as watch:
        go.touch()
        states = [driver.wait(pid) for pid in pids]
    assert watch.looks
    reports = [report(each) for each in orders]
    assert states == [{"code": 0}] * len(orders), reports
    return reports


def exported(reports: list[dict[str, Any]]) -> int:
    """How many exports their own runners tell of. Another may publish what is decided meanwhile; it tells that it was for another."""
    lines = (line for each in reports for line in each["text"].splitlines())
    return sum("✓ export" in line and "completed for another runner" not in line for line in lines)


@pytest.mark.parametrize("kind", ["local", "s3", "s3-ledger"], indirect=True)
def test_eight_runners_export_a_slot_once(driver: Driver, build: Build, kind: Kind) -> None:
    for _ in range(20 if ALL else 2):
        place = applied(build())
        reports = race(driver, place, [NIGHT] * RUNNERS)
        assert [each["code"] for each in reports] == [0] * RUNNERS, reports
        assert exported(reports) == 1, reports
        finish(place, BACKFILL, "eight raced")


def test_eight_runners_who_all_think_that_the_others_are_dead(driver: Driver, build: Build) -> None:
    """Their leases are over at once, so that they take each other's work away: somebody gets through in the end."""
    for _ in range(10 if ALL else 1):
        place = applied(build())
        reports = race(driver, place, [NIGHT] * RUNNERS, lease=False)
        assert {each["code"] for each in reports} == {0}, reports
        finish(place, BACKFILL, "eight without leases raced")


def test_eight_runners_complete_what_a_killed_one_left(driver: Driver, build: Build, kind: Kind) -> None:
    """Whatever was left: undecided, decided, half published, published and not recorded."""
    names = effects(driver, build(), BACKFILL)
    for point in sampled(len(names), 5 if kind == "local" else 9):
        place = applied(build())
        where = f"{point.said('killed', names)}, then eight raced"
        assert kill(driver, place, NIGHT, *point), where
        reports = race(driver, place, [NIGHT] * RUNNERS)
        assert {each["code"] for each in reports} == {0}, (where, reports)
        finish(place, BACKFILL, where)


@pytest.mark.parametrize("scenario", [RENAME, PURGE], ids=lambda each: each.name)
def test_applies_and_runs_at_once(driver: Driver, build: Build, scenario: Scenario) -> None:
    """Some applies may be told that they came too late; nothing is done twice, or by halves."""
    for _ in range(10 if ALL else 1):
        place = build()
        scenario.prepare(place, driver)
        reports = race(driver, place, [scenario.command, (*RUN, SLOTS[1])] * (RUNNERS // 2))
        assert {each["code"] for each in reports} <= {0, 5, 6}, reports
        look.check_instant(place, scenario.name)
        finish(place, scenario, f"{scenario.name}: applies and runs raced")


def test_a_new_filter_and_runs_at_once(driver: Driver, build: Build) -> None:
    """The night's increment may come before it, as it was declared then: then those rows are in what comes after, too."""
    for _ in range(10 if ALL else 1):
        place = build()
        REBUILD.prepare(place, driver)
        reports = race(driver, place, [REBUILD.command, (*RUN, SLOTS[1])] * (RUNNERS // 2))
        assert {each["code"] for each in reports} <= {0, 5, 6}, reports
        night = replace(REBUILD, expected=_in_either_order)
        finish(place, night, "rebuild: applies and runs raced")


def _in_either_order(place: Place) -> Counter[str]:
    all_again = look.matching(place, WIDER)
    first = look.matching(place, files="a.csv"), look.matching(place, files="[ab].csv")
    found = look.received(place)
    return next((each + all_again for each in first if each + all_again == found), first[0] + all_again)


def test_increments_of_racing_runners_leave_no_gap(driver: Driver, build: Build) -> None:
    place = build()
    INCREMENT.prepare(place, driver)
    reports = race(driver, place, [INCREMENT.command] * RUNNERS)
    assert exported(reports) == 1, reports
    finish(place, INCREMENT, "eight raced for an increment")
