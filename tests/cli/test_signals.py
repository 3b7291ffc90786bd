"""Real signals to real processes in the middle of an export: what stays, and what the next call makes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.slow import FLOW, ROOT, command, everything_once, go_on, slow_project, staged, started, visible
from tests.cli.support import Reconcile
from tests.config.support import document, write

AT = ("--at", "2054-12-01T02:00Z")
NUMBERS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.fixture
def project(tmp_path: Path, reconcile: Reconcile) -> Path:
    folder = slow_project(tmp_path / "slow")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def interrupted(project: Path, number: signal.Signals, *arguments: str) -> tuple[str, str]:
    """Sends a signal in the middle of an export, which then may go on. Nothing of the export stays."""
    process = started(project, *arguments)
    assert process.stderr is not None
    process.send_signal(number)
    assert process.stderr.readline().startswith("Stopping: ")
    go_on(project)
    out, err = process.communicate(timeout=60)
    assert process.returncode == NUMBERS[number], (out, err)
    assert staged(project) == []
    assert visible(project) == []
    assert "Traceback" not in err
    return out, err


@pytest.mark.parametrize("number", NUMBERS)
def test_a_run_that_is_asked_to_stop_discards_and_the_next_exports_once(
    project: Path, reconcile: Reconcile, number: signal.Signals
) -> None:
    out, err = interrupted(project, number, "run", *AT)
    assert out == ""
    assert err == f"Stopped. Next: reconcile -C {project} run\n"
    status = reconcile("-C", project, "status", *AT)
    assert "1 due" in status.out
    assert reconcile("-C", project, "run", *AT).code == 0
    assert everything_once(project)
    assert reconcile("-C", project, "run", *AT).out.startswith("Nothing due. Next export ")


def test_an_apply_keeps_what_it_applied_and_discards_the_export(project: Path, reconcile: Reconcile) -> None:
    write(project, {"other.yaml": document("Destination", "other", "{type: local, connection: {path: other}}")})
    out, err = interrupted(project, signal.SIGINT, "apply", "--yes", *AT)
    assert "✓ destination  other" in out
    found = reconcile("-C", project, "plan", *AT)
    assert err.endswith(f"Stopped. Next: reconcile -C {project} apply\n")
    assert "destination" not in found.out
    assert "▶ export" in found.out
    assert reconcile("-C", project, "apply", "--yes", *AT).code == 0
    assert everything_once(project)


def test_an_export_on_demand_leaves_the_schedule_as_it_was(project: Path, reconcile: Reconcile) -> None:
    _, err = interrupted(project, signal.SIGTERM, "export", FLOW, "--full", "--at", "2054-12-01T01:00Z")
    # No run goes on with it: what was asked for and is discarded is asked for again.
    assert err == f"Stopped. Next: reconcile -C {project} export {FLOW} --full --at 2054-12-01T01:00Z\n"
    assert reconcile("-C", project, "run", *AT).code == 0
    assert everything_once(project)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_second_signal_ends_at_once_and_the_next_run_completes(
    project: Path, reconcile: Reconcile, number: signal.Signals
) -> None:
    process = started(project, "run", *AT)
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("Stopping: ")
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == NUMBERS[number]
    assert visible(project) == []
    if "left to another runner" in reconcile("-C", project, "run", *AT).out:
        # It ended before it noted that its run is over, and its lease isn't: another runner leaves it alone, unless a person says so.
        assert reconcile("-C", project, "ledger", "release", FLOW).code == 0
        assert reconcile("-C", project, "run", *AT).code == 0
    assert staged(project) == []
    assert everything_once(project)


DEAF = """
import hashlib, sys, time
from reconciler.cli.console import Console
from reconciler.cli.signals import stopping
with stopping(Console(), "reconcile run") as stop:
    print("ready", flush=True)
    if sys.argv[1] == "native":
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2_000_000_000)
    while True:
        time.sleep(60)
"""


@pytest.mark.parametrize("work", ["python", "native"])
@pytest.mark.parametrize("number", NUMBERS)
def test_work_that_does_not_stop_ends_at_the_second_signal(work: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEAF, work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stderr.readline().startswith("Stopping: ")
        assert process.poll() is None
        process.send_signal(number)
        try:
            assert process.wait(60) == NUMBERS[number]
        finally:
            process.kill()


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(project: Path) -> None:
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.executable, sys.argv[1:])"
    )
    process = started(project, given=[sys.executable, "-c", ignoring, *command("-C", project, "run", *AT)])
    process.send_signal(signal.SIGINT)
    go_on(project)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), out
    assert everything_once(project)


def test_where_nothing_needs_finishing_a_signal_ends_at_once(tmp_path: Path) -> None:
    code = (
        "import signal, time; from reconciler.cli import main, validate\n"
        "import click\n"
        "def wait():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "validate.command = click.command('validate')(wait)\n"
        "main.main(['validate'])"
    )
    for number, expected in NUMBERS.items():
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            assert process.wait(60) == expected


IN_POLARS = """
import os, signal, sys
if sys.argv[1] == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
from reconciler.cli.console import Console
from reconciler.cli.signals import stopping
with stopping(Console(), "reconcile run") as stop:
    import polars as pl
    def signalled(rows):
        os.kill(os.getpid(), signal.SIGINT)
        return rows
    rows = pl.DataFrame({"a": range(100_000)}).lazy().map_batches(signalled).sort("a").group_by("a").len().collect()
    print(rows.height, stop(), flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize("given", ["taken", "ignored"])
def test_polars_leaves_the_signal_to_us(given: str) -> None:
    """By itself it catches SIGINT even where that is ignored, and raises KeyboardInterrupt amid a query."""
    done = subprocess.run(
        [sys.executable, "-c", IN_POLARS, given],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    # Whether the thread that listens has noted it by then is a matter of chance.
    assert done.stdout in (("100000 True\n", "100000 False\n") if given == "taken" else ("100000 False\n",)), done
