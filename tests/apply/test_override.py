"""`metadata.override`: one guard lifted for a while, and every run that it let pass says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from reconciler.apply.runs import Wanted, run_flow
from reconciler.errors import Refused
from reconciler.present import history
from reconciler.present.results import export_line
from reconciler.present.status import as_data, as_text, details, flow_status
from reconciler.resources.activation import ExportGuard, Guards
from reconciler.resources.override import Override
from tests.apply.fixtures_runs import FLOW, SLOT, House

LIFT = Override.model_validate({"guard": "export.maxRows", "until": "2054-12-02", "reason": "a campaign begins"})


def house_with(tmp_path: Path, guards: Guards, override: Override | None) -> House:
    house = House(tmp_path, guards=guards)
    house.put("a.csv", [("1", "US"), ("3", "US")])
    house.apply(override=override)
    return house


def test_a_lifted_guard_lets_pass_and_the_run_keeps_why(tmp_path: Path) -> None:
    house = house_with(tmp_path, Guards(export=ExportGuard(max_rows=1)), LIFT)
    run = run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    assert run is not None
    assert house.received() == ["1", "3"]
    said = "export.maxRows: 2 rows; at most 1 are allowed; lifted through 2054-12-02: a campaign begins"
    assert run.lifted == (said,)
    assert f"let pass: {said}" in export_line(run)
    assert history.as_data(run)["lifted"] == [said]


def test_it_says_nothing_where_nothing_was_breached(tmp_path: Path) -> None:
    house = house_with(tmp_path, Guards(export=ExportGuard(max_rows=5)), LIFT)
    run = run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    assert run is not None
    assert run.lifted == ()


def test_it_expires(tmp_path: Path) -> None:
    house = house_with(tmp_path, Guards(export=ExportGuard(max_rows=1)), LIFT)
    after = SLOT + timedelta(days=1)
    with pytest.raises(Refused, match=r"H101.*export\.maxRows"):
        run_flow(house.context(), FLOW, Wanted(after), after)
    assert house.received() == []


def test_it_lifts_no_other_guard(tmp_path: Path) -> None:
    house = house_with(tmp_path, Guards(export=ExportGuard(min_rows=3, max_rows=9)), LIFT)
    with pytest.raises(Refused, match=r"H101.*export\.minRows"):
        run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)


@pytest.mark.parametrize(
    ("now", "lifts"),
    [
        (datetime(2054, 12, 2, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2054, 12, 3, tzinfo=UTC), False),
        (datetime(2054, 12, 3, 1, tzinfo=timezone(timedelta(hours=2))), True),
    ],
)
def test_its_last_day_is_whole_and_in_utc(now: datetime, lifts: bool) -> None:
    assert LIFT.lifts("export.maxRows", now) is lifts
    assert not LIFT.lifts("export.minRows", now)


def test_status_says_so_while_it_lasts(tmp_path: Path) -> None:
    head = house_with(tmp_path, Guards(export=ExportGuard(max_rows=1)), LIFT).head().document
    live, over = flow_status(head, SLOT), flow_status(head, SLOT + timedelta(days=1))
    said = "export.maxRows LIFTED through 2054-12-02: a campaign begins"
    assert said in as_text([live])
    assert said not in as_text([over])
    assert said in details(over)
    kept = {"guard": "export.maxRows", "until": "2054-12-02", "reason": "a campaign begins"}
    assert as_data(live)["override"] == {**kept, "inForce": True, "daysLeft": 0}
    assert as_data(over)["override"] == {**kept, "inForce": False, "daysLeft": 0}


def test_a_policy_that_was_lifted_stops_the_flow_on_the_day_after(tmp_path: Path) -> None:
    lift = Override.model_validate({"policy": "core-third-party", "until": "2054-12-02", "reason": "amendment 2"})
    house = house_with(tmp_path, Guards(), lift)
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is not None
    house.put("b.csv", [("4", "US")])
    after = SLOT + timedelta(days=1)
    with pytest.raises(Refused, match=r"G143.*policy core-third-party was lifted through 2054-12-02 by activation"):
        run_flow(house.context(), FLOW, Wanted(after), after)
    assert house.received() == ["1", "3"]
    status = flow_status(house.head().document, after)
    assert "policy core-third-party LIFTED through 2054-12-02: amendment 2 (ended)" in as_text([status])
    assert "(last day today)" in as_text([flow_status(house.head().document, SLOT)])
