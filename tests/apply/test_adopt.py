"""Adopting a flow of another project: one swap, after its open run was dealt with, and only while it is offered."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.changes import Apply, Done, Failed, Result
from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import AccountError
from reconciler.ledger import transitions
from reconciler.ledger.records import Applied
from reconciler.plan.plan import AdoptFlow, Plan, Reason
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_held import Bomb, Crash, decided_and_dead

APPLIED = Applied(at=SLOT, by="jane of agency")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """The flow is offered to project agency."""
    house = House(tmp_path)
    house.apply(transfer_to="agency")
    house.put("a.csv", [("1", "US")])
    return house


def adopt(house: House, context: Context, owner: str = "agency") -> Result:
    change = AdoptFlow(
        subject=str(FLOW),
        owner=owner,
        reason=Reason(code="x", sentence="x"),
        generation=house.head().document.generation,
        spec=house.spec(),
        source_id="us",
        adopted_from="test",
    )
    return Apply(context, "the-line", APPLIED, SLOT).perform(Plan.model_construct(changes=(change,)), lambda _: None)[0]


def test_a_decided_run_waits_for_the_account_that_it_was_claimed_with(house: House) -> None:
    with pytest.raises(Crash):
        run_flow(decided_and_dead(house, Bomb(0, True)), FLOW, Wanted(SLOT), SLOT)

    def without_the_secret(_: object) -> Any:
        raise AccountError("S120", "a secret isn't there", "OLD_KEY isn't set.")

    found = adopt(house, house.context(open_destination=without_the_secret))
    assert isinstance(found, Failed)
    assert found.error.code == "S120"
    head = house.head().document
    assert (head.owner, head.open is not None, house.received()) == ("test", True, [])
    settle(house.context(), FLOW, SLOT)  # the old project's next run
    assert isinstance(adopt(house, house.context(open_destination=without_the_secret)), Done)
    after = house.head().document
    assert (after.owner, after.last_slot, house.received()) == ("agency", SLOT, ["1"])
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is None


def test_an_undecided_run_of_the_old_project_is_ended_and_its_slot_is_exported_once(house: House) -> None:
    class Dies:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def stage(self, *_: object, **__: object) -> None:
            raise Crash

    whole = house.context()
    dying = house.context(open_destination=lambda to: Dies(whole.open_destination(to)))
    with pytest.raises(Crash):
        run_flow(dying, FLOW, Wanted(SLOT), SLOT)
    assert house.head().document.open is not None
    assert isinstance(adopt(house, house.context()), Done)
    head = house.head().document
    assert (head.owner, head.open, head.last_slot) == ("agency", None, None)
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT + timedelta(minutes=1)) is not None
    assert house.received() == ["1"]


def test_an_offer_that_is_gone_by_then_is_none(house: House) -> None:
    """Whatever a change says of it: the head decides."""
    found = adopt(house, house.context(), owner="stranger")
    assert isinstance(found, Failed)
    assert found.error.code == "L120"
    head = house.head()
    gone = transitions.removed(head.document, purge=False, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(head, gone)
    again = adopt(house, house.context())
    assert isinstance(again, Failed)
    assert house.head().document.owner == "test"
