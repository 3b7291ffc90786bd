"""The commands of an example's README, lived through in a copy of its folder, each as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.support import Outcome, Reconcile

EXAMPLES = Path(__file__).parents[2] / "examples"
_ENDS = re.compile(r"\s+# ends with (\d+)$")


@dataclass(frozen=True)
class Done:
    """A `reconcile` command of the README, by its words, and what it left."""

    words: Sequence[str]
    outcome: Outcome


def rehearse(name: str, to: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> list[Done]:
    """Copies an example to `to` and does there what its README says, line by line; what `reconcile` said.

    `# ends with N` behind a command is its exit code, else 0. Other lines are given to a shell; `export NAME=VALUE` lasts.
    """
    shutil.copytree(EXAMPLES / name, to)
    monkeypatch.chdir(to)
    monkeypatch.delenv("CI", raising=False)
    (block,) = re.findall(r"^```sh\n(.*?)^```$", (to / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    found = []
    for line in block.splitlines():
        code, command = _ENDS.search(line), _ENDS.sub("", line)
        words = shlex.split(command)
        if words[0] == "reconcile":
            outcome = reconcile(*words[1:])
            assert outcome.code == int(code[1] if code else 0), (line, outcome)
            found.append(Done(words[1:], outcome))
        elif words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
        else:
            subprocess.run(["bash", "-e", "-c", command], check=True, capture_output=True, timeout=60)
    return found


def manifests(of: Path) -> list[Path]:
    """Of a flow's folder, by slot."""
    return sorted(of.glob("exportTime=*/_manifest-*.json"))


def replaced(path: Path, *edits: tuple[str, str]) -> None:
    """Puts what a test has in the place of what an example names; each stands there once."""
    text = path.read_text("utf-8")
    for example, real in edits:
        assert text.count(example) == 1, example
        text = text.replace(example, real)
    path.write_text(text, "utf-8")
