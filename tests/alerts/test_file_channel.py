"""Alerts as lines of a file."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from reconciler.alerts.base import AlertError, Message
from reconciler.alerts.file import FileChannel

MESSAGE = Message(
    "an-id", "/p", "recovered", "box/audience/us", datetime(2026, 12, 2, tzinfo=UTC), "success", "t", "b", {"rows": 5}
)


def test_each_line_is_a_cloudevent(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path / "alerts.jsonl")
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    lines = channel.path.read_bytes().splitlines()
    assert len(lines) == 2
    event = from_structured_event(HTTPMessage({"content-type": "application/cloudevents+json"}, lines[0]))
    assert (event.get_type(), json.loads(lines[1])["data"]["rows"]) == ("reconciler.alert.recovered", 5)
    assert stat.S_IMODE(channel.path.stat().st_mode) == 0o600


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AlertError) as caught:
        FileChannel(tmp_path / "nowhere" / "alerts.jsonl").send(MESSAGE)
    assert caught.value.code == "N102"
