"""What one failed change means for those that stand on it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply.changes import Apply, Failed, Result
from reconciler.ledger import keys
from reconciler.ledger.records import Applied, DestinationRecord
from reconciler.plan.plan import CreateDestination, MoveFlow, Plan, Reason, RemoveDestination, RemoveFlow
from tests.apply.fixtures_runs import FLOW, SLOT, House

APPLIED = Applied(at=SLOT - timedelta(days=1), by="test")
COMMON = {"owner": "test", "reason": Reason(code="x", sentence="x")}


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.apply()
    return house


def perform(house: House, *changes: object) -> list[Result]:
    plan = Plan.model_construct(changes=changes)
    return list(Apply(house.context(), "lineage", APPLIED, SLOT).perform(plan, lambda _: None))


@pytest.mark.parametrize("kind", ["remove", "move"])
def test_a_destination_stays_while_a_flow_of_it_could_not_leave(house: House, kind: str) -> None:
    spec = house.spec()
    create = CreateDestination(subject="box", spec=spec.destination, protected=False, **COMMON)
    assert not isinstance(perform(house, create)[0], Failed)
    stale = {"spec": spec, "source_id": "us", **COMMON}
    if kind == "remove":
        leave = RemoveFlow(subject=str(FLOW), generation=7, purge=False, **stale)
    else:
        leave = MoveFlow(subject="bin/audience/us", moved_from=str(FLOW), from_generation=7, **stale)
    remove = RemoveDestination(subject="box", spec=spec.destination, generation=1, **COMMON)
    results = perform(house, leave, remove)
    assert [each.error.code for each in results if isinstance(each, Failed)] == ["L123", "L124"]
    assert house.ledger.read(DestinationRecord, keys.destination("box")) is not None
