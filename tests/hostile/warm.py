"""The command line in a process of its own that need not start: forked from one that has imported what `validate` does.

Starting takes longer than most refusals. What a call takes is its own: a fork's processor time begins at nothing, and its memory with
what the imports take, as that of a started process does.

`python -m tests.hostile.warm` obeys lines of JSON on stdin, one call at a time.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hostile.calls import ROOT, Call, checked


class Warm:
    """One such process, until its block ends."""

    def __init__(self, sound: Path) -> None:
        """`sound`: a folder with a project that is valid, to learn at."""
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.warm"],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PYDANTIC_DISABLE_PLUGINS": "__all__"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        first = self._ask(sound, "validate")
        assert first["code"] == 0, first
        self._ask(sound, learn=first["modules"])

    def __enter__(self) -> Warm:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(300)
        self._folder.cleanup()

    def reconcile(self, project: Path, *arguments: str) -> Call:
        """As `tests.hostile.calls.reconcile`."""
        found = self._ask(project, *arguments)
        out, err = (Path(f"{self._folder.name}/{each}").read_bytes() for each in ("out", "err"))
        return checked(found, out, err)

    def _ask(self, project: Path, *arguments: str, learn: list[str] | None = None) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        words = ["reconcile", "-C", str(project), *arguments]
        order = {"argv": words, "cwd": str(project), "reports": self._folder.name, "home": str(project.parent)}
        self._process.stdin.write(json.dumps({"learn": learn} if learn else order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _obey(order: dict[str, Any]) -> None:
    """Never returns."""
    status = 1
    try:
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{order['reports']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        os.chdir(order["cwd"])
        os.environ["HOME"] = order["home"]
        sys.argv = order["argv"]
        from reconciler.__main__ import main

        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
        Path(order["reports"], "modules").write_text(json.dumps(sorted(sys.modules)))
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    """Each line is answered by one: how the call ended, what it took, and what it had imported."""
    for line in sys.stdin:
        order = json.loads(line)
        if "learn" in order:
            for name in order["learn"]:
                with suppress(Exception):
                    importlib.import_module(name)
            print("{}", flush=True)
            continue
        child = os.fork()
        if not child:
            _obey(order)
        _, status, used = os.wait4(child, 0)
        modules = json.loads(Path(order["reports"], "modules").read_text())
        code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        print(json.dumps({"code": code, "seconds": seconds, "kib": used.ru_maxrss, "modules": modules}), flush=True)


if __name__ == "__main__":
    serve()
