"""When progress is shown: a line that is redrawn on a terminal, plain lines at intervals elsewhere, nothing when it is quick."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from reconciler.cli.console import Console
from reconciler.cli.progress import EVERY, FIRST, QUICK, Display
from reconciler.export.job import Progress
from reconciler.values.identity import FlowId
from tests.cli.slow import command, environment, go_on, slow_project
from tests.cli.support import Reconcile

US, DE = FlowId("box", "audience", "us"), FlowId("box", "audience", "de")


@dataclass
class Clock:
    """Seconds, as the test says."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(StringIO):
    """A stderr that says it is one."""

    def isatty(self) -> bool:
        return True


Stderr = Callable[[StringIO], StringIO]


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Stderr:
    """Puts a stream in stderr's place, from within a test: pytest puts its own there before each."""

    def placed(stream: StringIO) -> StringIO:
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("COLUMNS", "100")
        return stream

    return placed


def display(clock: Clock, form: str = "text") -> Display:
    return Display(Console(form), clock=clock)  # type: ignore[arg-type]


def test_nothing_when_quick(stderr: Stderr) -> None:
    err = stderr(StringIO())
    clock = Clock()
    shown = display(clock)
    shown.update(US, Progress(10, 1, 2, 0))
    clock.now = FIRST - 0.1
    shown.tick()
    shown.done(US)
    clock.now = 1_000
    shown.tick()
    assert err.getvalue() == ""


def test_plain_lines_at_intervals_elsewhere(stderr: Stderr) -> None:
    err = stderr(StringIO())
    clock = Clock()
    shown = display(clock)
    shown.update(US, Progress(0, 0, 100, 0))
    for second in range(1, 71):
        clock.now = second
        shown.update(US, Progress(second * 1_000, second, 100, 0))
        shown.tick()
    lines = err.getvalue().splitlines()
    assert len(lines) == 1 + (70 - FIRST) // EVERY
    assert lines[0] == "  ▶ export       box/us  10 % · 10 k rows · 1,000 rows/s · 1:30 left"
    assert "\x1b" not in err.getvalue()
    assert "\r" not in err.getvalue()


def test_one_object_a_line_for_machines(stderr: Stderr) -> None:
    err = stderr(StringIO())
    clock = Clock()
    shown = display(clock, "json")
    shown.update(US, Progress(0, 0, 100, 0))
    clock.now = FIRST
    shown.update(US, Progress(5_000, 50, 100, 1))
    shown.tick()
    (line,) = map(json.loads, err.getvalue().splitlines())
    assert (line["event"], line["flow"], line["rows"], line["bytesRead"]) == ("progress", "box/audience/us", 5_000, 50)
    assert (line["files"], line["secondsLeft"], line["level"]) == (1, 10.0, "info")


def test_a_terminal_gets_one_line_that_is_redrawn_and_goes(stderr: Stderr) -> None:
    terminal = stderr(Terminal())
    clock = Clock()
    shown = display(clock)
    shown.update(US, Progress(0, 0, 100, 0))
    clock.now = QUICK / 2
    shown.tick()
    assert terminal.getvalue() == ""
    for second in (2, 3):
        clock.now = second
        shown.update(US, Progress(second * 1_000, second, 100, 0))
        shown.tick()
    first, second_line = terminal.getvalue().split("\r\x1b[K")
    assert first.startswith("  ▶ export       box/us  ──")
    assert "3 %" in second_line
    assert "\n" not in terminal.getvalue()
    shown.done(US)
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_result_is_printed_above_it(stderr: Stderr) -> None:
    terminal = stderr(Terminal())
    clock = Clock()
    shown = display(clock)
    shown.update(US, Progress(1, 1, 100, 0))
    shown.update(DE, Progress(1, 1, 100, 0))
    clock.now = 2
    shown.tick()
    drawn = terminal.getvalue()
    assert "+1 more" in drawn
    shown.console.out("a result")
    assert terminal.getvalue() == f"{drawn}\r\x1b[K{drawn}"
    shown.done(US)
    shown.tick()
    assert "box/de" in terminal.getvalue()


def test_a_real_export_on_a_real_terminal(tmp_path: Path, reconcile: Reconcile) -> None:
    project = slow_project(tmp_path / "slow")
    assert reconcile("-C", project, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    pid, handle = pty.fork()
    if pid == 0:
        os.environ.update(environment(project), TERM="xterm-256color", COLUMNS="100")
        line = command("-C", project, "run", "--at", "2054-12-01T02:00Z")
        os.execv(line[0], line)
    shown = b""
    with suppress(OSError):  # how a terminal's other end says that all have left
        while data := os.read(handle, 65_536):
            shown += data
            if "▶" in shown.decode(errors="replace"):
                go_on(project)
    os.close(handle)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = shown.decode()
    assert text.startswith("  ▶ export       box/people  ")
    # What was drawn is gone before the result is there.
    assert "\r\x1b[K  ✓ export       box/people  60,000 rows" in text
