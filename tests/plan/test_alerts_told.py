"""What is told of a flow, given its head and what was told before."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.catalog.base import ALERT_EVENTS
from reconciler.errors import ReconcilerError
from reconciler.ledger import transitions
from reconciler.ledger.alerts import WAITING_MOST, AlertBook, of
from reconciler.ledger.records import Applied, Condition, FlowHead, LastRun
from reconciler.plan.alerts import Look, told, wants_rows
from reconciler.resources.alert import EffectiveAlert
from reconciler.resources.schedule import Daily
from tests.apply.fixtures_runs import SLOT, House

HOUR = timedelta(hours=1)
ALL = tuple(each for each in ALERT_EVENTS if each != "run-started")


def alert(*events: str, name: str = "on-call", **limits: str) -> EffectiveAlert:
    """With the thresholds that its events need."""
    needed = {"run-delayed": ("delayed_after", "150m"), "excluded-rate-exceeded": ("max_excluded", "1%")}
    needed["row-count-unusual"] = ("max_change", "50%")
    found = dict(needed[each] for each in events if each in needed) | limits
    return EffectiveAlert.model_validate(
        {"name": name, "channel": {"type": "file", "path": "alerts.jsonl"}, "events": events, **found}
    )


@pytest.fixture
def head(tmp_path: Path) -> FlowHead:
    """A flow that was applied within the day before its first slot."""
    spec = House(tmp_path).spec(alerts=(alert(*ALL),), schedule=Daily(time="02:00"))
    applied = Applied(at=SLOT - 23 * HOUR, by="test")
    return transitions.added(spec, owner="test", source_id="us", applied=applied, nonce="n")


def run(at: datetime = SLOT, number: int = 1, **changes: Any) -> LastRun:
    """A recorded run; every other one of the same number is the same run."""
    values = {"run_id": f"r{number}", "slot": at, "kind": "increment", "rows": 100, "files": 1, "size": 5}
    values |= {"finished_at": at, "location": "out", "matched": 100}
    return LastRun(**(values | changes))


def exported(head: FlowHead, last: LastRun, **changes: Any) -> FlowHead:
    return head.model_copy(update={"last_run": last, "last_slot": last.slot, "condition": None, **changes})


def broken(head: FlowHead, code: str = "F101", kind: str = "failed") -> FlowHead:
    found = Condition(type=kind, code=code, sentence="it is so", detail="jane@example.com", at=SLOT, slot=SLOT)  # type: ignore[arg-type]
    return head.model_copy(update={"condition": found})


class Watcher:
    """Looks one after the other, and what each adds."""

    def __init__(self, head: FlowHead) -> None:
        self.book = of(head, None)

    def sees(self, head: FlowHead, at: datetime = SLOT, **more: Any) -> list[str]:
        before = {each.id for each in self.book.waiting}
        if wants_rows(head, self.book) and "rows" not in more:
            more["rows"] = ()
        self.book = told(self.book, Look(head, at, **more), "line")
        assert told(self.book, Look(head, at, **more), "line") is self.book, "a second look tells nothing"
        return [each.event for each in self.book.waiting if each.id not in before]


def test_a_failure_its_changes_and_its_end(head: FlowHead) -> None:
    watcher = Watcher(head)
    assert watcher.sees(broken(head)) == ["run-failed"]
    assert watcher.sees(broken(head), SLOT + HOUR) == []
    assert watcher.sees(broken(head, "F102"), SLOT + HOUR) == ["run-failed"]
    assert watcher.sees(broken(head, "H101", "held"), SLOT + HOUR) == ["run-held"]
    assert watcher.sees(exported(head, run())) == ["run-succeeded", "recovered"]
    assert watcher.book.waiting[-1].facts.over == ("run-held",)


def test_the_same_failure_after_a_recovery_is_news(head: FlowHead) -> None:
    watcher = Watcher(head)
    watcher.sees(broken(head))
    watcher.sees(exported(head, run()))
    again = broken(exported(head, run()))
    assert watcher.sees(again, SLOT + HOUR) == ["run-failed"]


def test_a_condition_that_goes_without_an_export_is_no_recovery(head: FlowHead) -> None:
    watcher = Watcher(head)
    watcher.sees(broken(head))
    assert watcher.sees(head) == []
    assert watcher.sees(broken(head)) == []
    assert watcher.sees(exported(head, run())) == ["run-succeeded", "recovered"]


def test_an_apply_ends_a_condition_without_a_word(head: FlowHead) -> None:
    watcher = Watcher(head)
    watcher.sees(broken(head))
    changed = head.model_copy(update={"generation": 2})
    assert watcher.sees(changed) == []
    assert watcher.sees(broken(changed)) == ["run-failed"]


@pytest.mark.parametrize(
    ("code", "event"), [("D105", "destination-unreachable"), ("F120", "suppression-stale"), ("F101", "run-failed")]
)
def test_what_says_more_is_told_alone(head: FlowHead, code: str, event: str) -> None:
    assert Watcher(head).sees(broken(head, code)) == [event]


def test_whoever_asked_for_failures_alone_hears_of_all(head: FlowHead) -> None:
    few = head.model_copy(update={"spec": head.spec.model_copy(update={"alerts": (alert("run-failed"),)})})
    assert Watcher(few).sees(broken(few, "D105")) == ["run-failed"]


def test_an_error_that_left_no_condition_is_told(head: FlowHead) -> None:
    watcher = Watcher(head)
    error = ReconcilerError("E002", "an unexpected failure", "jane@example.com")
    assert watcher.sees(head, error=error) == ["run-failed"]
    assert watcher.sees(head) == []
    assert "jane" not in watcher.book.model_dump_json()


def test_lateness_is_that_of_the_oldest_slot(head: FlowHead) -> None:
    """Else a flow of every hour would never be late."""
    hourly = head.spec.model_copy(update={"schedule": Daily(time="02:00")})
    head = exported(head.model_copy(update={"spec": hourly}), run(SLOT - 24 * HOUR))
    watcher = Watcher(head)
    watcher.sees(head, SLOT - HOUR)
    assert watcher.sees(head, SLOT + 2 * HOUR) == []
    assert watcher.sees(head, SLOT + 3 * HOUR) == ["run-delayed"]
    assert watcher.sees(head, SLOT + 27 * HOUR) == []
    assert watcher.book.waiting[-1].facts.slot == SLOT
    assert watcher.sees(exported(head, run(number=2)), SLOT + 3 * HOUR) == ["run-succeeded", "recovered"]


def test_a_flow_that_was_resumed_is_not_late_at_once(head: FlowHead) -> None:
    resumed = head.model_copy(update={"applied": Applied(at=SLOT + 5 * HOUR, by="test")})
    watcher = Watcher(head)
    assert watcher.sees(resumed, SLOT + 6 * HOUR) == []
    assert watcher.sees(resumed, SLOT + 8 * HOUR) == ["run-delayed"]
    suspended = head.model_copy(update={"state": "suspended"})
    assert Watcher(head).sees(suspended, SLOT + 8 * HOUR) == []


@pytest.mark.parametrize(
    ("excluded", "events"),
    [
        ({"suppressed": 1}, []),
        ({"suppressed": 1, "consent": 1}, ["excluded-rate-exceeded"]),
        ({"duplicate": 60}, []),
        ({"duplicate": 60, "expired": 1}, ["excluded-rate-exceeded"]),
    ],
)
def test_the_rate_is_of_people_not_of_repeated_rows(
    head: FlowHead, excluded: dict[str, int], events: list[str]
) -> None:
    assert Watcher(head).sees(exported(head, run(excluded=excluded)))[1:] == events


def test_the_rate_stays_exceeded_over_an_export_without_rows(head: FlowHead) -> None:
    watcher = Watcher(head)
    watcher.sees(exported(head, run(excluded={"consent": 5})))
    nothing = run(SLOT + 24 * HOUR, 2, rows=0, matched=0)
    assert watcher.sees(exported(head, nothing)) == ["run-succeeded"]
    fine = run(SLOT + 48 * HOUR, 3)
    assert watcher.sees(exported(head, fine)) == ["run-succeeded", "recovered"]


@pytest.mark.parametrize(
    ("earlier", "rows", "events"),
    [
        ((100, 100), 5, []),
        ((100, 90, 9_000), 100, []),
        ((100, 90, 9_000), 9_000, ["row-count-unusual"]),
        ((100, 100, 100), 50, []),
        ((100, 100, 100), 49, ["row-count-unusual"]),
        ((0, 0, 0), 1, ["row-count-unusual"]),
        ((0, 0, 0), 0, []),
    ],
)
def test_what_is_unusual(head: FlowHead, earlier: tuple[int, ...], rows: int, events: list[str]) -> None:
    found = Watcher(head).sees(exported(head, run(rows=rows)), rows=earlier)
    assert found[1:] == events


def test_what_is_unusual_stays_so_until_the_next_export(head: FlowHead) -> None:
    watcher = Watcher(head)
    odd = exported(head, run(rows=1))
    watcher.sees(odd, rows=(100, 100, 100))
    assert not wants_rows(odd, watcher.book)
    assert watcher.sees(odd, SLOT + HOUR) == []
    usual = exported(head, run(SLOT + 24 * HOUR, 2))
    assert watcher.sees(usual, rows=(1, 100, 100, 100)) == ["run-succeeded", "recovered"]


def test_exports_of_before_somebody_asked_are_no_news(head: FlowHead) -> None:
    later = exported(head, run()).model_copy(update={"applied": Applied(at=SLOT + HOUR, by="test")})
    assert Watcher(later).sees(later, SLOT + 2 * HOUR) == []


def test_each_channel_has_its_own_thresholds(head: FlowHead) -> None:
    alerts = (alert("run-delayed", name="chat", delayed_after="30m"), alert("run-delayed", name="pager"))
    both = head.model_copy(update={"spec": head.spec.model_copy(update={"alerts": alerts})})
    both = exported(both, run(SLOT - 24 * HOUR))
    watcher = Watcher(both)
    watcher.sees(both, SLOT - HOUR)
    watcher.sees(both, SLOT + HOUR)
    assert [each.channel for each in watcher.book.waiting] == ["chat"]
    watcher.sees(both, SLOT + 3 * HOUR)
    assert [each.channel for each in watcher.book.waiting] == ["chat", "pager"]


def test_a_flow_of_the_same_name_begins_anew(head: FlowHead) -> None:
    watcher = Watcher(head)
    watcher.sees(broken(head))
    another = head.model_copy(update={"born": 3, "generation": 3})
    assert of(another, watcher.book) == AlertBook(nonce="", flow=head.flow, born=3)


def test_what_waits_is_bounded_and_the_newest_is_kept(head: FlowHead) -> None:
    watcher = Watcher(head)
    for number in range(WAITING_MOST + 5):
        watcher.sees(exported(head, run(SLOT + number * HOUR, number)), SLOT + number * HOUR)
    assert (len(watcher.book.waiting), watcher.book.dropped) == (WAITING_MOST, 5)
    assert watcher.book.waiting[-1].facts.run_id == f"r{WAITING_MOST + 4}"
