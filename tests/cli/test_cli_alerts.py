"""Alerts of nights that are lived through: what a real endpoint is told, once, and what becomes of it where the endpoint is down."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from reconciler.errors import StoreError
from reconciler.stores.folder import FolderStore
from tests.cli.support import Outcome, Reconcile, simulated_shop
from tests.servers.listener import Listener, listening
from tests.servers.mailbox import mailbox

FLOW = "outbox/audience/us-high-intent"
STATES = "run-failed, run-delayed, run-held, destination-unreachable, recovered"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def shop(tmp_path: Path, reconcile: Reconcile, url: str, events: str = STATES, more: str = "") -> Path:
    """What `init` makes, whose one flow tells a CloudEvents channel."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    channel = f"kind: AlertChannel\nmetadata: {{name: on-call}}\nspec: {{type: cloudevents, url: '{url}/alerts'}}\n"
    (folder / "on-call.yaml").write_text(f"apiVersion: reconciler/v1\n{channel}")
    with (folder / "destinations" / "outbox.yaml").open("a") as file:
        file.write(f"  alerts: [{{channel: on-call, events: [{events}]{more}}}]\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def night(reconcile: Reconcile, folder: Path, day: int, hour: int = 2, *arguments: str) -> Outcome:
    return reconcile("-C", folder, "run", "--at", f"2054-12-{day:02}T{hour:02}:00Z", *arguments)


def heard(listener: Listener) -> list[str]:
    """`event` of each alert, as the CloudEvents library reads it."""
    found = [from_http_event(HTTPMessage(each.headers, each.body)) for each in listener.received]
    assert all(each.get_specversion() == "1.0" and each.get_subject() == FLOW for each in found)
    return [each.get_type().removeprefix("reconciler.alert.") for each in found]


def data(listener: Listener, at: int = -1) -> dict[str, Any]:
    return dict(json.loads(listener.received[at].body)["data"])


def take_data_away(folder: Path) -> None:
    """Exports fail."""
    (folder / "data").rename(folder / "away")


def bring_data_back(folder: Path) -> None:
    (folder / "away").rename(folder / "data")


def test_a_failure_is_told_once_and_its_end_once(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    assert [night(reconcile, folder, 1, hour).code for hour in (2, 2, 3)] == [1, 1, 1]
    assert heard(listener) == ["run-failed"]
    assert data(listener)["code"] == "F101"
    assert data(listener)["commands"][2] == f"reconcile run --select {FLOW}"
    bring_data_back(folder)
    assert night(reconcile, folder, 1, 4).code == 0
    assert heard(listener)[1:] == ["recovered"]
    assert data(listener)["over"] == ["run-failed"]
    assert night(reconcile, folder, 2).code == 0
    assert len(listener.received) == 2


def test_what_was_asked_for_has_to_be_asked_for_again(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    """No run does, as there is no slot of the schedule; the alert, which the next run sends, doesn't promise it."""
    folder = shop(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    assert reconcile("-C", folder, "export", FLOW, "--at", "2054-12-01T00:30Z").code == 1
    assert night(reconcile, folder, 1, 1).code == 0
    assert heard(listener) == ["run-failed"]
    assert data(listener)["commands"][2] == f"reconcile export {FLOW}"
    assert "wasn't exported. No run tries it again: it was asked for.\n" in str(data(listener)["text"])


def test_a_run_that_waits_for_a_person_is_held(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url)
    (folder / "out").mkdir(exist_ok=True)
    wall = folder / "out" / "us-high-intent"
    wall.write_text("in the way of its folder")
    night(reconcile, folder, 1)
    assert (heard(listener), data(listener)["code"]) == (["run-held"], "D109")
    wall.unlink()
    assert night(reconcile, folder, 1, 3).code == 0
    assert heard(listener)[1:] == ["recovered"]


def test_started_and_succeeded_are_told_of_every_run(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-started, run-succeeded")
    assert [night(reconcile, folder, day).code for day in (1, 2)] == [0, 0]
    assert heard(listener) == ["run-started", "run-succeeded"] * 2
    assert data(listener, 1)["rows"] == 90
    assert reconcile("-C", folder, "export", "outbox/us-high-intent", "--at", "2054-12-02T03:00Z").code == 0
    assert heard(listener)[4:] == ["run-started", "run-succeeded"]


def test_a_late_slot_is_told_by_whoever_runs(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    night(reconcile, folder, 1, 4)
    assert heard(listener) == ["run-failed"]
    night(reconcile, folder, 1, 5)
    night(reconcile, folder, 1, 6)
    assert heard(listener)[1:] == ["run-delayed"]
    assert data(listener)["slot"] == "2054-12-01T02:00Z"
    assert data(listener)["limit"] == "150m"


def test_a_channel_that_is_down_fails_no_export_and_gets_it_later(
    tmp_path: Path, reconcile: Reconcile, listener: Listener
) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-succeeded")
    listener.answers = [500]
    found = night(reconcile, folder, 1)
    assert (found.code, "exported" in found.out or "export" in found.out) == (0, True)
    assert "! alert        on-call  N101 an alert couldn't be sent" in found.err
    assert "answered 500" in found.err
    shown = reconcile("-C", folder, "status", "--at", "2054-12-01T02:10Z").out
    assert "1 alert to on-call waiting since 2054-12-01 02:00 UTC: N101" in shown
    first = listener.received[-1]
    listener.answers = [200]
    due = "Nothing due. Next export 2054-12-02 02:00 UTC (outbox/us-high-intent).\n"
    assert night(reconcile, folder, 1, 3).out == due
    again = listener.received[-1]
    assert json.loads(first.body) == json.loads(
        again.body
    )  # the same id, so that it can be told apart from a second alert
    assert "waiting" not in reconcile("-C", folder, "status", "--at", "2054-12-01T03:10Z").out
    assert night(reconcile, folder, 1, 4).code == 0
    assert len(listener.received) == 2


def test_it_is_not_redirected(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-succeeded")
    with listening() as internal:
        listener.answers, listener.location = [307], internal.url
        found = night(reconcile, folder, 1)
        assert (found.code, internal.received) == (0, [])
    assert "N103 an alert was redirected" in found.err


def test_no_value_of_a_row_is_told(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-started, run-succeeded, run-failed, recovered")
    night(reconcile, folder, 1)
    people = polars.read_parquet(folder / "data" / "**" / "*.parquet")["email"].drop_nulls().to_list()
    told = b"".join(each.body for each in listener.received).decode()
    assert (len(people) > 90, [each for each in people if each in told]) == (True, [])


def test_an_apply_that_takes_alerts_away_forgets_what_was_told(
    tmp_path: Path, reconcile: Reconcile, listener: Listener
) -> None:
    folder = shop(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    night(reconcile, folder, 1)
    book = folder / ".reconcile" / "ledger" / "alerts"
    assert [each for each in book.rglob("*") if each.is_file()]
    destination = folder / "destinations" / "outbox.yaml"
    destination.write_text("\n".join(line for line in destination.read_text().splitlines() if "alerts:" not in line))
    assert reconcile("-C", folder, "apply", "--yes", "--no-exports", "--at", "2054-12-01T02:30Z").code == 0
    assert [each for each in book.rglob("*") if each.is_file() and "lock" not in each.name] == []
    night(reconcile, folder, 1, 6)
    assert heard(listener) == ["run-failed"]


def test_a_plan_shows_who_is_told(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-failed, run-delayed", ", delayedAfter: 2h")
    destination = folder / "destinations" / "outbox.yaml"
    destination.write_text(destination.read_text().replace("delayedAfter: 2h", "delayedAfter: 3h"))
    shown = reconcile("-C", folder, "plan", "--at", "2054-12-01T01:00Z").out
    assert "alerts.on-call.delayedAfter 2h  →  3h" in shown
    assert "Its alerts changed." in shown
    assert "destination" not in shown.split("Its alerts changed.")[1].split("flow")[0]


def test_without_the_extra_an_apply_refuses_and_a_run_goes_on(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-succeeded")
    monkeypatch.setitem(__import__("sys").modules, "cloudevents.core.v1.event", None)
    found = night(reconcile, folder, 1)
    assert (found.code, "pip install 'reconciler[alerts]'" in found.err) == (0, True)
    monkeypatch.setattr("reconciler.alerts.open.find_spec", lambda _: None)
    (folder / "on-call.yaml").write_text((folder / "on-call.yaml").read_text().replace("/alerts", "/other"))
    refused = reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T03:00Z")
    assert (refused.code, "pip install 'reconciler[alerts]'" in refused.err) == (1, True)


def test_an_odd_number_of_rows_is_told(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    """Of increments beside increments: the first export of everything is no measure, nor is one on demand."""
    folder = shop(tmp_path, reconcile, listener.url, "row-count-unusual, recovered")

    def arrives(name: str, rows: int) -> None:
        first = folder / "data" / "prospects" / "part-00000.parquet"
        some = polars.read_parquet(first).head(rows)
        path = first.with_name(name)
        some.with_columns(country=polars.lit("US"), intent_score=polars.lit(0.9)).write_parquet(path)
        os.utime(path, (1_750_000_000, 1_750_000_000))

    night(reconcile, folder, 1)
    for day in (2, 3, 4):
        arrives(f"day-{day}.parquet", 10)
        night(reconcile, folder, day)
    assert reconcile("-C", folder, "export", "outbox/us-high-intent", "--full", "--at", "2054-12-04T12:00Z").code == 0
    assert listener.received == []
    arrives("day-5.parquet", 40)
    night(reconcile, folder, 5)
    assert heard(listener) == ["row-count-unusual"]
    assert (data(listener)["rows"], data(listener)["usual"], data(listener)["usualOf"]) == (40, 10, 3)
    arrives("day-6.parquet", 12)
    night(reconcile, folder, 6)
    assert heard(listener)[1:] == ["recovered"]


def test_a_ledger_that_refuses_what_is_told_fails_no_export(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-started, run-succeeded")
    create = FolderStore.create

    def refuses(self: FolderStore, key: str, body: bytes) -> str:
        if key.startswith("alerts/"):
            raise StoreError("L130", "the ledger can't be reached", key)
        return create(self, key, body)

    monkeypatch.setattr(FolderStore, "create", refuses)
    found = night(reconcile, folder, 1)
    assert (found.code, "L130" in found.err, listener.received) == (0, True, [])
    monkeypatch.undo()
    night(reconcile, folder, 1, 3)
    assert heard(listener) == ["run-succeeded"]  # what had happened meanwhile is seen all the same


def test_flows_at_once_tell_each_of_their_own(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-started, run-succeeded")
    spec = "{dataType: prospects, dataset: prospects, where: intent_score >= 0}"
    more = f"apiVersion: reconciler/v1\nkind: Audience\nmetadata: {{name: NAME}}\nspec: {spec}\n"
    names = [f"more-{number}" for number in range(4)]
    (folder / "audiences" / "more.yaml").write_text("---\n".join(more.replace("NAME", name) for name in names))
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("[us-high-intent]", f"[us-high-intent, {', '.join(names)}]"))
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T01:00Z").code == 0
    assert night(reconcile, folder, 1, 2, "--parallel", "4").code == 0
    told = [from_http_event(HTTPMessage(each.headers, each.body)) for each in listener.received]
    flows = {"us-high-intent", *names}
    assert sorted(each.get_subject().rpartition("/")[2] for each in told) == sorted([*flows, *flows])
    assert len({each.get_id() for each in told}) == 10


def crowd(tmp_path: Path, reconcile: Reconcile, url: str) -> Path:
    """Twelve flows that tell people."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    channel = "kind: AlertChannel\nmetadata: {name: chat}\nspec: {type: apprise, url: {fromFile: url}}\n"
    (folder / "chat.yaml").write_text(f"apiVersion: reconciler/v1\n{channel}")
    (folder / "url").write_text(url.replace("http://", "json://"))
    with (folder / "destinations" / "outbox.yaml").open("a") as file:
        file.write("  alerts: [{channel: chat, events: [run-failed, recovered]}]\n")
    names = [f"flow-{number:02}" for number in range(12)]
    spec = "{dataType: prospects, dataset: prospects, where: intent_score >= 0}"
    audience = f"apiVersion: reconciler/v1\nkind: Audience\nmetadata: {{name: NAME}}\nspec: {spec}\n"
    (folder / "audiences" / "more.yaml").write_text("---\n".join(audience.replace("NAME", name) for name in names))
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("[us-high-intent]", f"[{', '.join(names)}]"))
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def titles(listener: Listener) -> list[str]:
    return [json.loads(each.body)["title"] for each in listener.received]


def named(listener: Listener) -> list[str]:
    """Flows, in the order of the messages: flows go on at once, so that it isn't theirs."""
    found: list[str] = []
    for request in listener.received:
        body = json.loads(request.body)
        one = body["title"].startswith("outbox/")
        found += [body["title"]] if one else body["message"].splitlines()[1:-1]
    return [each.partition(":")[0].removeprefix("outbox/flow-") for each in found]


EVERYBODY = [f"{number:02}" for number in range(12)]


def test_people_are_told_of_many_flows_in_one_message(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = crowd(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    night(reconcile, folder, 1)
    assert [each.partition(": ")[2] for each in titles(listener)[:5]] == ["run failed: F101 dataset isn't there"] * 5
    assert titles(listener)[5:] == ["shop: 7 more alerts"]
    assert json.loads(listener.received[-1].body)["message"].splitlines()[0] == "7 run-failed"
    assert sorted(named(listener)) == EVERYBODY
    night(reconcile, folder, 1, 3)
    assert len(listener.received) == 6
    shown = json.loads(reconcile("-C", folder, "status", "--format", "json", "--at", "2054-12-01T03:00Z").out)
    assert {each["alerts"]["waiting"] for each in shown["flows"]} == {0}


def test_what_is_put_together_waits_where_the_channel_is_down(
    tmp_path: Path, reconcile: Reconcile, listener: Listener
) -> None:
    folder = crowd(tmp_path, reconcile, listener.url)
    take_data_away(folder)
    listener.answers = [200] * 5 + [503]
    found = night(reconcile, folder, 1)
    assert found.err.count("! alert ") == 1
    listener.answers = [200]
    del listener.received[5:]  # what was refused
    night(reconcile, folder, 1, 3)
    assert (titles(listener)[-1], len(titles(listener))) == ("shop: 2 more alerts", 11)
    assert sorted(named(listener)) == EVERYBODY
    night(reconcile, folder, 1, 4)
    assert len(listener.received) == 11


def test_what_waits_is_in_a_backup(tmp_path: Path, reconcile: Reconcile, listener: Listener) -> None:
    folder = shop(tmp_path, reconcile, listener.url, "run-succeeded")
    listener.answers = [503]
    night(reconcile, folder, 1)
    assert reconcile("-C", folder, "ledger", "export", tmp_path / "backup.jsonl").code == 0
    (folder / ".reconcile" / "ledger").rename(tmp_path / "lost")
    assert reconcile("-C", folder, "ledger", "import", tmp_path / "backup.jsonl").code == 0
    listener.answers = [200]
    night(reconcile, folder, 1, 3)
    first, last = (json.loads(listener.received[at].body)["id"] for at in (0, -1))
    assert first == last


def test_the_example_tells_three_channels_what_each_asked_for(
    tmp_path: Path, reconcile: Reconcile, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (Path(__file__).parents[2] / "examples" / "alerts" / "reconcile.yaml").read_text()
    example = example.replace("https://events.example.com", listener.url)
    simulated = "spec:\n  ledger: {url: 'file://.reconcile/ledger', simulated: true}\n  metrics:\n"
    with listening() as collector:
        example = example.replace("https://collector.example.com:4318", collector.url)
    (tmp_path / "reconcile.yaml").write_text(example.replace("spec:\n  metrics:\n", simulated))
    (tmp_path / "data" / "prospects").mkdir(parents=True)
    rows = "".join(f"{number},p{number}@example.com,{('US', 'IE')[number % 2]}\n" for number in range(20))
    (tmp_path / "data" / "prospects" / "a.csv").write_text(f"prospect_id,email,country\n{rows}")
    monkeypatch.setenv("EVENTS_SECRET", "a secret to sign with")
    monkeypatch.setenv("COLLECTOR_AUTHORIZATION", "Bearer nobody")
    with mailbox() as box:
        server = f"127.0.0.1:{box.port}"
        monkeypatch.setenv("ON_CALL_URL", f"mailto://{server}?from=night@example.com&to=team@example.com&mode=insecure")
        assert reconcile("-C", tmp_path, "apply", "--yes", "--at", "2054-11-30T23:30Z").code == 0
        assert night(reconcile, tmp_path, 1).code == 0
        (tmp_path / "data").rename(tmp_path / "away")
        night(reconcile, tmp_path, 1, 3)
    assert (tmp_path / "metrics" / "reconciler.prom").exists()
    late, over, failed = (str(each["Subject"]) for each in box.mails)
    assert late == "outbox/ireland: late: slot 2054-12-01 00:00 UTC isn't exported"
    assert over == "outbox/ireland: recovered"
    assert failed.startswith("outbox/ireland: run failed: F101 ")
    journal = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [(each["subject"], each["data"]["rows"]) for each in journal] == [("outbox/audience/us", 10)]
    told = [from_http_event(HTTPMessage(each.headers, each.body)) for each in listener.received]
    events: dict[str, list[str]] = {}  # two flows go on at once, so that only the order within each is sure
    for each in told:
        events.setdefault(str(each.get_subject()).rpartition("/")[2], []).append(each.get_type().rpartition(".")[2])
    assert events == {"ireland": ["run-started", "run-succeeded", "run-failed"], "us": ["run-started", "run-succeeded"]}
