"""Decided runs that can't be published: held for a person, seen in status, completed by themselves or ended by `abandon`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.abandon import end_decided, forget
from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.destinations.base import DESTINATION_EFFECTS, Destination
from reconciler.destinations.errors import failure, unknown
from reconciler.errors import Conflict, DestinationError, OutcomeUnknown
from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, OpenRun, RunRecord
from reconciler.ledger.store import STORE_EFFECTS
from reconciler.present.status import flow_status
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_runs import Bomb, Crash, Mined

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass
class Losing:
    """A destination at which publishing names that hold `lost` fails as `error` says; what happens `before` it, happens."""

    real: Destination
    lost: str
    error: Exception
    before: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def publish(self, file: Any) -> Any:
        if self.lost in file.name:
            self.before()
            raise self.error
        return self.real.publish(file)


EXPIRED = failure("D130", "part-00001 is neither staged nor there, and was kept until 2054-12-09 02:00 UTC.")
UNREACHABLE = failure("D105", "the store hung up.", permanent=False)


def losing(house: House, lost: str = "part-00001", error: Exception = EXPIRED, **more: Any) -> Context:
    context = house.context()
    return replace(
        context,
        open_destination=lambda to: Losing(context.open_destination(to), lost, error, **more),  # type: ignore[arg-type,return-value]
    )


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Three rows, a file each."""
    return furnished(tmp_path)


def furnished(folder: Path) -> House:
    house = House(folder)
    house.put("a.csv", [("1", "US"), ("2", "US"), ("3", "US")])
    destination = house.spec().destination
    files = destination.spec.files.model_copy(update={"max_rows": 1})
    house.apply(
        destination=destination.model_copy(update={"spec": destination.spec.model_copy(update={"files": files})})
    )
    return house


def hold(house: House, **more: Any) -> OpenRun:
    with pytest.raises(DestinationError):
        run_flow(losing(house, **more), FLOW, Wanted(SLOT), SLOT)
    run = house.head().document.open
    assert run is not None
    assert run.phase == "publishing"
    return run


def seen(head: FlowHead, hours: int = 0) -> tuple[str, str]:
    found = flow_status(head, SLOT + hours * HOUR)
    return found.state, found.note


@pytest.mark.parametrize(("error", "state"), [(EXPIRED, "held"), (UNREACHABLE, "failed")])
def test_what_cannot_be_published_is_said(house: House, error: DestinationError, state: str) -> None:
    run = hold(house, error=error)
    condition = house.head().document.condition
    assert condition is not None
    assert (condition.type, condition.code, condition.run_id, condition.slot) == (state, error.code, run.run_id, SLOT)
    with pytest.raises(DestinationError):
        settle(losing(house, error=error), FLOW, SLOT)
    again = house.head().document
    assert again.condition is not None
    assert again.condition.attempts == 2
    assert seen(again) == (state, f"{error.code} {error.summary} (2 times) · run {run.run_id}")


def test_a_held_run_is_completed_as_soon_as_that_is_possible(house: House) -> None:
    hold(house)
    settle(house.context(), FLOW, SLOT)
    head = house.head().document
    assert (head.open, head.condition, head.last_slot) == (None, None, SLOT)
    assert house.received() == ["1", "2", "3"]


def test_an_unknown_outcome_touches_nothing(house: House) -> None:
    with pytest.raises(OutcomeUnknown):
        run_flow(losing(house, error=unknown("the store was asked and did not answer")), FLOW, Wanted(SLOT), SLOT)
    assert house.head().document.condition is None
    assert house.received() == ["1"]


# Ending it --------------------------------------------------------------------------------------------------------------


def end(house: House, context: Context | None = None) -> RunRecord:
    run = house.head().document.open
    assert run is not None
    return end_decided(context or house.context(), house.head(), "jane", SLOT + HOUR)


def test_what_had_been_published_is_recorded_and_the_rest_discarded(house: House) -> None:
    run = hold(house)
    record = end(house)
    assert (record.outcome, record.rows, record.manifest) == ("abandoned", 1, None)
    assert [each.path.rpartition("/")[2][:10] for each in record.files] == ["part-00000"]
    assert "jane" in record.why
    assert "D130" in record.why
    stored = house.ledger.read(RunRecord, keys.run(FLOW, run.slot, run.run_id))
    assert stored is not None
    assert stored.document == record
    head = house.head().document
    assert (head.open, head.abandoned, head.condition, head.cursor, head.last_slot) == (None, (), None, None, SLOT)
    assert (house.received(), house.staged()) == (["1"], [])
    assert list(house.store.list(keys.STAGED)) == []
    assert head.resendable == ()


def test_its_rows_go_out_with_the_next_export(house: House) -> None:
    hold(house)
    end(house)
    found = run_flow(house.context(), FLOW, Wanted(SLOT + DAY), SLOT + DAY)
    assert found is not None
    assert found.rows == 3


def test_only_what_needs_a_person_is_ended(house: House) -> None:
    decided = Bomb(0, True)
    with pytest.raises(Crash):
        run_flow(decided_and_dead(house, decided), FLOW, Wanted(SLOT), SLOT)
    with pytest.raises(Conflict, match="L125"):
        end(house)
    settle(house.context(), FLOW, SLOT)
    assert house.received() == ["1", "2", "3"]


def decided_and_dead(house: House, bomb: Bomb) -> Context:
    """Its process ends at the first publication."""
    context = house.context()

    class Dying:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def publish(self, _: object) -> None:
            raise Crash

    return replace(context, open_destination=lambda to: Dying(context.open_destination(to)))  # type: ignore[arg-type,return-value]


def test_a_destination_that_cannot_be_looked_at_does_not_keep_a_run_from_being_ended(house: House) -> None:
    hold(house, error=UNREACHABLE)

    record = end(house, unreachable(house))
    assert record.files == ()
    assert "could not be seen" in record.why
    head = house.head().document
    assert (head.open, len(head.abandoned)) == (None, 1)
    assert run_flow(house.context(), FLOW, Wanted(SLOT + DAY), SLOT + DAY) is not None
    assert (house.head().document.abandoned, house.staged()) == ((), [])


def unreachable(house: House) -> Context:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise UNREACHABLE

    return replace(house.context(), open_destination=lambda _: Gone())  # type: ignore[arg-type,return-value]


def test_what_can_never_be_discarded_can_be_given_up(house: House) -> None:
    run = hold(house, error=UNREACHABLE)
    end(house, unreachable(house))
    forget(unreachable(house), FLOW, run.run_id, SLOT)
    assert house.head().document.abandoned == ()
    forget(unreachable(house), FLOW, run.run_id, SLOT)


def test_a_run_whose_staged_document_is_lost_is_held_and_can_be_ended(house: House) -> None:
    run = hold(house)
    key = keys.staged(run.run_id)
    found = house.store.read(key)
    assert found is not None
    house.store.delete(key, found.version)
    with pytest.raises(Conflict, match="L122"):
        settle(house.context(), FLOW, SLOT)
    condition = house.head().document.condition
    assert condition is not None
    assert (condition.type, condition.code) == ("held", "L122")
    record = end(house)
    assert [(each.path.rpartition("/")[2][:10], each.sha256) for each in record.files] == [("part-00000", "")]
    head = house.head().document
    assert (head.open, head.abandoned, house.staged()) == (None, (), [])


def test_where_nothing_can_be_read_what_is_no_longer_staged_counts_as_published(house: House) -> None:
    hold(house)

    class WriteOnly:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            if name in ("list", "read"):
                raise failure("D114", "write-only")
            return getattr(self.real, name)

        @property
        def capabilities(self) -> Any:
            return replace(self.real.capabilities, readable=False)

    context = house.context()
    open_one = context.open_destination
    record = end(house, replace(context, open_destination=lambda to: WriteOnly(open_one(to))))  # type: ignore[arg-type,return-value]
    assert [each.path.rpartition("/")[2][:10] for each in record.files] == ["part-00000"]
    assert "write-only" in record.why


def test_a_runner_that_completes_it_meanwhile_wins(house: House) -> None:
    hold(house)
    head = house.head()
    settle(house.context(), FLOW, SLOT)
    record = end_decided(house.context(), head, "jane", SLOT + HOUR)
    assert record.outcome == "exported"
    assert house.head().document.last_run is not None


def test_a_runner_in_the_midst_of_publishing_shows_no_manifest_after_it_was_ended(house: House) -> None:
    """It has published its files when somebody ends the run, and the manifest is next."""
    hold(house)

    class Slow(Losing):
        def publish(self, file: Any) -> Any:
            done = self.real.publish(file)
            if self.lost in file.name:
                self.before()
            return done

    def ends() -> None:
        with suppress(Crash):  # right after it was recorded, before anything is discarded
            end(house, mined(house, Bomb(1, before=False)))

    context = house.context()
    racing = replace(
        context,
        open_destination=lambda to: Slow(context.open_destination(to), "part-00002", EXPIRED, ends),  # type: ignore[arg-type,return-value]
    )
    settle(racing, FLOW, SLOT)
    assert list((house.root / "out").rglob("_manifest-*")) == []
    settle(house.context(), FLOW, SLOT)
    assert (house.head().document.open, house.head().document.last_run) == (None, None)
    assert house.staged() == []


def test_ending_dies_at_any_effect_and_the_next_run_completes_it(tmp_path: Path) -> None:
    counted = furnished(tmp_path / "count")
    hold(counted)
    bomb = Bomb(0, True)
    end(counted, mined(counted, bomb))
    assert bomb.count >= 4
    outcomes = set()
    for at in range(1, bomb.count + 1):
        for before in (True, False):
            house = furnished(tmp_path / f"{at}-{before}")
            hold(house)
            with pytest.raises(Crash):
                end(house, mined(house, Bomb(at, before)))
            settle(house.context(), FLOW, SLOT)
            head = house.head().document
            where = f"at effect {at}, before={before}"
            assert (head.open, head.abandoned, head.last_slot) == (None, (), SLOT), where
            assert (house.staged(), list(house.store.list(keys.STAGED))) == ([], []), where
            ended = head.last_run is None
            assert house.received() == (["1"] if ended else ["1", "2", "3"]), where
            assert len(list((house.root / "out").rglob("_manifest-*"))) == (0 if ended else 1), where
            outcomes.add(ended)
    assert outcomes == {True, False}


def mined(house: House, bomb: Bomb) -> Context:
    context = house.context()
    ledger = type(house.ledger)(Mined(house.store, STORE_EFFECTS, bomb), house.ledger.nonce, lambda _: None)  # type: ignore[arg-type]
    return replace(
        context,
        ledger=ledger,
        open_destination=lambda to: Mined(context.open_destination(to), DESTINATION_EFFECTS, bomb),  # type: ignore[arg-type,return-value]
    )


# Before a claim ---------------------------------------------------------------------------------------------------------


def test_a_source_that_is_gone_shows_in_status_until_it_is_back(house: House) -> None:
    data = house.root / "data"
    data.rename(house.root / "away")
    with pytest.raises(Exception, match="F101"):
        run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    state, note = seen(house.head().document, 1)
    assert (state, note[:4]) == ("failed", "F101")
    (house.root / "away").rename(data)
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is not None
    assert house.head().document.condition is None
