"""Between an engine and a staged file: encoding, compression, counting, and keeping the first error as it was."""

from __future__ import annotations

import codecs
import queue
import threading

from reconciler.destinations.base import FileSink
from reconciler.export.packing import BLOCK, Packer

_AHEAD = 2


class Pipe:
    """What is written to a sink. `failure`: the first thing that went wrong.

    With `ahead`, encoding, compression and the sink work in a thread of their own, so that serialising goes on
    meanwhile; at most `_AHEAD` pieces wait.
    """

    def __init__(
        self, sink: FileSink, packer: Packer | None = None, encoding: str = "utf-8", *, ahead: bool = False
    ) -> None:
        self._sink = sink
        self._packer = packer
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder("utf-8")()
        self._encoding = encoding
        self._rest = b""
        self._open = True
        self._queue: queue.Queue[bytes | memoryview | None] | None = queue.Queue(_AHEAD) if ahead else None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True) if ahead else None
        if self._thread is not None:
            self._thread.start()
        self.written = 0
        self.failure: BaseException | None = None

    def write(self, data: bytes | memoryview, /) -> int:
        """Takes UTF-8 text, or bytes where there is neither encoding nor compression. Nobody changes them any more.

        Raises what an earlier piece met.
        """
        if not self._open:
            raise ValueError("the file is closed")
        if self.failure is not None:
            raise self.failure
        if self._queue is not None:
            self._queue.put(data)
        else:
            self._take(data)
            if self.failure is not None:
                raise self.failure
        return len(data)

    def settled(self) -> int:
        """Bytes written, once all that was taken is: the same whatever else the machine does. Raises what was met."""
        if self._queue is not None:
            self._queue.join()
        if self.failure is not None:
            raise self.failure
        if self._packer is not None:
            self._put(self._packer.settle())
        return self.written

    def end(self) -> None:
        """Writes what waits and what compression still holds. The sink stays open."""
        self._stop()
        if self.failure is not None:
            raise self.failure
        if self._packer is not None:
            self._put((self._packer.add(self._rest) if self._rest else b"") + self._packer.end())

    def refuse(self) -> None:
        """No more writes: the sink is being aborted, and a thread of the engine may still be at it.

        What waits is dropped.
        """
        self.failure = self.failure or ValueError("the file is given up")
        self._stop()

    def _stop(self) -> None:
        self._open = False
        if self._queue is not None and self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._queue = None

    def _work(self) -> None:
        assert self._queue is not None
        waiting = self._queue
        while (data := waiting.get()) is not None:
            if self.failure is None:
                self._take(data)
            waiting.task_done()

    def _take(self, data: bytes | memoryview) -> None:
        try:
            if self._decoder is not None:
                data = self._decoder.decode(bytes(data)).encode(self._encoding)
            if self._packer is not None:
                data = self._packed(data, self._packer)
            self._put(data)
        except BaseException as error:
            self.failure = error

    def _put(self, data: bytes | memoryview) -> None:
        if data:
            self._sink.write(data)
            self.written += len(data)

    def _packed(self, data: bytes | memoryview, packer: Packer) -> bytes:
        """In blocks as they come, copying no more than a block of it at once."""
        piece, made = memoryview(data), []
        if self._rest:
            missing = BLOCK - len(self._rest)
            self._rest += piece[:missing]
            piece = piece[missing:]
            if len(self._rest) < BLOCK:
                return b""
            made.append(packer.add(self._rest))
        whole = len(piece) - len(piece) % BLOCK
        made += [packer.add(bytes(piece[start : start + BLOCK])) for start in range(0, whole, BLOCK)]
        self._rest = bytes(piece[whole:])
        return b"".join(made)
