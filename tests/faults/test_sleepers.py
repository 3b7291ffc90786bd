"""Processes that are stopped at an effect (SIGSTOP), overtaken while they sleep, and woken (SIGCONT)."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, Order, report
from tests.faults.place import FIRST, SLOTS, Declared, Kind, Place, applied, call, declare, done, put
from tests.faults.points import Point, sampled, tried
from tests.faults.scenarios import APPLY, BACKFILL, PURGE, RENAME, RUN, Scenario, effects, finish

NIGHT = (*RUN, SLOTS[0])


class Sleeper:
    """A command that was stopped at a point."""

    def __init__(self, driver: Driver, place: Place, command: tuple[str, ...], point: Point) -> None:
        tried["stopped"] += 1
        self._driver = driver
        self._order = Order(
            place.root, command, f"{place.root}/sleeper.json", point.at, point.before, int(signal.SIGSTOP)
        )
        self._pid = driver.start(self._order)
        assert driver.wait(self._pid) == {"stopped": True}, report(self._order)

    def wake(self) -> tuple[int, str]:
        """Lets it go on to its end; its exit code, and what it said."""
        self._driver.wake(self._pid)
        assert self._driver.wait(self._pid) == {"code": 0}
        found = report(self._order)
        return int(found.get("code", -1)), str(found.get("error", found["text"]))


def test_a_runner_wakes_after_another_took_over(driver: Driver, build: Build, kind: Kind) -> None:
    names = effects(driver, build(), BACKFILL)
    for point in sampled(len(names), 3 if kind == "local" else 7):
        place = applied(build())
        where = point.said("stopped", names)
        sleeper = Sleeper(driver, place, NIGHT, point)
        done(place, *NIGHT)
        look.check_settled(place, f"{where}; asleep")
        assert look.received(place) == look.matching(place), f"{where}; asleep"
        code, text = sleeper.wake()
        assert code == 0, (where, text)
        look.check_settled(place, f"{where}; woken")
        finish(place, BACKFILL, where)


def test_a_runner_wakes_after_its_flow_was_purged(driver: Driver, build: Build, kind: Kind) -> None:
    """It shows nothing again of what is gone."""
    names = effects(driver, build(), BACKFILL)
    for point in sampled(len(names), 5 if kind == "local" else 9, 1):
        place = build()
        declare(place, Declared(on_remove="purge"))
        put(place, "a.csv", FIRST)
        done(place, *APPLY, "2054-12-01T00:00Z")
        where = f"{point.said('stopped', names)}, then purged"
        sleeper = Sleeper(driver, place, NIGHT, point)
        declare(place, Declared(flow=False))
        done(place, *APPLY, SLOTS[0])
        assert look.destination(place).files == {}, where
        code, text = sleeper.wake()
        assert code == 0, (where, text)
        assert look.destination(place).files == {}, where
        look.check_settled(place, where)


def test_a_purge_wakes_after_the_flow_came_back(driver: Driver, build: Build, kind: Kind) -> None:
    """It deletes nothing of the flow's new life."""
    names = effects(driver, build(), PURGE)
    for point in sampled(len(names), 4 if kind == "local" else 11):
        place = build()
        PURGE.prepare(place, driver)
        where = f"purge {point.said('stopped', names)}, then added again"
        sleeper = Sleeper(driver, place, PURGE.command, point)
        done(place, *PURGE.command)
        declare(place, Declared(on_remove="purge"))
        done(place, *APPLY, SLOTS[1])
        done(place, *RUN, SLOTS[2])
        assert look.received(place) == look.matching(place), where
        sleeper.wake()
        assert look.received(place) == look.matching(place), where
        look.check_settled(place, where)


def test_a_runner_wakes_after_a_person_ended_its_run(driver: Driver, build: Build, kind: Kind) -> None:
    """Its run was held, since something else had the manifest's name, and was ended by hand: it shows nothing more."""
    names = effects(driver, build(), BACKFILL)
    manifest = len(names) - names[::-1].index("publish")
    for at in range(names.index("publish") + 1, manifest + 1):
        place = applied(build())
        where = f"{Point(at, True).said('stopped', names)}, then ended by hand"
        sleeper = Sleeper(driver, place, NIGHT, Point(at, True))
        (run,) = [each["open"] for each in look.heads(look.ledger(place)).values()]
        look.occupy(place, f"{run['folder']}/_manifest-{run['runId']}.json")
        assert "D120" in call(place, *NIGHT).text, where
        done(place, "ledger", "abandon", run["runId"])
        shown = look.destination(place)
        sleeper.wake()
        assert look.destination(place) == shown, where
        assert shown.hidden == [], where
        documents = look.ledger(place)
        (record,) = [each for key, each in documents.items() if key.startswith("runs/")]
        assert (record["outcome"], sorted(each["path"] for each in record["files"])) == ("abandoned", shown.parts), (
            where
        )
        (head,) = look.heads(documents).values()
        assert (head.get("open"), head["abandoned"], head.get("cursor")) == (None, [], None), where


@pytest.mark.parametrize("scenario", [RENAME], ids=lambda each: each.name)
def test_an_apply_wakes_after_another_did_its_work(
    driver: Driver, build: Build, kind: Kind, scenario: Scenario
) -> None:
    names = effects(driver, build(), scenario)
    for point in sampled(len(names), 6 if kind == "local" else 13):
        place = build()
        scenario.prepare(place, driver)
        where = f"{scenario.name}: {point.said('stopped', names)}"
        sleeper = Sleeper(driver, place, scenario.command, point)
        done(place, *scenario.command)
        code, text = sleeper.wake()
        assert code in (0, 5, 6), (where, text)
        finish(place, scenario, where)


def _changed(place: Place) -> None:
    put(place, "a.csv", [("9", "US")])


def _gone(place: Place) -> None:
    declare(place, Declared(flow=False))
    done(place, *APPLY, SLOTS[0])


@pytest.mark.parametrize("meanwhile", [_changed, _gone], ids=["source-changed", "flow-removed"])
def test_a_runner_that_wakes_and_meets_trouble_leaves_nothing(
    driver: Driver, build: Build, meanwhile: Callable[[Place], None]
) -> None:
    """Its run was ended while it slept; what it stages afterwards, only it can remove."""
    names = effects(driver, build(), BACKFILL)
    place = applied(build())
    sleeper = Sleeper(driver, place, NIGHT, Point(names.index("stage") + 1, True))
    done(place, *NIGHT)
    shown = look.destination(place).files
    meanwhile(place)
    code, text = sleeper.wake()
    assert code == 0, text
    assert look.destination(place).files == shown
    look.check_settled(place, "woken into trouble")
