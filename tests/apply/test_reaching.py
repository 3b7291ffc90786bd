"""What is at a destination is looked at and deleted with the account that is applied today, whatever the run was claimed with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.api.retaining import Removed, retain
from reconciler.api.verifying import verify
from reconciler.apply.look import look
from reconciler.apply.purge import purge
from reconciler.apply.runs import Wanted, run_flow
from reconciler.apply.settle import LeftBehind, settle
from reconciler.destinations.base import Destination
from reconciler.errors import AccountError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, DestinationRecord, FlowHead
from reconciler.plan.selection import Selection
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.effective import EffectiveDestination, fingerprint
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_leftovers import dies_at
from tests.apply.test_retain import keeping

DAY = timedelta(days=1)
APPLIED = Applied(at=SLOT, by="test")


def signed(to: EffectiveDestination, who: str) -> EffectiveDestination:
    """The destination, opened with somebody's key pair."""
    key = {"accessKeyId": {"fromEnv": who}, "secretAccessKey": {"fromEnv": f"{who}_SECRET"}}
    account = AwsAccountSpec.model_validate({"type": "aws", "auth": {"accessKey": key}})
    return to.model_copy(update={"account": account})


def opening(house: House, *, without: str) -> Callable[[EffectiveDestination], Destination]:
    """Opens everything but what is signed by somebody whose key isn't there any more."""

    def to(destination: EffectiveDestination) -> Destination:
        account = destination.account
        if isinstance(account, AwsAccountSpec) and without in str(account.to_json()):
            raise AccountError("A101", "a secret isn't there", f"The variable {without} isn't set.")
        return house.context().open_destination(destination)

    return to


@pytest.fixture
def adopted(tmp_path: Path) -> House:
    """Two nights by project `old`, signed by OLD; then the flow is `new`'s, which signs by NEW."""
    house = House(tmp_path)
    house.found()
    house.apply(transfer_to="new", destination=signed(keeping(house.spec(), 1).destination, "OLD"))
    for number in range(2):
        house.put(f"{number}.csv", [(str(number), "US")])
        slot = SLOT + number * DAY
        assert run_flow(house.context(clock=lambda slot=slot: slot), FLOW, Wanted(slot), slot)
    spec = house.spec(destination=signed(keeping(house.spec(), 1).destination, "NEW"))
    head = house.head()
    taken = transitions.adopted(
        head.document, spec, owner="new", rebuild=None, source_id="us", applied=APPLIED, nonce=house.ledger.nonce()
    )
    house.ledger.swap(head, taken)
    return house


def test_the_new_project_verifies_what_the_old_one_exported(adopted: House) -> None:
    report = verify(adopted.ledger, [adopted.head().document], opening(adopted, without="OLD"))
    assert (report.failed, report.findings, len(report.verified)) == ((), (), 2)


def test_the_new_project_sees_the_last_export(adopted: House) -> None:
    seen = look(adopted.ledger, adopted.ledger.actual(), "new", Selection(None), opening(adopted, without="OLD"))
    (export,) = seen.exports
    assert (export.error, export.missing) == (None, ())


def test_the_new_project_deletes_what_is_too_old(adopted: House) -> None:
    context = adopted.context(open_destination=opening(adopted, without="OLD"))
    now = SLOT + 2 * DAY
    assert retain(context, [adopted.head().document], [], now, lambda _: None) == (Removed(str(FLOW), 1, 1),)
    assert adopted.received() == ["1"]


def removed(house: House) -> FlowHead:
    head = house.head()
    gone = transitions.removed(head.document, purge=True, applied=APPLIED, nonce=house.ledger.nonce())
    return house.ledger.swap(head, gone).document


def test_the_new_project_purges_what_the_old_one_exported(adopted: House) -> None:
    removed(adopted)
    assert purge(adopted.context(open_destination=opening(adopted, without="OLD")), FLOW, SLOT) == 2
    assert adopted.received() == []


@pytest.mark.parametrize(("owner", "purged"), [("new", True), ("old", False)])
def test_a_purge_goes_by_the_account_that_its_own_project_has_applied_since(
    adopted: House, owner: str, purged: bool
) -> None:
    removed(adopted)
    spec = signed(keeping(adopted.spec(), 1).destination, "LATER")
    record = DestinationRecord(
        nonce="n",
        name="box",
        owner=owner,
        spec=spec,
        fingerprint=fingerprint(spec),
        generation=2,
        protected=False,
        applied=APPLIED,
    )
    adopted.ledger.create(keys.destination("box"), record)
    context = adopted.context(open_destination=opening(adopted, without="NEW"))
    if purged:
        assert purge(context, FLOW, SLOT) == 2
    else:
        with pytest.raises(Exception, match=r"H120.*2 of 2 runs.*A101"):
            purge(context, FLOW, SLOT)


def test_what_a_dead_runner_staged_goes_with_todays_account(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    house.apply(destination=signed(house.spec().destination, "OLD"))
    dies_at(house, "stage")
    context = house.context(open_destination=opening(house, without="OLD"))
    with pytest.raises(LeftBehind, match=r"H122.*A101.*reconcile ledger abandon r0"):
        settle(context, FLOW, SLOT, insist=True)
    head = house.head()
    new = replace_account(house, head.document)
    house.ledger.swap(head, new)
    settle(context, FLOW, SLOT, insist=True)
    assert house.head().document.abandoned == ()


def replace_account(house: House, head: FlowHead) -> FlowHead:
    spec = head.spec.model_copy(update={"destination": signed(head.spec.destination, "NEW")})
    return transitions.updated(head, spec, rebuild=None, source_id="us", applied=APPLIED, nonce=house.ledger.nonce())


def test_a_destination_that_moved_is_reached_where_it_was(adopted: House) -> None:
    """Another place is another place: what was exported there was exported with that account, and only it is used for it."""
    moved = adopted.spec().destination.to_json()
    moved["spec"]["connection"]["path"] = "elsewhere"  # type: ignore[index,call-overload]
    to = signed(EffectiveDestination.model_validate(moved), "NEW")
    head = adopted.head()
    spec = head.document.spec.model_copy(update={"destination": to})
    new = transitions.updated(
        head.document, spec, rebuild="moved", source_id="us", applied=APPLIED, nonce=adopted.ledger.nonce()
    )
    adopted.ledger.swap(head, new)
    report = verify(adopted.ledger, [adopted.head().document], opening(adopted, without="OLD"))
    (missed,) = report.failed
    assert (missed.flow, missed.destination, missed.runs, missed.error.code) == (str(FLOW), "box", 2, "A101")


def test_one_flow_that_cannot_be_looked_at_leaves_the_others(adopted: House) -> None:
    other = adopted.spec(source=adopted.spec().source.model_copy(update={"name": "usa"}))
    head = transitions.added(other, owner="new", source_id="usa", applied=APPLIED, nonce=adopted.ledger.nonce())
    adopted.ledger.create(keys.flow(head.flow_id), head)
    later = SLOT + 3 * DAY
    assert run_flow(adopted.context(clock=lambda: later), head.flow_id, Wanted(later), later)
    (part,) = (adopted.root / "out" / "usa").rglob("part-*")
    part.unlink()
    found = adopted.ledger.head(head.flow_id)
    assert found is not None
    report = verify(adopted.ledger, [adopted.head().document, found.document], opening(adopted, without="NEW"))
    assert [(each.flow, each.runs, each.error.code) for each in report.failed] == [(str(FLOW), 2, "A101")]
    assert [(each.problem, each.flow) for each in report.findings] == [("missing", str(head.flow_id))]
