"""`files.retain`: older exports are deleted, exactly as recorded, by whoever runs next; everybody knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.api.history import newest
from reconciler.api.retaining import NotRemoved, Removed, retain
from reconciler.api.runs import run_due
from reconciler.api.verifying import verify
from reconciler.apply.context import Context
from reconciler.apply.look import look
from reconciler.apply.purge import purge
from reconciler.apply.retain import thin, wanted
from reconciler.apply.runs import Wanted, run_flow
from reconciler.destinations.errors import failure
from reconciler.errors import DestinationError
from reconciler.ledger import transitions
from reconciler.ledger.records import Applied, FlowHead, RunRecord
from reconciler.plan.selection import Selection
from reconciler.present.cleanups import clean_ups
from reconciler.present.history import as_data as run_data
from reconciler.present.history import as_text as history_text
from reconciler.present.status import as_data, as_text, details, flow_status
from reconciler.resources.effective import FlowSpec
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_purge import Watched
from tests.apply.test_runs import Bomb, Crash, mined

DAY = timedelta(days=1)
APPLIED = Applied(at=SLOT, by="test")


def keeping(spec: FlowSpec, kept: int | str) -> FlowSpec:
    files = spec.destination.spec.files.model_copy(update={"retain": kept})
    to = spec.destination.model_copy(update={"spec": spec.destination.spec.model_copy(update={"files": files})})
    return spec.model_copy(update={"destination": to})


def house_of(folder: Path, kept: int | str, nights: int = 4) -> House:
    """So many nights, each with one row of its own; nothing was deleted yet."""
    house = House(folder)
    house.apply(destination=keeping(house.spec(), kept).destination)
    for number in range(nights):
        night(house, number)
    return house


def night(house: House, number: int) -> RunRecord:
    house.put(f"{number}.csv", [(str(number), "US")])
    slot = SLOT + number * DAY
    found = run_flow(at(house, slot), FLOW, Wanted(slot), slot)
    assert found is not None
    return found


def at(house: House, now: datetime, **changes: Any) -> Context:
    return house.context(clock=lambda: now, **changes)


def thinned(house: House, number: float, **changes: Any) -> tuple[object, ...]:
    """What a call at a night's slot tells."""
    now = SLOT + number * DAY
    return retain(at(house, now, **changes), [house.head().document], [], now, lambda _: None)


def swap(house: House, new: FlowHead) -> None:
    house.ledger.swap(house.head(), new)


def manifests(house: House) -> int:
    return len(list((house.root / "out").rglob("_manifest-*")))


def test_a_number_keeps_the_newest(tmp_path: Path) -> None:
    house = house_of(tmp_path, 2)
    assert thinned(house, 3) == (Removed(str(FLOW), 2, 2),)
    assert (house.received(), manifests(house)) == (["2", "3"], 2)
    assert not list((tmp_path / "out").rglob("exportTime=205412020200"))
    assert thinned(house, 3) == ()
    night(house, 4)
    assert thinned(house, 4) == (Removed(str(FLOW), 1, 1),)
    assert house.received() == ["3", "4"]
    done = house.head().document.retained
    assert done is not None
    assert (done.removed, done.settled, done.problem) == (3, True, None)


def test_a_duration_keeps_what_left_within_it(tmp_path: Path) -> None:
    house = house_of(tmp_path, "2d")
    assert thinned(house, 3) == (Removed(str(FLOW), 2, 2),)
    assert house.received() == ["2", "3"]
    head = house.head().document
    assert not wanted(head, SLOT + 3.9 * DAY)
    assert wanted(head, SLOT + 4 * DAY)
    assert thinned(house, 3.9) == ()
    assert thinned(house, 5) == (Removed(str(FLOW), 2, 2),)
    assert house.received() == []


def test_a_run_does_it_and_tells(tmp_path: Path) -> None:
    house = house_of(tmp_path, 2)
    house.put("9.csv", [("9", "US")])
    now = SLOT + 4 * DAY
    told: list[object] = []
    house.found()
    events = run_due(at(house, now), house.ledger.actual(), [house.head().document], now, told.append)
    assert [type(each).__name__ for each in events] == ["Exported", "Removed"]
    assert told == list(events)
    assert house.received() == ["3", "9"]


def test_what_nothing_is_said_of_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.apply()
    night(house, 0)
    assert thinned(house, 4000) == ()
    assert house.received() == ["0"]


def test_strangers_and_undecided_runs_are_left_alone(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=1)
    folder = next((tmp_path / "out").rglob("part-*")).parent
    (folder / "theirs.txt").write_text("x")
    house.put("1.csv", [("1", "US")])
    slot = SLOT + DAY
    for at_effect in range(1, 8):
        with pytest.raises(Crash):
            run_flow(mined(house, Bomb(at_effect, False)), FLOW, Wanted(slot), slot)
        if house.staged():
            break
        house.tick += DAY
    assert house.staged()
    assert thinned(house, 90) == ()
    assert (house.received(), bool(house.staged())) == (["0"], True)
    house.tick += DAY
    assert run_flow(house.context(), FLOW, Wanted(slot), slot)
    assert thinned(house, 90) == (Removed(str(FLOW), 1, 1),)
    assert house.received() == ["1"]
    assert (folder / "theirs.txt").read_text() == "x"


def test_what_is_sent_again_is_as_old_as_its_sending(tmp_path: Path) -> None:
    house = house_of(tmp_path, 2, nights=2)
    head = house.head().document
    again = run_flow(at(house, SLOT + DAY), FLOW, Wanted.again(head.resendable[0]), SLOT + DAY)
    assert again is not None
    assert again.slot == SLOT
    night(house, 2)
    assert thinned(house, 2) == (Removed(str(FLOW), 1, 1),)  # the first night's; not what was sent again after it
    assert sorted(house.received()) == ["0", "1", "2"]
    night(house, 3)
    thinned(house, 3)
    night(house, 4)
    thinned(house, 4)
    assert house.received() == ["3", "4"]
    resent = run_flow(at(house, SLOT + 4 * DAY), FLOW, Wanted.again(head.resendable[0]), SLOT + 4 * DAY)
    assert resent is not None
    night(house, 5)
    night(house, 6)
    thinned(house, 6)
    assert house.received() == ["5", "6"]


def test_everybody_knows_what_is_gone(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=2)
    house.found()
    thinned(house, 1)
    head = house.head().document
    report = verify(house.ledger, [head], house.context().open_destination)
    assert (report.findings, len(report.verified), len(report.removed)) == ((), 1, 1)
    history = newest(house.ledger, [head], 9)
    first, second = history_text(history.runs, 2, everything="").splitlines()
    assert ("deleted" in first, "exported, deleted" in second) == (False, True)
    assert run_data(history.runs[1])["removedAt"] == "2054-12-03T02:00:00Z"
    assert run_data(history.runs[0])["removedAt"] is None
    assert "1 export; 1 older one deleted so far" in details(flow_status(head, SLOT))
    assert as_data(flow_status(head, SLOT))["retain"] == {"keep": 1, "removed": 1, "problem": None}
    gone = transitions.removed(head, purge=True, applied=APPLIED, nonce=house.ledger.nonce())
    swap(house, gone)
    assert purge(house.context(), FLOW, SLOT) == 1


def test_a_look_at_destinations_misses_nothing(tmp_path: Path) -> None:
    house = house_of(tmp_path, "1d", nights=1)
    house.found()
    assert thinned(house, 9) == (Removed(str(FLOW), 1, 1),)
    seen = look(house.ledger, house.ledger.actual(), "test", Selection(), house.context().open_destination)
    assert seen.exports == ()


def test_a_shorter_time_counts_from_the_next_call(tmp_path: Path) -> None:
    house = house_of(tmp_path, 9)
    assert thinned(house, 3) == ()
    head = house.head().document
    shorter = keeping(head.spec, 1)
    swap(
        house,
        transitions.updated(head, shorter, rebuild=None, source_id="us", applied=APPLIED, nonce=house.ledger.nonce()),
    )
    assert thinned(house, 3) == (Removed(str(FLOW), 3, 3),)
    assert house.received() == ["3"]


def test_under_every_name_that_it_had(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=2)
    old = house.head()
    renamed = old.document.spec.model_copy(
        update={"source": old.document.spec.source.model_copy(update={"name": "usa"})}
    )
    new = transitions.moved_here(old.document, renamed, applied=APPLIED, nonce=house.ledger.nonce())
    swap(house, transitions.moved_away(old.document, new.flow, applied=APPLIED, nonce=house.ledger.nonce()))
    house.ledger.create(f"flows/{new.flow}", new)
    assert thin(at(house, SLOT + DAY), new.flow_id, SLOT + DAY)
    assert house.received() == ["1"]
    assert thinned(house, 99) == ()  # of the name that it had nothing is left to do


def test_what_cannot_be_deleted_is_told_and_tried_again(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=3)
    context = house.context()
    watched = Watched(context.open_destination(house.spec().destination), broken="205412020200")
    (event,) = thinned(house, 2, open_destination=lambda _: watched)
    assert isinstance(event, NotRemoved)
    assert event.error.code == "H121"
    assert house.received() == ["0", "2"]
    head = house.head().document
    assert "H121" in as_text([flow_status(head, SLOT)], clean_ups([head]))
    assert wanted(head, SLOT + 2 * DAY)
    assert thinned(house, 2) == (Removed(str(FLOW), 1, 1),)
    head = house.head().document
    assert head.retained is not None
    assert (head.retained.removed, head.retained.problem) == (2, None)
    assert house.received() == ["2"]


def test_it_may_die_at_any_effect(tmp_path: Path) -> None:
    bomb = Bomb(0, True)
    counted = house_of(tmp_path / "count", 1, nights=3)
    thin(replace(mined(counted, bomb), clock=lambda: SLOT), FLOW, SLOT + 2 * DAY)
    assert bomb.count >= 7
    for number in range(1, bomb.count + 1):
        for before in (True, False):
            where = f"at effect {number}, before={before}"
            house = house_of(tmp_path / f"{number}-{before}", 1, nights=3)
            with pytest.raises(Crash):
                thin(mined(house, Bomb(number, before)), FLOW, SLOT + 2 * DAY)
            for manifest in (tmp_path / f"{number}-{before}" / "out").rglob("_manifest-*"):
                assert list(manifest.parent.glob("part-*")), where
            thinned(house, 2)
            assert (house.received(), manifests(house)) == (["2"], 1), where
            assert thinned(house, 2) == (), where


def test_two_at_once_count_once(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=3)
    context = at(house, SLOT + 2 * DAY)

    class Late:
        """Another runner does it all before this one deletes anything."""

        def __init__(self, real: Any) -> None:
            self.real, self.done = real, False

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def delete(self, names: Any) -> None:
            if not self.done:
                self.done = True
                assert thinned(house, 2) == (Removed(str(FLOW), 2, 2),)
            self.real.delete(names)

    late = Late(context.open_destination(house.spec().destination))
    found = thin(replace(context, open_destination=lambda _: late), FLOW, SLOT + 2 * DAY)
    assert found is not None
    assert found.exports == 0
    head = house.head().document
    assert head.retained is not None
    assert head.retained.removed == 2
    assert house.received() == ["2"]


def test_a_denied_delete_is_an_error_of_its_own(tmp_path: Path) -> None:
    house = house_of(tmp_path, 1, nights=2)

    class Denied:
        capabilities = house.context().open_destination(house.spec().destination).capabilities

        def delete(self, names: object) -> None:
            raise failure("D104", "no")

    with pytest.raises(DestinationError, match=r"H121.*D104") as caught:
        thin(at(house, SLOT, open_destination=lambda _: Denied()), FLOW, SLOT + DAY)
    assert caught.value.permanent
