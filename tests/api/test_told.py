"""What a run tells of: what it exported, what it completed for a runner that died, and where nothing was due, what is next."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reconciler.api.runs import Exported, Idle, run_due
from reconciler.apply import runs
from reconciler.apply.runs import Wanted, run_flow
from reconciler.plan.plan import NextExport
from reconciler.present.results import export_line
from tests.apply.fixtures_runs import FLOW, SLOT, House

DAY = timedelta(days=1)


class Dies(Exception):
    """The process ends here."""


def dies(*_: object) -> None:
    raise Dies


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.found()
    house.put("a.csv", [("1", "US")])
    house.apply()
    return house


def decided(house: House, monkeypatch: pytest.MonkeyPatch, wanted: Wanted) -> str:
    """A runner that dies once it decided; its run's id."""
    with monkeypatch.context() as patched, pytest.raises(Dies):
        patched.setattr(runs, "roll_forward", dies)
        run_flow(house.context(), FLOW, wanted, wanted.slot)
    run = house.head().document.open
    assert run is not None
    return run.run_id


def told_by(house: House, now: datetime) -> list[object]:
    told: list[object] = []
    house.tick = now
    events = run_due(house.context(), house.ledger.actual(), [house.head().document], now, told.append)
    assert [each for each in told if not isinstance(each, Idle)] == list(events)
    return told


def test_a_dead_runners_slot_is_told_of_once_by_who_completes_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = decided(house, monkeypatch, Wanted(SLOT))
    (event,) = told_by(house, SLOT + timedelta(minutes=1))
    assert isinstance(event, Exported)
    assert (event.run.run_id, event.completed, event.run.rows) == (run_id, True, 1)
    assert "1 row · 1 file" in export_line(event.run, completed=True)
    assert " · completed for another runner\n" in export_line(event.run, completed=True)
    assert told_by(house, SLOT + timedelta(minutes=2)) == [Idle(NextExport(flow=str(FLOW), slot=SLOT + DAY))]


def test_what_was_asked_for_is_completed_and_told_and_then_the_due_slot(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = decided(house, monkeypatch, Wanted(SLOT - timedelta(hours=1), on_demand=True))
    first, second = told_by(house, SLOT + timedelta(minutes=1))
    assert isinstance(first, Exported)
    assert isinstance(second, Exported)
    assert (first.run.run_id, first.completed, second.completed) == (run_id, True, False)
    assert second.run.slot == SLOT


def test_flows_that_export_nothing_are_not_what_is_next(house: House) -> None:
    told_by(house, SLOT)
    head = house.head()
    house.ledger.swap(head, head.document.model_copy(update={"state": "suspended"}))
    assert told_by(house, SLOT + timedelta(minutes=2)) == [Idle(None)]
