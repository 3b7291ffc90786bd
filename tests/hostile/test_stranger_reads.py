"""`validate` and `plan --base` on a stranger's project: watched from inside by the interpreter's own audit events.

They open nothing outside of the project but what belongs to Python and this tool, speak to nobody, start no program but git,
and take no code of the project, whatever the project holds and names.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.config.support import SAMPLE, edited, write
from tests.hostile.calls import ROOT, reconcile
from tests.hostile.test_stranger_git import git

# Runs the command with a hook that notes every file, socket, program and import; `exec` of another interpreter can't escape it unnoticed.
WATCHED = """
import json, os, sys
RUNS = ("os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty", "os.spawn")
seen = []
def hook(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "sqlite3.connect", "ctypes.dlopen"):
        seen.append((event, os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes, os.PathLike)) else ""))
    elif event.partition(".")[0] in ("socket", "subprocess", "pty", "urllib", "ftplib", "smtplib") or event in RUNS:
        seen.append((event, repr(arguments[:2])))
    elif event == "import":
        seen.append((event, f"{arguments[0]} {arguments[1] or ''}"))
sys.addaudithook(hook)
from reconciler.cli.main import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as report:
    json.dump(seen, report)
sys.exit(code)
"""
TRAPS = {
    "sitecustomize.py": "raise SystemExit('ran')",
    "usercustomize.py": "raise SystemExit('ran')",
    "yaml.py": "raise SystemExit('ran')",
    "click.py": "raise SystemExit('ran')",
    "reconciler/__init__.py": "raise SystemExit('ran')",
    "conftest.py": "raise SystemExit('ran')",
    ".env": "AWS_ACCESS_KEY_ID=x",
}
OUTSIDE = """
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: reaching}}
spec: {{type: aws, auth: {{accessKey: {{accessKeyId: {{fromFile: {outside}/id}}, secretAccessKey: {{fromFile: {outside}/key}}}}}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: reaching}}
spec: {{type: local, connection: {{path: {outside}/out}}}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: reaching}}
spec: {{location: {outside}/people, format: csv, columns: {{id: {{type: string}}}}}}
"""
"""Secrets, data and a folder that are there, outside of the project, and that nobody has a need to look at."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write(tmp_path / "project", {"all.yaml": edited("intent_score >= 0.7", "intent_score >= 0.8"), **TRAPS})
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    outside = write(tmp_path / "outside", {"id": "AKIA", "key": "secret", "people/a.csv": "id\n1\n"})
    (folder / "all.yaml").write_text(SAMPLE + OUTSIDE.format(outside=outside))
    git(folder, "commit", "-qam", "second")
    return folder


def watched(project: Path, *arguments: str) -> list[tuple[str, str]]:
    """Everything of note that the command did."""
    report = project.parent / "seen.json"
    found = reconcile(
        project,
        *arguments,
        command=(sys.executable, "-B", "-P", "-c", WATCHED, str(report)),
        PYTHONDONTWRITEBYTECODE="1",
        RECONCILER_CACHE=str(project.parent / "cache"),
        TMPDIR=str(write(project.parent / "scratch", {"here": ""})),
    )
    assert found.code == 0, found.said
    seen: list[tuple[str, str]] = [
        (event, what) for event, what in json.loads(report.read_text()) if what != str(report)
    ]
    assert any(event == "open" and what.endswith("all.yaml") for event, what in seen), "the hook saw nothing"
    return seen


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate",),
        ("validate", "--format", "json"),
        ("plan", "--base", "HEAD~1"),
        ("plan", "--base", "HEAD~1", "--format", "markdown"),
    ],
    ids=" ".join,
)
def test_nothing_outside_is_read_spoken_to_or_run(project: Path, arguments: tuple[str, ...]) -> None:
    seen = watched(project, *arguments)
    programs = [
        what
        for event, what in seen
        if event.startswith(("subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "pty."))
    ]
    assert [each for each in programs if "git" not in each.split(",")[0]] == []
    assert bool(programs) == ("--base" in arguments)
    assert [
        each for each in seen if each[0].startswith(("socket.", "urllib.", "ftplib.", "smtplib.", "sqlite3."))
    ] == []
    assert [what for event, what in seen if event == "import" and str(project) in what] == []
    outside = {
        what for event, what in seen if event in ("open", "os.listdir", "os.scandir") and not allowed(what, project)
    }
    assert outside == set()


OURS = [ROOT, *(Path(each) for each in (sys.prefix, sys.base_prefix, *sys.path) if each)]
SYSTEM = ("/dev/null", "/dev/urandom", "/usr/share/zoneinfo", "/etc/localtime", "/proc/", "/sys/", "/usr/lib", "/lib")


def allowed(what: str, project: Path) -> bool:
    """The project, the interpreter with its libraries, this tool with its cache and scratch files, and what belongs to the system."""
    if not what or what.isdigit():
        return True
    path = Path(os.path.realpath(os.path.join(project, what)))
    inside = (project, project.parent / "cache", project.parent / "scratch", *OURS)
    return any(path.is_relative_to(each) for each in inside) or what.startswith(SYSTEM)
