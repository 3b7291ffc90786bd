"""Runners that tell people and are killed, or are many: everything is told, under one id, and by one of them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.api import wiring
from reconciler.ledger.alerts import AlertBook
from tests.faults import look
from tests.faults.conftest import Build
from tests.faults.driver import Driver, Order, kill, report
from tests.faults.place import APPLIED, SLOTS, Kind, Place, applied, done, furnished
from tests.faults.points import sampled

NIGHT = ("run", "--at", SLOTS[0])
CHANNEL = """\
---
apiVersion: reconciler/v1
kind: AlertChannel
metadata: {name: log}
spec: {type: file, path: alerts.jsonl}
"""


def telling(place: Place, events: str) -> Place:
    """A place with its flow applied, whose destination tells a file."""
    furnished(place)
    text = place.project.read_text()
    assert text.count("files: {maxRows: 2}") == 1
    alerts = f"files: {{maxRows: 2}}, alerts: [{{channel: log, events: [{events}]}}]"
    place.project.write_text(text.replace("files: {maxRows: 2}", alerts) + CHANNEL)
    done(place, "apply", "--yes", "--at", APPLIED)
    return place


def told(place: Place) -> list[dict[str, Any]]:
    path = Path(place.root) / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def waiting(place: Place) -> AlertBook:
    from reconciler.api.project import Project

    (book,) = Project.open(place.root).ledger().alert_books().values()
    return book


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on, so that nobody waits for a dead sender's lease."""
    now = wiring.clock
    monkeypatch.setattr(wiring, "clock", lambda: now() + timedelta(minutes=5))


@pytest.mark.parametrize("kind", ["local"], indirect=True)
def test_what_a_killed_runner_did_not_tell_the_next_one_does(
    driver: Driver, build: Build, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = telling(build(), "run-started, run-succeeded")
    names = driver.run(Order(place.root, NIGHT, f"{place.root}/report.json"))["effects"]
    assert [each["type"].rpartition(".")[2] for each in told(place)] == ["run-started", "run-succeeded"]
    later(monkeypatch)
    for point in sampled(len(names)):
        place = telling(build(), "run-started, run-succeeded")
        where = point.said("killed", names)
        kill(driver, place, NIGHT, *point)
        done(place, *NIGHT)
        done(place, *NIGHT)
        assert look.received(place) == look.matching(place), where
        found = told(place)
        succeeded = [each for each in found if each["type"].endswith("run-succeeded")]
        assert len({each["data"]["runId"] for each in succeeded}) == 1, where
        # One id for each thing that happened, and sent twice at most: by the one that died, and by the next.
        happened = {(each["type"], each["data"]["runId"]): each["id"] for each in found}
        assert len({each["id"] for each in found}) == len(happened), where
        assert max(Counter(each["id"] for each in found).values()) <= 2, where
        assert (waiting(place).waiting, waiting(place).sending) == ((), None), where


@pytest.mark.parametrize("kind", ["local", "s3"], indirect=True)
def test_of_many_runners_one_tells(driver: Driver, build: Build, kind: Kind) -> None:
    place = telling(build(), "run-started, run-succeeded, run-delayed, recovered")
    go = Path(place.root) / "go"
    late = ("run", "--at", "2054-12-01T06:00Z")
    orders = [Order(place.root, late, f"{place.root}/{each}.json", go=str(go), lease=True) for each in range(4)]
    children = [driver.start(each) for each in orders]
    go.touch()
    assert [driver.wait(each) for each in children] == [{"code": 0}] * 4
    assert [report(each)["code"] for each in orders] == [0] * 4
    done(place, *late)
    found = Counter(each["type"].rpartition(".")[2] for each in told(place))
    assert found == {"run-delayed": 1, "run-started": 1, "run-succeeded": 1, "recovered": 1}


def test_the_place_tells_nobody_without_a_channel(build: Build, kind: Kind) -> None:
    """Else the tests here would prove nothing of a channel."""
    place = applied(build())
    done(place, *NIGHT)
    assert told(place) == []
