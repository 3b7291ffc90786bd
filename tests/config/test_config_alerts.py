"""Alerts as configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.resources.destination import spec_model
from tests.config.support import SAMPLE, codes, document, edited, loaded, marked

CHANNEL = "---\n" + document("AlertChannel", "on-call", "{type: apprise, url: {fromEnv: CHAT_URL}}")
LOCAL = "  connection: {path: out}\n"


def with_alerts(alerts: str, *, more: str = "") -> str:
    return edited(LOCAL, f"{LOCAL}  alerts: {alerts}\n") + CHANNEL + more


def on_activation(alerts: str, of_destination: str = "") -> str:
    """An activation's own, over the sample's one to `outbox`."""
    text = SAMPLE if not of_destination else edited(LOCAL, f"{LOCAL}  alerts: {of_destination}\n")
    more = document(
        "Activation",
        "mine",
        f"{{destination: outbox, schedule: nightly, audiences: [us-high-intent], feed: mine, alerts: {alerts}}}",
    )
    return text + CHANNEL + "---\n" + more


def test_what_is_written_is_resolved_into_the_flow(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        on_activation(
            "[{channel: on-call, delayedAfter: 30m}]",
            "[{channel: on-call, events: [recovered, run-delayed, row-count-unusual]}]",
        ),
    )
    assert found.diagnostics == ()
    assert found.desired is not None
    flow = next(each.spec for each in found.desired.flows.values() if each.spec.feed == "mine")
    (alert,) = flow.alerts
    assert (alert.name, alert.events) == ("on-call", ("run-delayed", "row-count-unusual", "recovered"))
    assert (alert.delayed_after, alert.max_excluded, alert.max_change) == ("30m", None, "50%")
    assert flow.destination.spec.alerts == ()


def test_an_activation_can_be_kept_quiet(tmp_path: Path) -> None:
    text = on_activation("[{channel: on-call, events: []}]", "[{channel: on-call, events: [run-failed]}]")
    desired = loaded(tmp_path, text).require()
    assert {each.spec.feed: len(each.spec.alerts) for each in desired.flows.values() if each.spec.feed} == {"mine": 0}


@pytest.mark.parametrize(
    ("alerts", "code", "mark"),
    [
        ("[{channel: nobody, events: [run-failed]}]", "R101", "nobody"),
        ("[{channel: on-call, events: [run-fails]}]", "C104", "run-fails"),
        ("[{channel: on-call, events: []}]", "C106", "[]"),
        ("[{channel: on-call, events: [recovered, run-started]}]", "R184", "[recovered, run-started]"),
        ("[{channel: on-call, events: [run-failed], delayedAfter: 2h}]", "R182", "2h"),
        ("[{channel: on-call, events: [run-failed], maxChange: 5%}]", "R182", "5%"),
        ("[{channel: on-call, events: [run-failed]}, {channel: on-call, events: [run-held]}]", "R181", "on-call"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(tmp_path: Path, alerts: str, code: str, mark: str) -> None:
    text = with_alerts(alerts)
    (found,) = loaded(tmp_path, text).diagnostics
    assert (found.code, marked(text, found)) == (code, mark)


def test_an_activation_overrides_something(tmp_path: Path) -> None:
    assert codes(loaded(tmp_path, on_activation("[{channel: on-call, delayedAfter: 2h}]")).diagnostics) == ["R183"]
    text = on_activation("[{channel: on-call}]", "[{channel: on-call, events: [run-failed]}]")
    assert codes(loaded(tmp_path / "b", text).diagnostics) == ["C110"]


def test_an_event_that_the_type_can_not_tell_of_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.catalog.types import TYPES

    monkeypatch.setattr(spec_model(TYPES["local"]), "about", replace(TYPES["local"], alerts=("run-failed",)))
    text = with_alerts("[{channel: on-call, events: [run-failed, run-delayed]}]")
    (found,) = loaded(tmp_path, text).diagnostics
    assert (found.code, marked(text, found)) == ("R180", "run-delayed")


@pytest.mark.parametrize(
    "spec",
    [
        "{type: apprise, url: 'slack://a/b/c'}",
        "{type: cloudevents, url: 'https://user:pass@example.com/x'}",
        "{type: cloudevents, url: 'https://example.com/x?token=abc'}",
        "{type: cloudevents, url: 'https://example.com', bearer: abc}",
        "{type: carrier-pigeon}",
    ],
)
def test_a_channel_holds_no_secret(tmp_path: Path, spec: str) -> None:
    found = loaded(tmp_path, SAMPLE + "---\n" + document("AlertChannel", "on-call", spec)).diagnostics
    assert len(found) >= 1
    assert not any("pass@" in each.detail or "abc" in each.detail for each in found)


def test_a_file_of_alerts_stays_in_the_project(tmp_path: Path) -> None:
    text = SAMPLE + "---\n" + document("AlertChannel", "log", "{type: file, path: ../alerts.jsonl}")
    assert codes(loaded(tmp_path, text).diagnostics) == ["P101"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://events.example.com", ["R185"]),
        ("http://localhost.example.com/x", ["R185"]),
        ("https://events.example.com", []),
        ("http://127.0.0.1:8080/x", []),
        ("http://[::1]:8080", []),
    ],
)
def test_no_token_is_sent_in_the_clear(tmp_path: Path, url: str, found: list[str]) -> None:
    channel = document("AlertChannel", "events", f"{{type: cloudevents, url: '{url}', bearer: {{fromEnv: TOKEN}}}}")
    assert codes(loaded(tmp_path, f"{SAMPLE}---\n{channel}").diagnostics) == found
    headers = f"metrics: {{openTelemetry: {{endpoint: '{url}', headers: {{x-key: {{fromEnv: KEY}}}}}}}}"
    project = edited("  ledger: {url: s3://", f"  {headers}\n  ledger: {{url: s3://")
    assert codes(loaded(tmp_path / "spans", project).diagnostics) == found
