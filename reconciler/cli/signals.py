"""Ctrl-C and SIGTERM: once, work that is under way is finished or discarded; twice, the process ends at once.

Both leave what the next call completes. The signals are read by a thread of their own, since the working one may be deep in an engine for
seconds, where Python runs no handlers.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from reconciler.cli.console import Console
from reconciler.cli.exits import SIGNALLED

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """Work ended early because somebody asked for it. `exit_code`: 130 for Ctrl-C, 143 for SIGTERM; `then`: the command that goes on."""

    def __init__(self, number: int, then: str) -> None:
        super().__init__(signal.Signals(number).name)
        self.then = then
        self.exit_code = SIGNALLED + number


class Terminated(BaseException):
    """SIGTERM where no work is under way that needs finishing."""


def terminated(_number: int, _frame: object) -> None:
    """A handler that lets `finally` run."""
    raise Terminated


@contextmanager
def stopping(console: Console, then: str, done: str = "") -> Iterator[Callable[[], bool]]:
    """Yields whether somebody asked to stop. Raises `Stopped` at its end if so, whatever was finished by then. `then`: the command that
    goes on; `done`: what stands in for it where the work came to its end all the same.

    A signal that the process was started to ignore, as by nohup, stays ignored.
    """
    from reconciler.export.job import Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    with _Listening(console) as listening:
        try:
            yield lambda: listening.number != 0
        except Interrupted as error:
            raise Stopped(listening.number or signal.SIGINT, then) from error
    if listening.number:
        raise Stopped(listening.number, done or then)


class _Listening:
    """Takes the signals over while it is entered. `number`: the first one that came, else 0."""

    def __init__(self, console: Console) -> None:
        self.number = 0
        self._console = console
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)

    def __enter__(self) -> _Listening:
        ignored = [each for each in SIGNALS if signal.getsignal(each) is signal.SIG_IGN]
        _load_engine()
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)
        self._reads, self._writes = os.pipe()
        os.set_blocking(self._writes, False)
        self._wakeup = signal.set_wakeup_fd(self._writes, warn_on_full_buffer=False)
        self._handlers = {
            each: signal.signal(each, lambda _number, _frame: None) for each in SIGNALS if each not in ignored
        }
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._writes)
        self._thread.join()
        os.close(self._reads)

    def _listen(self) -> None:
        while received := os.read(self._reads, 16):
            for number in received:
                if number not in SIGNALS:
                    continue
                if self.number:
                    os._exit(SIGNALLED + number)
                self.number = number
                self._console.say(
                    "Stopping: what is open is finished or discarded. A second signal ends at once; the next call completes it.",
                    "stopping",
                    "warning",
                    signal=signal.Signals(number).name,
                )


def _load_engine() -> None:
    """Polars, when it is loaded, takes SIGINT over, also where it was ignored, and raises KeyboardInterrupt amid a query: so it is
    loaded before the signals are ours."""
    with suppress(ImportError):
        import polars  # noqa: F401
