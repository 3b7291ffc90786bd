"""What is done when something breaks: a night's run, an apply; and what must be there in the end.

Each scenario prepares a place, names the command that is to be broken, and says what all files together must hold once
the same command was called again and the next night has passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults import look
from tests.faults.driver import Driver, Order, kill
from tests.faults.mine import Level
from tests.faults.place import (
    APPLIED,
    FIRST,
    SLOTS,
    Declared,
    Place,
    applied,
    declare,
    declare_more,
    done,
    furnished,
    put,
)

RUN = ("run", "--at")
APPLY = ("apply", "--yes", "--allow-removals", "all", "--at")
SECOND, THIRD = (("5", "US"), ("6", "FR")), (("7", "US"), ("8", "US"), ("9", "DE"))
WIDER = "country IN ('US', 'DE')"


@dataclass(frozen=True)
class Scenario:
    """`command` is broken, then called again; then the next night passes, with new data.

    `expected`: how often each id has been received by then. `flow`: whose cursor stands on all data then; empty: there
    is none. `received`: what a recipient has of each id.
    """

    name: str
    prepare: Callable[[Place, Driver], None]
    command: tuple[str, ...]
    expected: Callable[[Place], Counter[str]]
    flow: str = "box/audience/us"
    received: Callable[[Place], Counter[str]] = look.received


_known: dict[tuple[str, str, Level], list[str]] = {}


def effects(driver: Driver, place: Place, scenario: Scenario, *, level: Level = "ports") -> list[str]:
    """What the command does undisturbed, in order, counted by the driver: once for each kind of place in this process."""
    key = (place.kind, scenario.name, level)
    if key not in _known:
        _known[key] = _effects(driver, place, scenario, level)
    return _known[key]


def _effects(driver: Driver, place: Place, scenario: Scenario, level: Level) -> list[str]:
    scenario.prepare(place, driver)
    report = driver.run(Order(place.root, scenario.command, f"{place.root}/report.json", level=level))
    assert report["code"] == 0, report
    finish(place, scenario, f"{scenario.name}, undisturbed")
    names: list[str] = report["effects"]
    assert names
    return names


def _die(place: Place, driver: Driver, command: tuple[str, ...], effect: str, nth: int) -> None:
    """A command whose process is killed right after its n-th effect of a name."""
    assert kill(driver, place, command, nth, False, only=effect)


def finish(place: Place, scenario: Scenario, where: object) -> None:
    """Calls the command again, lets the next night pass, and checks everything."""
    done(place, *scenario.command)
    look.check_instant(place, where)
    put(place, "z.csv", THIRD)
    done(place, *RUN, SLOTS[2])
    look.check_settled(place, where)
    assert scenario.received(place) == scenario.expected(place), where
    if scenario.flow:
        head = look.heads(look.ledger(place))[scenario.flow]
        assert head["lastSlot"] == SLOTS[2], where
        assert look.pinned(place, scenario.flow) == look.data_files(place), where
    if place.server is None and place.cloud is None:  # a call more, which costs most where every request does
        assert "Nothing due" in done(place, *RUN, SLOTS[2]), where


# Runs -----------------------------------------------------------------------------------------------------------------


def _applied(place: Place, driver: Driver) -> None:
    applied(place)


def _increment(place: Place, driver: Driver) -> None:
    applied(place)
    done(place, *RUN, SLOTS[0])
    put(place, "b.csv", SECOND)


def _undecided(place: Place, driver: Driver) -> None:
    """An increment whose runner died while it staged."""
    _increment(place, driver)
    _die(place, driver, (*RUN, SLOTS[1]), "finish", 1)


def _decided(place: Place, driver: Driver) -> None:
    """A backfill whose runner died while it published."""
    applied(place)
    _die(place, driver, (*RUN, SLOTS[0]), "publish", 1)
    put(place, "b.csv", SECOND)


def _several(place: Place, driver: Driver) -> None:
    """An increment of one flow, and the backfills of two more, in one read of one dataset."""
    applied(place)
    done(place, *RUN, SLOTS[0])
    declare_more(place, {"de": "country = 'DE'", "all": "country <> 'FR'"})
    done(place, *APPLY, SLOTS[0])
    put(place, "b.csv", SECOND)


def _exported(place: Place, driver: Driver) -> None:
    """Two nights, of which the first is to be sent again."""
    _increment(place, driver)
    done(place, *RUN, SLOTS[1])


# Comparisons ------------------------------------------------------------------------------------------------------------


def _compared(place: Place, driver: Driver) -> None:
    """A first night; then one is gone, one left the filter, two files are another than they were."""
    declare(place, Declared(diff=True))
    put(place, "a.csv", FIRST)
    done(place, *APPLY, APPLIED)
    done(place, *RUN, SLOTS[0])
    put(place, "a.csv", (("2", "US"), ("3", "DE"), ("4", "US")))
    put(place, "b.csv", SECOND)


def _compared_decided(place: Place, driver: Driver) -> None:
    _compared(place, driver)
    _die(place, driver, (*RUN, SLOTS[1]), "publish", 1)


def _compared_undecided(place: Place, driver: Driver) -> None:
    """A runner died that had written its snapshot."""
    _compared(place, driver)
    _die(place, driver, (*RUN, SLOTS[1]), "write_blob", 1)


# A fixed name, and what is kept --------------------------------------------------------------------------------------------


def _two_nights(files: str, mode: str) -> Callable[[Place, Driver], None]:
    """The first night, and data for the second."""

    def prepare(place: Place, driver: Driver) -> None:
        declare(place, Declared(files=files, mode=mode))
        put(place, "a.csv", FIRST)
        done(place, *APPLY, APPLIED)
        done(place, *RUN, SLOTS[0])
        put(place, "b.csv", SECOND)

    return prepare


_replacing = _two_nights('{replace: true, folder: "{source_id}", name: "newest.{ext}"}', "full")
_retaining = _two_nights("{retain: 1}", "incremental")


def _replacing_decided(place: Place, driver: Driver) -> None:
    """A runner died while the earlier file gave way."""
    _replacing(place, driver)
    _die(place, driver, (*RUN, SLOTS[1]), "publish", 1)


# Applies --------------------------------------------------------------------------------------------------------------


def _furnished(place: Place, driver: Driver) -> None:
    furnished(place)


def _widened(place: Place, driver: Driver) -> None:
    _undecided(place, driver)
    declare(place, Declared(where=WIDER))


def _widened_decided(place: Place, driver: Driver) -> None:
    _decided(place, driver)
    declare(place, Declared(where=WIDER))


def _renamed(place: Place, driver: Driver) -> None:
    _decided(place, driver)
    declare(place, Declared(audience="usa", audience_was="us", destination="bin", destination_was="box"))


def _renamed_onto_a_tombstone(place: Place, driver: Driver) -> None:
    """`usa` was there before, and was removed."""
    declare(place, Declared(audience="usa"))
    put(place, "a.csv", FIRST)
    done(place, *APPLY, APPLIED)
    declare(place)
    done(place, *APPLY, APPLIED)
    done(place, *RUN, SLOTS[0])
    put(place, "b.csv", SECOND)
    declare(place, Declared(audience="usa", audience_was="us"))


OFFERED, ADOPTED = Declared(says="transferTo: agency"), Declared(project="agency", says="adoptFrom: shop")


def _offered(left: Callable[[Place, Driver], None]) -> Callable[[Place, Driver], None]:
    """A night and what it left; then the project offers all to another one, whose documents are here now."""

    def prepare(place: Place, driver: Driver) -> None:
        declare(place, OFFERED)
        put(place, "a.csv", FIRST)
        done(place, *APPLY, APPLIED)
        left(place, driver)
        declare(place, ADOPTED)

    return prepare


def _half_published(place: Place, driver: Driver) -> None:
    _die(place, driver, (*RUN, SLOTS[0]), "publish", 1)
    put(place, "b.csv", SECOND)


def _half_staged(place: Place, driver: Driver) -> None:
    done(place, *RUN, SLOTS[0])
    put(place, "b.csv", SECOND)
    _die(place, driver, (*RUN, SLOTS[1]), "finish", 1)


def _removed(place: Place, driver: Driver) -> None:
    """Its files are to be purged, those of a half published run, too."""
    declare(place, Declared(on_remove="purge"))
    put(place, "a.csv", FIRST)
    done(place, *APPLY, APPLIED)
    done(place, *RUN, SLOTS[0])
    put(place, "b.csv", SECOND)
    _die(place, driver, (*RUN, SLOTS[1]), "publish", 1)
    declare(place, Declared(flow=False))


def _renamed_then_removed(place: Place, driver: Driver) -> None:
    declare(place, Declared(on_remove="purge"))
    put(place, "a.csv", FIRST)
    done(place, *APPLY, APPLIED)
    done(place, *RUN, SLOTS[0])
    declare(place, Declared(audience="usa", audience_was="us", on_remove="purge"))
    put(place, "b.csv", SECOND)
    done(place, *APPLY, SLOTS[1])
    declare(place, Declared(audience="usa", flow=False))


def _once(place: Place) -> Counter[str]:
    return look.matching(place)


def _once_and_all_again(place: Place) -> Counter[str]:
    """What the first run read as declared then, and everything as declared now."""
    return look.matching(place, "country = 'US'", "a.csv") + look.matching(place, WIDER)


def _once_and_sent_again(place: Place) -> Counter[str]:
    """Once more for each call that got as far as deciding: whoever calls twice asks twice."""
    again = look.matching(place, files="a.csv")
    twice = look.matching(place) + again + again
    return twice if look.received(place) == twice else look.matching(place) + again


def _each_once(place: Place) -> Counter[str]:
    return look.matching(place) + look.matching(place, "country = 'DE'") + look.matching(place, "country <> 'FR'")


def _last_night(place: Place) -> Counter[str]:
    return look.matching(place, files="z.csv")


def _nothing(place: Place) -> Counter[str]:
    return Counter()


BACKFILL = Scenario("backfill", _applied, (*RUN, SLOTS[0]), _once)
INCREMENT = Scenario("increment", _increment, (*RUN, SLOTS[1]), _once)
TAKE_OVER = Scenario("take-over", _undecided, (*RUN, SLOTS[1]), _once)
ROLL_FORWARD = Scenario("roll-forward", _decided, (*RUN, SLOTS[1]), _once)
ON_DEMAND = Scenario("on-demand", _increment, ("export", "box/us", "--at", SLOTS[1]), _once)
AGAIN = Scenario("again", _exported, ("export", "box/us", "--again", SLOTS[0], "--at", SLOTS[1]), _once_and_sent_again)
SEVERAL = Scenario("several", _several, (*RUN, SLOTS[1]), _each_once, "box/audience/all")
RUNS = (BACKFILL, INCREMENT, TAKE_OVER, ROLL_FORWARD, ON_DEMAND, AGAIN, SEVERAL)

DIFF = Scenario("diff", _compared, (*RUN, SLOTS[1]), _once, received=look.told)
DIFF_DECIDED = Scenario("diff-decided", _compared_decided, (*RUN, SLOTS[1]), _once, received=look.told)
DIFF_UNDECIDED = Scenario("diff-undecided", _compared_undecided, (*RUN, SLOTS[1]), _once, received=look.told)
COMPARISONS = (DIFF, DIFF_DECIDED, DIFF_UNDECIDED)

REPLACE = Scenario("replace", _replacing, (*RUN, SLOTS[1]), _once)
REPLACE_DECIDED = Scenario("replace-decided", _replacing_decided, (*RUN, SLOTS[1]), _once)
RETAIN = Scenario("retain", _retaining, (*RUN, SLOTS[1]), _last_night)
KEPT = (REPLACE, REPLACE_DECIDED, RETAIN)

CREATE = Scenario("create", _furnished, (*APPLY, APPLIED), _once)
REBUILD = Scenario("rebuild", _widened, (*APPLY, SLOTS[1]), _once_and_all_again)
REBUILD_DECIDED = Scenario("rebuild-decided", _widened_decided, (*APPLY, SLOTS[1]), _once_and_all_again)
RENAME = Scenario("rename", _renamed, (*APPLY, SLOTS[1]), _once, "bin/audience/usa")
RENAME_BACK = Scenario(
    "rename-onto-tombstone", _renamed_onto_a_tombstone, (*APPLY, SLOTS[1]), _once, "box/audience/usa"
)
PURGE = Scenario("purge", _removed, (*APPLY, SLOTS[1]), _nothing, "")
PURGE_RENAMED = Scenario("rename-then-purge", _renamed_then_removed, (*APPLY, SLOTS[1]), _nothing, "")
ADOPT = Scenario("adopt", _offered(_half_staged), (*APPLY, SLOTS[1]), _once)
ADOPT_DECIDED = Scenario("adopt-decided", _offered(_half_published), (*APPLY, SLOTS[1]), _once)
APPLIES = (CREATE, REBUILD, REBUILD_DECIDED, RENAME, RENAME_BACK, PURGE, PURGE_RENAMED, ADOPT, ADOPT_DECIDED)
