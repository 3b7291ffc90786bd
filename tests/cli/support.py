"""The command line, called in this process or in one of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.main import run


@dataclass(frozen=True)
class Outcome:
    """What a call left."""

    code: int
    out: str
    err: str


class Reconcile:
    """Calls `run` with captured output."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def __call__(self, *arguments: str | Path) -> Outcome:
        self._captured.readouterr()
        code = run([str(each) for each in arguments])
        out, err = self._captured.readouterr()
        return Outcome(code, out, err)


def simulated_shop(folder: Path, reconcile: Reconcile) -> Path:
    """What `init` makes, with a simulated ledger, so that nights can be lived through."""
    assert reconcile("init", folder).code == 0
    with (folder / "reconcile.yaml").open("a") as file:
        file.write('spec:\n  ledger: {url: "file://.reconcile/ledger", simulated: true}\n')
    return folder


def in_a_process(*arguments: str | Path, folder: Path, **environment: str) -> Outcome:
    """`python -m reconciler` in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin", **environment},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
