"""Shell completion: the scripts, and what is completed, as README says; in a real bash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS
from tests.cli.support import in_a_process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("shell", "registers"),
    [
        ("bash", "complete -o nosort -F _reconcile_completion reconcile"),
        ("zsh", "compdef _reconcile_completion reconcile"),
        ("fish", "complete --no-files --command reconcile"),
    ],
)
def test_each_shell_gets_its_script(shell: str, registers: str, tmp_path: Path) -> None:
    found = in_a_process(folder=tmp_path, _RECONCILE_COMPLETE=f"{shell}_source")
    assert (found.code, found.err) == (0, "")
    assert registers in found.out
    assert f"{shell}_source" in README


def completed(line: str, folder: Path) -> list[str]:
    """What bash offers at the end of a line, by README's own line."""
    (folder / "reconcile").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reconciler "$@"\n')
    (folder / "reconcile").chmod(0o755)
    setup = 'eval "$(_RECONCILE_COMPLETE=bash_source reconcile)"'
    assert f"`{setup}`" in README
    words = line.split(" ")
    script = f"""
    {setup}
    COMP_WORDS=({" ".join(repr(word) for word in words)})
    COMP_CWORD={len(words) - 1}
    _reconcile_completion reconcile
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin"},
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_commands(tmp_path: Path) -> None:
    assert completed("reconcile ", tmp_path) == sorted(COMMANDS)
    assert completed("reconcile sta", tmp_path) == ["status"]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("reconcile run --s", {"--select"}),
        ("reconcile status --format ", {"text", "json"}),
        ("reconcile --log-format ", {"text", "json"}),
        ("reconcile ledger ", {"show", "release"}),
        ("reconcile -", {"-C", "--log-format", "--help"}),
    ],
)
def test_options_choices_and_what_is_below(line: str, some: set[str], tmp_path: Path) -> None:
    assert set(completed(line, tmp_path)) >= some
