"""Exports that a plan names, performed over real files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply import runs
from reconciler.apply.changes import Apply, Done
from reconciler.apply.runs import Wanted, run_flow
from reconciler.ledger.records import Applied
from reconciler.plan.plan import Export, Plan, Reason
from tests.apply.fixtures_runs import FLOW, SLOT, House

ASKED = SLOT + timedelta(hours=7, minutes=13)


class Dies(Exception):
    """The process ends here."""


def dies(*_: object) -> None:
    raise Dies


def asked_for_and_left(house: House, monkeypatch: pytest.MonkeyPatch, at: str) -> str:
    """An export on demand whose process ended; its run's id."""
    with monkeypatch.context() as patched, pytest.raises(Dies):
        patched.setattr(runs, at, dies)
        run_flow(house.context(), FLOW, Wanted(ASKED, on_demand=True), ASKED)
    run = house.head().document.open
    assert run is not None
    house.tick = ASKED + timedelta(hours=1)
    return run.run_id


@pytest.mark.parametrize(("at", "files"), [("roll_forward", 1), ("judged", 0)])
def test_a_run_on_demand_left_open_never_becomes_a_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, files: int
) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    house.apply()
    run_id = asked_for_and_left(house, monkeypatch, at)
    head = house.head().document
    export = Export(
        subject=str(FLOW),
        owner="test",
        reason=Reason(code="run-open", sentence="Why."),
        generation=head.generation,
        slot=ASKED,
        kind="full",
        run_id=run_id,
        on_demand=True,
    )
    plan = Plan(project="test", config_digest="d", at=house.tick, tool="t", changes=(export,))
    told: list[object] = []
    apply = Apply(house.context(), "line", Applied(at=house.tick, by="test"), house.tick)
    (result,) = apply.perform(plan, told.append)
    assert isinstance(result, Done)
    assert told == [result]
    assert (result.run.run_id if result.run else None) == (run_id if files else None)
    after = house.head().document
    assert (after.open, after.last_slot) == (None, None)
    assert len(list((tmp_path / "out").rglob("part-*.csv"))) == files
    assert house.staged() == []
