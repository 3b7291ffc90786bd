"""Handing over between two projects, killed at each effect, whichever project is applied next: exported once, and no gap."""

from __future__ import annotations

import pytest

from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, kill
from tests.faults.place import APPLIED, FIRST, SLOTS, Declared, Kind, Place, call, declare, done, put
from tests.faults.points import sampled
from tests.faults.scenarios import (
    ADOPT,
    ADOPT_DECIDED,
    ADOPTED,
    APPLY,
    OFFERED,
    RUN,
    SECOND,
    Scenario,
    effects,
    finish,
)
from tests.faults.test_races import race

pytestmark = pytest.mark.parametrize("kind", ["local"], indirect=True)


def owner(place: Place) -> str:
    return str(look.heads(look.ledger(place))["box/audience/us"]["owner"])


@pytest.mark.parametrize("scenario", [ADOPT, ADOPT_DECIDED], ids=lambda each: each.name)
def test_the_old_project_is_applied_between_two_tries_of_the_new_one(
    driver: Driver, build: Build, scenario: Scenario, kind: Kind
) -> None:
    """Whatever the killed apply got done: the flow is of one of the two, and the old one's apply and the next night do no harm."""
    names = effects(driver, build(), scenario)
    owners = set()
    for point in sampled(len(names), 3):
        place = build()
        where = f"{scenario.name}, then the old project: {point.said('killed', names)}"
        scenario.prepare(place, driver)
        assert kill(driver, place, scenario.command, *point), where
        owners.add(owner(place))
        look.check_instant(place, where)
        declare(place, OFFERED)
        done(place, *scenario.command)
        look.check_instant(place, where)
        declare(place, ADOPTED)
        finish(place, scenario, where)
        assert owner(place) == "agency", where
    assert owners == {"shop", "agency"}


def offering(place: Place, driver: Driver) -> None:
    declare(place)
    put(place, "a.csv", FIRST)
    done(place, *APPLY, APPLIED)
    done(place, *RUN, SLOTS[0])
    put(place, "b.csv", SECOND)
    declare(place, OFFERED)


OFFER = Scenario("offer", offering, (*APPLY, SLOTS[1]), ADOPT.expected)


def test_an_offer_that_is_killed_anywhere_stops_nothing(driver: Driver, build: Build, kind: Kind) -> None:
    """The new project is applied next: it is refused, or takes over; then the offer is made again, or is known to be taken."""
    names = effects(driver, build(), OFFER)
    codes = set()
    for point in sampled(len(names), 3):
        place = build()
        where = f"offer: {point.said('killed', names)}"
        OFFER.prepare(place, driver)
        assert kill(driver, place, OFFER.command, *point), where
        declare(place, ADOPTED)
        codes.add(call(place, *OFFER.command).code)
        look.check_instant(place, where)
        declare(place, OFFERED)
        finish(place, OFFER, where)
    assert codes == {0, 4}


def test_adoptions_and_runs_at_once(driver: Driver, build: Build, kind: Kind) -> None:
    """Some applies come too late; in the end everything was exported once, whoever exported it."""
    place = build()
    ADOPT.prepare(place, driver)
    reports = race(driver, place, [ADOPT.command, (*RUN, SLOTS[1])] * 4)
    assert {each["code"] for each in reports} <= {0, 5, 6}, reports
    finish(place, ADOPT, "an adoption and runs raced")
    assert owner(place) == "agency"


def test_a_withdrawn_offer_leaves_everything_where_it_was(driver: Driver, build: Build, kind: Kind) -> None:
    place = build()
    offering(place, driver)
    done(place, *APPLY, SLOTS[0])
    declare(place, Declared())
    done(place, *APPLY, SLOTS[0])
    declare(place, ADOPTED)
    refused = call(place, *APPLY, SLOTS[1])
    assert (refused.code, "G170" in refused.text) == (4, True), refused
    declare(place, Declared())
    finish(place, OFFER, "withdrawn")
    assert owner(place) == "shop"
