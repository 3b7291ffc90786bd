"""Between an engine and a staged file: encoding, compression, counting, and keeping the first error as it was."""

from __future__ import annotations

import codecs
from typing import Protocol

from reconciler.destinations.base import FileSink

_GZIP = 31
"""zlib's window bits for a gzip header and trailer."""


class Compressor(Protocol):
    """What compression libraries offer."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Pipe:
    """A writable binary stream over a sink. Engines turn what a sink raises into errors of their own: `failure` has the original."""

    def __init__(self, sink: FileSink, compressor: Compressor | None = None, encoding: str = "utf-8", start: bytes = b"") -> None:
        self._sink = sink
        self._compressor = compressor
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder("utf-8")()
        self._encoding = encoding
        self._open = True
        self.written = 0
        self.failure: BaseException | None = None
        self.mode = "wb"
        if start:
            self._pass(start)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Takes UTF-8 text, or bytes where there is neither encoding nor compression."""
        if not self._open:
            raise ValueError("the file is closed")
        if self.failure:
            raise self.failure
        try:
            if self._decoder is None:
                self._pass(data)
            else:
                self._pass(self._decoder.decode(bytes(data)).encode(self._encoding))
        except BaseException as error:
            self.failure = error
            raise
        return len(data)

    def end(self) -> None:
        """Writes what compression still holds. The sink stays open."""
        self._open = False
        if self._compressor is not None and (rest := self._compressor.flush()):
            self._sink.write(rest)
            self.written += len(rest)

    def refuse(self) -> None:
        """No more writes: the sink is being aborted, and a thread of the engine may still be at it."""
        self._open = False

    def flush(self) -> None:
        """Nothing to do: sinks buffer as they like."""

    def close(self) -> None:
        """The engine is done; `end` follows."""

    def _pass(self, data: bytes | bytearray | memoryview) -> None:
        if self._compressor is not None:
            data = self._compressor.compress(bytes(data))
        if data:
            self._sink.write(data)
            self.written += len(data)


def compressor(kind: str) -> Compressor | None:
    """For text. gzip: isal at level 1, several times as fast as zlib for a tenth more bytes."""
    match kind:
        case "none":
            return None
        case "gzip":
            from isal import isal_zlib

            made: Compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
            return made
        case "zstd":
            import zstandard

            return zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        case _:
            raise ValueError(kind)
