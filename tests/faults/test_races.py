"""Many runners at once, runners that sleep through their lease, and answers that never arrive: exported once."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply.runs import Wanted, run_flow
from tests.faults.driver import Driver, Order
from tests.faults.place import FLOW, SLOT, Build, FaultHouse, Place, furnished
from tests.servers.faultproxy import Answer, Fault, FaultProxy, Lose, Request, Rule
from tests.servers.s3 import S3Server

RUNNERS = 8
LATER = (SLOT + timedelta(hours=1)).isoformat()


def race(driver: Driver, place: Place, tick: str) -> list[dict[str, object]]:
    """What eight runners report that begin at the same moment."""
    go = f"{place.root}/go"
    orders = [Order(place, f"{place.root}/racer-{n}.json", tick=tick, go=go) for n in range(RUNNERS)]
    pids = [driver.start(each) for each in orders]
    Path(go).touch()
    states = [driver.wait(pid) for pid in pids]
    reports = [json.loads(Path(each.report).read_text()) for each in orders]
    assert states == [{"code": 0}] * RUNNERS, reports
    return reports


def test_eight_runners_export_a_slot_once(driver: Driver, build: Build) -> None:
    for _ in range(3):
        place = build()
        reports = race(driver, place, SLOT.isoformat())
        assert sum(bool(each["exported"]) for each in reports) == 1
        FaultHouse(place).check("eight raced")


def test_eight_runners_complete_what_a_killed_one_left(driver: Driver, build: Build) -> None:
    """Whatever was left: undecided, decided, half published, published and not recorded."""
    names = driver.run(Order(place := build(), f"{place.root}/report.json"))["effects"]
    for at in range(1, len(names) + 1):
        place = build()
        state = driver.wait(driver.start(Order(place, f"{place.root}/killed.json", at, before=False)))
        assert state == {"code": -signal.SIGKILL}
        race(driver, place, LATER)
        # A racer that lost a swap leaves; what it saw half done may wait for the next call.
        driver.run(Order(place, f"{place.root}/last.json", tick=LATER))
        FaultHouse(place).check(f"killed after effect {at}, {names[at - 1]}, then eight raced")


def test_a_stopped_runner_wakes_after_another_took_over(driver: Driver, build: Build) -> None:
    names = driver.run(Order(place := build(), f"{place.root}/report.json"))["effects"]
    for at, name in enumerate(names, 1):
        for before in (True, False):
            place = build()
            where = f"stopped {'before' if before else 'after'} effect {at}, {name}"
            sleeper = Order(place, f"{place.root}/sleeper.json", at, before, signal.SIGSTOP)
            pid = driver.start(sleeper)
            assert driver.wait(pid) == {"stopped": True}, where
            driver.run(Order(place, f"{place.root}/other.json", tick=LATER))
            FaultHouse(place).check(f"{where}; asleep")
            driver.wake(pid)
            woken(driver, pid, sleeper, where)
            driver.run(Order(place, f"{place.root}/last.json", tick=LATER))
            FaultHouse(place).check(where)


def test_a_runner_that_wakes_and_then_fails_leaves_nothing(driver: Driver, build: Build) -> None:
    """Its run was discarded while it slept; what it stages afterwards, only it can remove."""
    names = driver.run(Order(place := build(), f"{place.root}/report.json"))["effects"]
    place = build()
    sleeper = Order(place, f"{place.root}/sleeper.json", names.index("stage") + 1, True, signal.SIGSTOP)
    pid = driver.start(sleeper)
    assert driver.wait(pid) == {"stopped": True}
    driver.run(Order(place, f"{place.root}/other.json", tick=LATER))
    FaultHouse(place).put("a.csv", [("9", "US")])
    driver.wake(pid)
    assert driver.wait(pid) == {"code": 0}  # what it met is no news of a flow that another has taken over
    FaultHouse(place).check("woken, then failed")


def woken(driver: Driver, pid: int, sleeper: Order, where: str) -> None:
    """It leaves quietly, or says that what it was staging is gone: it was discarded under its hands."""
    state = driver.wait(pid)
    report = json.loads(Path(sleeper.report).read_text())
    assert state == {"code": 0} or "DestinationError: " in report["error"], (where, report)


# Answers that never arrive ---------------------------------------------------------------------------------------------


def is_conditional_write(request: Request) -> bool:
    return request.conditional and request.method in ("PUT", "DELETE")


def is_completion(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.path


LOST = {"reset": Lose(), "500": Answer(500, after=True), "503": Answer(503, "SlowDown", after=True)}


@pytest.mark.parametrize("fault", LOST.values(), ids=LOST)
def test_no_conditional_write_and_no_completion_is_ever_answered(
    seaweed_server: S3Server, seaweed_proxy: FaultProxy, tmp_path: Path, fault: Fault
) -> None:
    place = furnished(Place(str(tmp_path), seaweed_server.create_bucket("faults"), "deaf", seaweed_server))
    deaf = Place(place.root, place.bucket, place.prefix, seaweed_server.at(seaweed_proxy.endpoint))
    seaweed_proxy.add(Rule(fault, when=is_conditional_write))
    seaweed_proxy.add(Rule(fault, when=is_completion))
    record = run_flow(FaultHouse(deaf).context(), FLOW, Wanted(SLOT), SLOT)
    assert record is not None
    assert seaweed_proxy.fired() >= 7
    assert any(is_completion(each) for each in seaweed_proxy.seen)
    FaultHouse(place).check("no answers")
    assert run_flow(FaultHouse(deaf).context(), FLOW, Wanted(SLOT), SLOT) is None
    FaultHouse(place).check("no answers, again")


def test_each_answer_is_lost_once_in_turn(seaweed_server: S3Server, seaweed_proxy: FaultProxy, tmp_path: Path) -> None:
    bucket = seaweed_server.create_bucket("faults")
    nth = 0
    while True:
        nth += 1
        place = furnished(Place(str(tmp_path / str(nth)), bucket, f"turn-{nth}", seaweed_server))
        deaf = Place(place.root, bucket, place.prefix, seaweed_server.at(seaweed_proxy.endpoint))
        seaweed_proxy.clear()
        seaweed_proxy.add(Rule(Lose(), when=lambda each: is_conditional_write(each) or is_completion(each), nth=nth))
        assert run_flow(FaultHouse(deaf).context(), FLOW, Wanted(SLOT), SLOT) is not None
        FaultHouse(place).check(f"answer {nth} lost")
        if seaweed_proxy.fired() == 0:
            break
    assert nth > 7
