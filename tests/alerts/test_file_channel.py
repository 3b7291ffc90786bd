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
    "an-id", "/p", "recovered", "box/audience/us", datetime(2054, 12, 2, tzinfo=UTC), "success", "t", "b", {"rows": 5}
)


def test_each_line_is_a_cloudevent(tmp_path: Path) -> None:
    channel, path = FileChannel(tmp_path, "alerts.jsonl"), tmp_path / "alerts.jsonl"
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    lines = path.read_bytes().splitlines()
    assert len(lines) == 2
    event = from_structured_event(HTTPMessage({"content-type": "application/cloudevents+json"}, lines[0]))
    assert (event.get_type(), json.loads(lines[1])["data"]["rows"]) == ("reconciler.alert.recovered", 5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AlertError) as caught:
        FileChannel(tmp_path, "nowhere/alerts.jsonl").send(MESSAGE)
    assert caught.value.code == "N102"


def test_a_link_does_not_lead_out_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "precious").write_text("mine\n")
    (tmp_path / "project" / "alerts.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(AlertError, match="leads out of the project"):
        FileChannel(tmp_path / "project", "alerts.jsonl").send(MESSAGE)
    FileChannel(tmp_path / "project", str(tmp_path / "elsewhere.jsonl")).send(MESSAGE)
    assert (tmp_path / "precious").read_text() == "mine\n"
    assert (tmp_path / "elsewhere.jsonl").exists()
