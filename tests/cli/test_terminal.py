"""Colours and widths: on terminals as they are, never in pipes, and none where NO_COLOR is set."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.config.support import edited, write

ROOT = Path(__file__).parents[2]
AT = "2054-12-01T04:00Z"


@pytest.fixture
def late(simulated: Path, reconcile: Reconcile) -> Path:
    """A flow that is late at AT."""
    assert reconcile("-C", simulated, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return simulated


def on_a_terminal(*arguments: str | Path, **environment: str) -> str:
    """All that is shown on a terminal, line ends as `\\n`."""
    pid, handle = pty.fork()
    if pid == 0:
        for name in ("NO_COLOR", "COLUMNS", "TERM"):
            os.environ.pop(name, None)
        os.environ.update({"TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **environment})
        os.execv(sys.executable, [sys.executable, "-m", "reconciler", *map(str, arguments)])
    shown = b""
    with suppress(OSError):
        while data := os.read(handle, 65_536):
            shown += data
    os.close(handle)
    os.waitpid(pid, 0)
    return shown.decode().replace("\r\n", "\n")


COMMANDS = (("status", "--at", AT), ("plan", "--at", AT), ("history",), ("list", "flows"), ("verify",))


@pytest.mark.parametrize("arguments", COMMANDS)
def test_without_colours_a_terminal_shows_what_a_pipe_gets(
    late: Path, reconcile: Reconcile, arguments: tuple[str, ...]
) -> None:
    piped = reconcile("-C", late, *arguments).out
    assert "\x1b" not in piped
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert on_a_terminal("-C", late, *arguments, COLUMNS="400", **environment) == piped


@pytest.mark.parametrize("arguments", COMMANDS[:2])
def test_a_terminal_gets_colours(late: Path, arguments: tuple[str, ...]) -> None:
    assert "\x1b[3" in on_a_terminal("-C", late, *arguments)


def test_findings_have_colours_on_a_terminal_only(sample: Path) -> None:
    write(sample, {"all.yaml": edited("dataset: prospects", "dataset: prospect")})
    for command in ("validate", "plan"):
        assert "\x1b[31m\x1b[1mR101" in on_a_terminal("-C", sample, command)
        assert "\x1b" not in on_a_terminal("-C", sample, command, NO_COLOR="1")


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_lines_are_cut_where_the_terminal_ends(late: Path, columns: int) -> None:
    plain = {"NO_COLOR": "1", "COLUMNS": str(columns)}
    lines = on_a_terminal("-C", late, "status", "--at", AT, **plain).splitlines()
    assert len(lines[0]) <= columns
    assert lines[0].startswith("late       outbox/us-high-intent")
    assert f"reconcile -C {late} run --select outbox/audience/us-high-intent" in lines[1]


def test_a_watch_redraws_a_terminal_also_without_colours(late: Path) -> None:
    pid, handle = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)})
        os.execv(sys.executable, [sys.executable, "-m", "reconciler", "-C", str(late), "status", "--watch"])
    shown = b""
    with suppress(OSError):
        while data := os.read(handle, 65_536):
            if b"Ctrl-C ends" in shown + data and b"Ctrl-C ends" not in shown:
                os.write(handle, b"\x03")
            shown += data
    os.close(handle)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert shown.startswith(b"\x1b[H\x1b[2J")
    assert b"outbox/us-high-intent" in shown


def test_a_reader_that_leaves_ends_no_work(late: Path) -> None:
    """As in `reconcile run | head -0`: the export is recorded nevertheless."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "-C", str(late), "run", "--at", AT],
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (0, "")
    assert list((late / "out").rglob("part-*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_result_that_can_not_be_written_is_a_failure(late: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", "-C", str(late), "plan", "--format", "json", "--at", AT],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert done.returncode == 1
    assert "could not be written: No space left on device" in done.stderr
