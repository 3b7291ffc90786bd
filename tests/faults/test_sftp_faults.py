"""Kills, sleepers and races over an SFTP destination; one scenario with files encrypted.

The protocol is that of every other destination: so a sample of it by default, and all of it with `RECONCILER_FAULTS=all`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.destinations import sftp_probe
from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import Kind, applied, done
from tests.faults.points import ALL, sampled
from tests.faults.scenarios import APPLIES, BACKFILL, KEPT, PURGE, RENAME, REPLACE, RUNS, Scenario, effects, finish
from tests.faults.test_kills import killed
from tests.faults.test_races import NIGHT, RUNNERS, race
from tests.faults.test_sleepers import Sleeper

SFTP = pytest.mark.parametrize("kind", ["sftp"], indirect=True)
OTHERS = [*RUNS[1:], *APPLIES, *KEPT] if ALL else [RENAME, PURGE, REPLACE]


@pytest.fixture(autouse=True)
def a_day_later() -> Iterator[None]:
    """What killed probes left is stale by the time that the next command is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sftp_probe, "STALE", 0)
        yield


@SFTP
def test_a_backfill_killed_at_an_effect_is_completed_by_the_next(driver: Driver, build: Build, kind: Kind) -> None:
    names = effects(driver, build(), BACKFILL)
    assert {"stage", "finish", "publish"} <= set(names)
    for point in sampled(len(names), 4):
        killed(driver, build, BACKFILL, names, point)


@SFTP
@pytest.mark.parametrize("scenario", OTHERS, ids=lambda each: each.name)
def test_any_command_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario
) -> None:
    names = effects(driver, build(), scenario)
    for point in sampled(len(names), 20, OTHERS.index(scenario)):
        killed(driver, build, scenario, names, point)


@SFTP
@pytest.mark.parametrize("scenario", [BACKFILL, REPLACE], ids=lambda each: each.name)
def test_a_command_killed_between_requests_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario
) -> None:
    names = effects(driver, build(), scenario, level="wires")
    asked = [at for at, name in enumerate(names, 1) if name.startswith("sftp ")]
    assert {"sftp open", "sftp write", "sftp rename"} <= set(names)
    for at in asked if ALL else asked[::11]:
        place = build()
        where = f"{scenario.name}: killed before {at}, {names[at - 1]}"
        scenario.prepare(place, driver)
        assert kill(driver, place, scenario.command, at, True, level="wires"), where
        look.check_instant(place, where)
        finish(place, scenario, where)


@SFTP
def test_a_runner_wakes_after_another_took_over(driver: Driver, build: Build) -> None:
    names = effects(driver, build(), BACKFILL)
    for point in sampled(len(names), 9):
        place = applied(build())
        where = point.said("stopped", names)
        sleeper = Sleeper(driver, place, NIGHT, point)
        done(place, *NIGHT)
        look.check_settled(place, f"{where}; asleep")
        code, text = sleeper.wake()
        assert code == 0, (where, text)
        look.check_settled(place, f"{where}; woken")
        finish(place, BACKFILL, where)


@SFTP
@pytest.mark.parametrize("lease", [True, False])
def test_eight_runners_export_a_slot_once(driver: Driver, build: Build, lease: bool) -> None:
    for _ in range(10 if ALL else 1):
        place = applied(build())
        reports = race(driver, place, [NIGHT] * RUNNERS, lease=lease)
        assert {each["code"] for each in reports} == {0}, reports
        assert sum("✓ export" in each["text"] for each in reports) == 1, reports
        finish(place, BACKFILL, "eight raced")


@pytest.mark.parametrize("kind", ["pgp"], indirect=True)
def test_an_encrypted_backfill_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, kind: Kind
) -> None:
    """Other bytes than the killed runner's, or the very ones that it staged: each reader's rows once."""
    names = effects(driver, build(), BACKFILL)
    assert {"stage", "finish", "publish"} <= set(names)
    for point in sampled(len(names), 7):
        killed(driver, build, BACKFILL, names, point)
