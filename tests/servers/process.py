"""Server processes for tests: free loopback ports, readiness, and a stop by the process's own id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Said to the kernel by a process of its own: a fork of this one must not load libraries, for another thread may be at it."""


class ServerFailed(Exception):
    """The server ended early or wasn't ready in time; the message holds the end of its log."""


def free_ports(count: int) -> list[int]:
    """Distinct ports of 127.0.0.1 that are free now.

    Another process may take one before it is used: callers try again.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def answers(url: str) -> bool:
    """Whether anything speaks HTTP at `url`, whatever the status."""
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    *,
    env: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> Iterator[int]:
    """Runs a server until the block ends and yields its process id. Enter it from the main thread.

    The kernel ends the server with the thread that started it, so that even a killed test run leaves none behind.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-ISc", _WITH_PARENT, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(env or {})},
        )
    try:
        _wait_until(ready, process, command, log, seconds)
        yield process.pid
    finally:
        _stop(process)


def _wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], command: Sequence[str], log: Path, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            raise ServerFailed(f"{command!r} is not ready (exit {process.poll()}):\n{tail}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes], grace: float = 1.0) -> None:
    """SIGTERM, then SIGKILL: SeaweedFS takes 16 s to leave on its own, and its data is thrown away anyway."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
