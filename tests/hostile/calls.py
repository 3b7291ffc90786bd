"""The command line as a user calls it: a process of its own, whose end, words, processor time and memory are looked at."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "reconciler")
_PLACE = re.compile(r"^(\S[^\n]*?):(\d+):(\d+)  ([A-Z]\d{3}) ", re.MULTILINE)
_SAID = re.compile(r"\b([A-Z]\d{3})\b(?= +\w)")

# Between us and the command, since the largest resident size of a process that is started begins with its parent's.
_LAUNCHER = """
import json, os, resource, sys
report, umask, largest = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
child = os.fork()
if not child:
    os.close(report)
    if umask >= 0:
        os.umask(umask)
    if largest >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    os.execv(sys.argv[4], sys.argv[4:])
_, status, used = os.wait4(child, 0)
found = {"code": os.waitstatus_to_exitcode(status), "seconds": used.ru_utime + used.ru_stime, "kib": used.ru_maxrss}
os.write(report, json.dumps(found).encode())
"""


@dataclass(frozen=True)
class Call:
    """What a call left. `seconds` of processor time, not of the clock; `megabytes`: the most that was resident."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float

    @property
    def said(self) -> str:
        """Everything that a person or a log sees."""
        return self.out + self.err

    def codes(self) -> set[str]:
        """Codes of diagnostics and errors that are said."""
        return {found[1] for found in _SAID.finditer(self.said)}

    def places(self) -> list[tuple[str, int, int, str]]:
        """Path, line, column and code of each diagnostic."""
        return [(found[1], int(found[2]), int(found[3]), found[4]) for found in _PLACE.finditer(self.said)]


def reconcile(
    project: Path,
    *arguments: str | Path,
    umask: int = -1,
    largest: int = -1,
    command: tuple[str, ...] = COMMAND,
    **environment: str,
) -> Call:
    """`reconcile -C project …`. `largest`: bytes that a file may grow to. No call may end in a traceback."""
    read, write = os.pipe()
    words = [*command, "-C", str(project), *map(str, arguments)]
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(write), str(umask), str(largest), *words],
            cwd=project,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(project.parent), **environment},
            capture_output=True,
            timeout=300,
            check=False,
            pass_fds=(write,),
        )
    finally:
        os.close(write)
    with os.fdopen(read, "rb") as report:
        found = json.loads(report.read())
    return checked(found, done.stdout, done.stderr)


def checked(found: Mapping[str, Any], *said: bytes) -> Call:
    """What a call left, of which none may end in a traceback."""
    out, err = (each.decode("utf-8", "surrogateescape") for each in said)
    assert "Traceback" not in out + err, (out + err)[-3000:]
    assert "this is a bug" not in err, err
    return Call(found["code"], out, err, found["seconds"], found["kib"] / 1024)


def contents(folder: Path) -> Mapping[str, bytes | str]:
    """All files and links below a folder, with what is in them: to see that nothing was overwritten."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and ".locks" not in path.parts:
            found[name] = path.read_bytes()
    return found
