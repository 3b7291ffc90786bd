"""Between an engine and a staged file: encoding, compression, counting, and keeping the first error as it was."""

from __future__ import annotations

import codecs
import queue
import threading
import zlib
from typing import Protocol

from reconciler.destinations.base import FileSink

_AHEAD = 2
_BLOCK = 1 << 20
"""Bytes that are compressed at once: so many whatever pieces come, for what comes out may depend on it."""
_GZIP = 31
"""zlib's window bits for a gzip header and trailer."""
_ISAL = 3
"""The highest level that isal has."""


class Compressor(Protocol):
    """What compression libraries offer."""

    def compress(self, data: bytes | memoryview, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Pipe:
    """A writable binary stream over a sink. Engines turn what a sink raises into errors of their own: `failure` has
    the original.

    With `ahead`, encoding, compression and the sink work in a thread of their own, so that serialising goes on
    meanwhile; at most `_AHEAD` pieces wait.
    """

    def __init__(
        self, sink: FileSink, compressor: Compressor | None = None, encoding: str = "utf-8", *, ahead: bool = False
    ) -> None:
        self._sink = sink
        self._compressor = compressor
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder("utf-8")()
        self._encoding = encoding
        self._rest = b""
        self._open = True
        self._queue: queue.Queue[bytes | None] | None = queue.Queue(_AHEAD) if ahead else None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True) if ahead else None
        if self._thread is not None:
            self._thread.start()
        self.written = 0
        self.failure: BaseException | None = None
        self.mode = "wb"

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Takes UTF-8 text, or bytes where there is neither encoding nor compression.

        Raises what an earlier piece met.
        """
        if not self._open:
            raise ValueError("the file is closed")
        if self.failure is not None:
            raise self.failure
        if self._queue is not None:
            self._queue.put(bytes(data))
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
        return self.written

    def end(self) -> None:
        """Writes what waits and what compression still holds. The sink stays open."""
        self._stop()
        if self.failure is not None:
            raise self.failure
        if self._compressor is not None:
            rest = self._compressor.compress(self._rest) + self._compressor.flush()
            self._sink.write(rest)
            self.written += len(rest)

    def refuse(self) -> None:
        """No more writes: the sink is being aborted, and a thread of the engine may still be at it.

        What waits is dropped.
        """
        self.failure = self.failure or ValueError("the file is given up")
        self._stop()

    def flush(self) -> None:
        """Nothing to do: sinks buffer as they like."""

    def close(self) -> None:
        """The engine is done; `end` follows."""

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

    def _take(self, data: bytes | bytearray | memoryview) -> None:
        try:
            if self._decoder is not None:
                data = self._decoder.decode(bytes(data)).encode(self._encoding)
            if self._compressor is not None:
                data = self._compressed(data, self._compressor)
            if data:
                self._sink.write(data)
                self.written += len(data)
        except BaseException as error:
            self.failure = error

    def _compressed(self, data: bytes | bytearray | memoryview, compressor: Compressor) -> bytes:
        """In blocks as they come, copying no more than what was left of the piece before."""
        piece, made = memoryview(data), []
        if self._rest:
            missing = _BLOCK - len(self._rest)
            self._rest += piece[:missing]
            piece = piece[missing:]
            if len(self._rest) < _BLOCK:
                return b""
            made.append(compressor.compress(self._rest))
        whole = len(piece) - len(piece) % _BLOCK
        made += [compressor.compress(piece[start : start + _BLOCK]) for start in range(0, whole, _BLOCK)]
        self._rest = bytes(piece[whole:])
        return b"".join(made)


def compressor(kind: str, level: int | None = None) -> Compressor | None:
    """For text, by default at level 1. gzip's levels up to 3 are isal's, several times as fast as zlib for a tenth more bytes."""
    level = level or 1
    match kind:
        case "none":
            return None
        case "gzip":
            if level > _ISAL:
                return zlib.compressobj(level, zlib.DEFLATED, _GZIP)
            from isal import isal_zlib

            made: Compressor = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP)
            return made
        case "zstd":
            import zstandard

            return zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
        case _:
            raise ValueError(kind)
