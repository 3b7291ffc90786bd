"""A recipient's agreement has a last day: nothing new leaves after it, whatever the flow and however it is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.resend import find
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import Refused
from reconciler.ledger.records import RunRecord
from reconciler.resources.destination import Recipient
from reconciler.resources.effective import EffectiveDestination
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_runs import Bomb, Crash, Mined

DAY = timedelta(days=1)


def to_agency(house: House, until: date | None) -> EffectiveDestination:
    destination = house.spec().destination
    agency = Recipient(name="Agency Ltd", country="IE", agreement="DPA-14", until=until)
    return destination.model_copy(update={"spec": destination.spec.model_copy(update={"recipient": agency})})


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE")])
    house.apply(destination=to_agency(house, SLOT.date()))
    return house


def night(house: House, number: int, **wanted: Any) -> RunRecord | None:
    slot = SLOT + number * DAY
    return run_flow(house.context(), FLOW, Wanted(slot, **wanted), slot)


def test_the_last_day_is_one_of_them_and_after_it_nothing_leaves(house: House) -> None:
    assert night(house, 0) is not None
    house.put("b.csv", [("3", "US")])
    for wanted in ({}, {"on_demand": True}, {"on_demand": True, "full": True}):
        with pytest.raises(Refused, match="H113") as caught:
            night(house, 1, **wanted)
        assert "Agency Ltd" in caught.value.detail
        assert SLOT.date().isoformat() in caught.value.detail
    head = house.head().document
    assert head.open is None
    assert head.condition is not None
    assert (head.condition.type, head.condition.code) == ("held", "H113")
    assert house.received() == ["1"]


def test_nor_is_anything_sent_again(house: House) -> None:
    assert night(house, 0) is not None
    once_more = Wanted.again(find(house.head().document, f"{SLOT:%Y-%m-%dT%H:%MZ}"))
    with pytest.raises(Refused, match="H113"):
        run_flow(house.context(), FLOW, once_more, SLOT + DAY)
    assert house.received() == ["1"]


def test_a_longer_agreement_lets_the_flow_go_on_where_it_was(house: House) -> None:
    assert night(house, 0) is not None
    house.put("b.csv", [("3", "US")])
    with pytest.raises(Refused, match="H113"):
        night(house, 1)
    head = house.head()
    longer = house.spec(destination=to_agency(house, SLOT.date() + 30 * DAY))
    house.ledger.swap(head, head.document.model_copy(update={"spec": longer}))
    done = night(house, 2)
    assert done is not None
    assert (done.kind, done.rows) == ("increment", 1)
    assert house.head().document.condition is None
    again = run_flow(
        house.context(),
        FLOW,
        Wanted.again(find(house.head().document, f"{SLOT:%Y-%m-%dT%H:%MZ}")),
        SLOT + 2 * DAY,
    )
    assert again is not None, "it is the same recipient"


def test_what_was_decided_in_time_is_completed(house: House) -> None:
    context = house.context()
    bomb = Bomb(1, before=True)
    dying = replace(context, open_destination=lambda to: Mined(context.open_destination(to), ("publish",), bomb))  # type: ignore[arg-type,return-value]
    with pytest.raises(Crash):
        run_flow(dying, FLOW, Wanted(SLOT), SLOT)
    assert house.received() == []
    house.tick = SLOT + DAY
    settle(house.context(), FLOW, SLOT + DAY)
    assert house.received() == ["1"]
