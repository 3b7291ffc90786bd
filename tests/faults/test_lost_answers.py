"""Requests whose answers never come: the store did what it was asked, and nobody hears of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.faults import clients, look
from tests.faults.conftest import Build
from tests.faults.driver import Driver
from tests.faults.place import SLOTS, Place, applied, call, done
from tests.faults.points import ALL, tried
from tests.faults.scenarios import BACKFILL, CREATE, PURGE, RENAME, RUN, Scenario, finish
from tests.servers.faultproxy import Answer, Fault, FaultProxy, Hang, Lose, Request, Rule
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.parametrize("kind", ["s3"], indirect=True)
NIGHT = (*RUN, SLOTS[0])
SECONDS = 0.5
LOST: dict[str, Fault] = {
    "reset": Lose(),
    "500": Answer(500, after=True),
    "503": Answer(503, "SlowDown", after=True),
    "409": Answer(409, "ConditionalRequestConflict", after=True),
    "412": Answer(412, "PreconditionFailed", after=True),
    "time-out": Hang(3 * SECONDS),
}


@contextmanager
def patience(name: str) -> Iterator[None]:
    """Clients that don't wait for long, where they would have to."""
    if name == "time-out":
        clients.patience.append(SECONDS)
    try:
        yield
    finally:
        clients.patience.clear()


@pytest.fixture(scope="module")
def proxy(seaweed_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(seaweed_server.endpoint) as found:
        yield found


def is_conditional_write(request: Request) -> bool:
    return request.conditional and request.method in ("PUT", "DELETE")


def is_completion(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.path


def changes_something(request: Request) -> bool:
    return request.method not in ("GET", "HEAD")


def may_be_answered_so(name: str) -> Callable[[Request], bool]:
    """Done and denied is what a condition brings, where the store's own side tried twice; the rest can happen to all."""
    if name in ("409", "412"):
        return lambda request: is_conditional_write(request) or is_completion(request)
    return changes_something


def through(proxy: FaultProxy, place: Place) -> Place:
    """The place, its server reached through a proxy without rules as yet."""
    assert place.server is not None
    proxy.clear()
    return replace(place, server=place.server.at(proxy.endpoint))


@pytest.mark.parametrize("name", LOST)
def test_no_conditional_write_and_no_completion_is_ever_answered(build: Build, proxy: FaultProxy, name: str) -> None:
    place = applied(through(proxy, build()))
    proxy.clear()
    proxy.add(Rule(LOST[name], when=is_conditional_write))
    proxy.add(Rule(LOST[name], when=is_completion))
    with patience(name):
        done(place, *NIGHT)
    assert proxy.fired() >= 10
    tried["answers lost"] += proxy.fired()
    assert any(is_completion(each) for each in proxy.seen)
    proxy.clear()
    finish(place, BACKFILL, "no answers")


SCENARIOS = (BACKFILL, CREATE, RENAME, PURGE)
TURNS = [
    pytest.param(scenario, name, id=f"{scenario.name}-{name}")
    for scenario, name in itertools.product(SCENARIOS, LOST)
    if ALL or scenario is BACKFILL or name == "reset"
]


@pytest.mark.parametrize(("scenario", "name"), TURNS)
def test_each_answer_is_lost_once_in_turn(
    driver: Driver, build: Build, proxy: FaultProxy, scenario: Scenario, name: str
) -> None:
    """Of every request that changes anything. A command that says that it failed, or doesn't know, is called again."""
    every = 1 if ALL else 4 if (scenario, name) == (BACKFILL, "reset") else 15
    for nth in itertools.count(1 + list(LOST).index(name) % every, every):
        place = through(proxy, build())
        scenario.prepare(place, driver)
        where = f"{scenario.name}: answer {nth} is {LOST[name]}"
        proxy.clear()
        with patience(name):
            proxy.add(Rule(LOST[name], when=may_be_answered_so(name), nth=nth))
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
