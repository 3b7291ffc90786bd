"""Kills, sleepers, races and lost answers over a destination of any type but `local` and `s3`, whose ledger is a folder; one scenario
with files encrypted.

The protocol is that of every other destination: so a sample of it by default, and all of it with `RECONCILER_FAULTS=all`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.destinations import moving_probe, sftp_probe
from tests.faults import look
from tests.faults.clouds import CLOUDS, OTHERS
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import Kind, Place, applied, call, done
from tests.faults.points import ALL, sampled, tried
from tests.faults.scenarios import (
    APPLIES,
    BACKFILL,
    CREATE,
    KEPT,
    PURGE,
    REPLACE,
    RUNS,
    Scenario,
    effects,
    finish,
)
from tests.faults.test_kills import killed
from tests.faults.test_races import NIGHT, RUNNERS, exported, race
from tests.faults.test_sleepers import Sleeper
from tests.servers.faultproxy import Answer, Fault, FaultProxy, Lose, Request, Rule

LISTED = ["sftp", *OTHERS]
TYPES = pytest.mark.parametrize("kind", LISTED, indirect=True)
SCENARIOS = [*RUNS[1:], *APPLIES, *KEPT] if ALL else [PURGE, REPLACE]
WIRES = {
    "sftp": {"sftp open", "sftp write", "sftp rename"},
    "azure-blob": {"http PUT block", "http PUT blocklist"},
    "adls-gen2": {"http PATCH append", "http PATCH flush", "http PUT move"},
    "gcs": {"http POST resumable", "http POST move"},
    "sqlar": {"sql insert", "sql commit"},
}
"""Some of what is sent to the destination, by type."""


@pytest.fixture(autouse=True)
def a_day_later() -> Iterator[None]:
    """What killed probes left is stale by the time that the next command is called."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sftp_probe, "STALE", 0)
        patch.setattr(moving_probe, "STALE", timedelta(0))
        yield


@TYPES
def test_a_backfill_killed_at_an_effect_is_completed_by_the_next(driver: Driver, build: Build, kind: Kind) -> None:
    names = effects(driver, build(), BACKFILL)
    assert {"stage", "finish", "publish"} <= set(names)
    for point in sampled(len(names), 9, LISTED.index(kind)):
        killed(driver, build, BACKFILL, names, point)


@TYPES
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_any_command_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    names = effects(driver, build(), scenario)
    for point in sampled(len(names), 60, 7 * LISTED.index(kind) + 3):
        killed(driver, build, scenario, names, point)


@TYPES
@pytest.mark.parametrize(
    "scenario", [BACKFILL, REPLACE, PURGE, CREATE] if ALL else [BACKFILL], ids=lambda each: each.name
)
def test_a_command_killed_between_requests_is_completed_by_the_next(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    names = effects(driver, build(), scenario, level="wires")
    asked = [at for at, name in enumerate(names, 1) if name.startswith(("sftp ", "http ", "sql "))]
    if scenario in (BACKFILL, REPLACE):
        assert WIRES[kind] <= set(names)
    for at in asked if ALL else asked[LISTED.index(kind) :: 17]:
        place = build()
        where = f"{scenario.name}: killed before {at}, {names[at - 1]}"
        scenario.prepare(place, driver)
        assert kill(driver, place, scenario.command, at, True, level="wires"), where
        look.check_instant(place, where)
        finish(place, scenario, where)


@TYPES
def test_a_runner_wakes_after_another_took_over(driver: Driver, build: Build, kind: Kind) -> None:
    names = effects(driver, build(), BACKFILL)
    for point in sampled(len(names), 19, 3 * LISTED.index(kind)):
        place = applied(build())
        where = point.said("stopped", names)
        sleeper = Sleeper(driver, place, NIGHT, point)
        done(place, *NIGHT)
        look.check_settled(place, f"{where}; asleep")
        code, text = sleeper.wake()
        assert code == 0, (where, text)
        look.check_settled(place, f"{where}; woken")
        finish(place, BACKFILL, where)


@TYPES
@pytest.mark.parametrize("lease", [True, False] if ALL else [True])
def test_eight_runners_export_a_slot_once(driver: Driver, build: Build, lease: bool) -> None:
    for _ in range(10 if ALL else 1):
        place = applied(build())
        reports = race(driver, place, [NIGHT] * RUNNERS, lease=lease)
        assert {each["code"] for each in reports} == {0}, reports
        assert exported(reports) == 1, reports
        finish(place, BACKFILL, "eight raced")


LOST: dict[str, Fault] = {"reset": Lose(), "503": Answer(503, "ServerBusy", after=True)}


def _changes_something(request: Request) -> bool:
    return request.method not in ("GET", "HEAD")


def _through(proxy: FaultProxy, place: Place) -> Place:
    """The place, its destination reached through a proxy without rules as yet."""
    assert place.cloud is not None
    proxy.clear()
    return replace(place, cloud=place.cloud.through(proxy.endpoint))


@pytest.mark.parametrize("kind", CLOUDS, indirect=True)
@pytest.mark.parametrize("name", LOST if ALL else ["reset"])
@pytest.mark.parametrize("scenario", [BACKFILL, CREATE, PURGE] if ALL else [BACKFILL], ids=lambda each: each.name)
def test_each_answer_is_lost_once_in_turn(
    driver: Driver, build: Build, scenario: Scenario, name: str, kind: Kind
) -> None:
    """Of every request that changes anything. A command that says that it failed, or doesn't know, is called again."""
    first = build()
    assert first.cloud is not None
    with FaultProxy(first.cloud.endpoint) as proxy:
        for nth in itertools.count(1 if ALL else 1 + CLOUDS.index(kind), 1 if ALL else 13):
            place = _through(proxy, build())
            scenario.prepare(place, driver)
            where = f"{scenario.name}: answer {nth} is {LOST[name]}"
            proxy.clear()
            proxy.add(Rule(LOST[name], when=_changes_something, nth=nth))
            called = call(place, *scenario.command)
            fired = proxy.fired()
            tried["answers lost"] += fired
            proxy.clear()
            look.check_instant(place, where)
            assert called.code == 0 or fired, (where, called)
            assert "Traceback" not in called.text, (where, called)
            finish(place, scenario, where)
            if not fired:
                break


@pytest.mark.parametrize("kind", ["pgp"], indirect=True)
def test_an_encrypted_backfill_killed_at_an_effect_is_completed_by_the_next(
    driver: Driver, build: Build, kind: Kind
) -> None:
    """Other bytes than the killed runner's, or the very ones that it staged: each reader's rows once."""
    names = effects(driver, build(), BACKFILL)
    assert {"stage", "finish", "publish"} <= set(names)
    for point in sampled(len(names), 7):
        killed(driver, build, BACKFILL, names, point)
