"""A file that is encrypted while it is staged, by a process of its own (`child.py`) and through pipes: nothing is on a disk."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

from reconciler.destinations.base import FileSink
from reconciler.encryption.errors import sealing_failure
from reconciler.values.staged import StagedFile

_CHUNK: Final = 1 << 18


class PgpSink:
    """Takes plain bytes; `inner` gets encrypted ones, from a thread of this sink alone."""

    def __init__(self, inner: FileSink, told: bytes) -> None:
        """`told`: what `child.py` reads. Raises `DestinationError` D161."""
        self._inner = inner
        self._failure: BaseException | None = None
        reads, writes = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reconciler.encryption.child", str(reads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(reads,),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
                start_new_session=True,  # a Ctrl-C is for the runner, which finishes or discards the file
            )
        except OSError as error:
            os.close(writes)
            raise sealing_failure(f"No process for encrypting could be started: {error.strerror}.") from error
        finally:
            os.close(reads)
        self._pump = threading.Thread(target=self._forward, name="encrypted", daemon=True)
        self._pump.start()
        with suppress(BrokenPipeError), os.fdopen(writes, "wb") as pipe:
            pipe.write(told)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends; waits while pipes are full."""
        view = memoryview(data).cast("B")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(view)
        except (BrokenPipeError, ValueError):
            raise self._ended() from None
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Waits until all is encrypted and taken, then finishes `inner`: size and hash are of the encrypted file."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            raise self._ended() from None
        self._pump.join()
        if self._process.wait() != 0 or self._failure is not None:
            raise self._ended()
        return self._inner.finish(rows)

    def abort(self) -> None:
        """Ends the process and aborts `inner`."""
        self._process.kill()
        with suppress(OSError, ValueError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._pump.join()
        self._process.wait()
        self._inner.abort()

    def _forward(self) -> None:
        assert self._process.stdout is not None
        try:
            with self._process.stdout as output:
                while chunk := os.read(output.fileno(), _CHUNK):
                    self._inner.write(chunk)
        except BaseException as error:
            self._failure = error
            self._process.kill()

    def _ended(self) -> BaseException:
        """Why the process has ended early: what `inner` met, or its own reason."""
        self._process.kill()
        self._pump.join()
        code = self._process.wait()
        if self._failure is not None:
            return self._failure
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return sealing_failure(f"The process that encrypts ended with {how} before the file was whole.")
