"""Compression of text, a block at a time: gzip's blocks on all cores, zstd's one after the other."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Final, Protocol

BLOCK: Final = 1 << 20
"""Bytes that are compressed at once: so many whatever pieces come, for what comes out depends on it."""
_RAW: Final = -15
"""zlib's window bits for what stands between gzip's header and trailer."""
_HEADER: Final = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
"""Without a time, a name or a system, so that the same rows are the same bytes."""
_LAST: Final = b"\x03\x00"
"""An empty block that says that no other follows."""
_ISAL: Final = 3
"""The highest level that isal has."""


class Packer(Protocol):
    """Takes blocks in order."""

    def add(self, block: bytes) -> bytes:
        """What is packed by now and wasn't given yet."""
        ...

    def settle(self) -> bytes:
        """All that is packed of what was taken and wasn't given yet: the same whatever else the machine does."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


class GzipPacker:
    """One member, whose blocks refer to nothing before them: a twentieth of a percent more bytes, and each can be made anywhere.

    `pool`: where; None: here. `ahead`: how many at once.
    """

    def __init__(self, level: int, pool: Executor | None = None, ahead: int = 0) -> None:
        from isal import isal_zlib

        self._level, self._pool, self._ahead = level, pool, ahead
        self._crc32: Callable[[bytes, int], int] = isal_zlib.crc32
        self._waiting: deque[Future[bytes]] = deque()
        self._checksum = self._size = 0
        self._begun = False

    def add(self, block: bytes) -> bytes:
        self._checksum = self._crc32(block, self._checksum)
        self._size += len(block)
        if self._pool is None or not self._ahead:
            return self._begin() + _deflated(block, self._level)
        self._waiting.append(self._pool.submit(_deflated, block, self._level))
        return self._given(self._ahead)

    def settle(self) -> bytes:
        return self._given(0)

    def end(self) -> bytes:
        rest = self._begin() + self._given(0)
        return rest + _LAST + self._checksum.to_bytes(4, "little") + (self._size % 2**32).to_bytes(4, "little")

    def _given(self, most: int) -> bytes:
        made = []
        while len(self._waiting) > most:
            made.append(self._waiting.popleft().result())
        return self._begin() + b"".join(made) if made else b""

    def _begin(self) -> bytes:
        begun, self._begun = self._begun, True
        return b"" if begun else _HEADER


def _deflated(block: bytes, level: int) -> bytes:
    """Ends with a whole byte."""
    if level > _ISAL:
        slow = zlib.compressobj(level, zlib.DEFLATED, _RAW)
        return slow.compress(block) + slow.flush(zlib.Z_SYNC_FLUSH)
    from isal import isal_zlib

    made = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _RAW)
    return made.compress(block) + made.flush(isal_zlib.Z_SYNC_FLUSH)


class ZstdPacker:
    """One frame: not all that read zstd read several."""

    def __init__(self, level: int) -> None:
        import zstandard

        self._made: Any = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()

    def add(self, block: bytes) -> bytes:
        return bytes(self._made.compress(block))

    def settle(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return bytes(self._made.flush())


def packer(kind: str, level: int | None = None, pool: Executor | None = None, ahead: int = 0) -> Packer | None:
    """For text, by default at level 1. gzip's levels up to 3 are isal's, several times as fast as zlib for a tenth more bytes."""
    match kind:
        case "none":
            return None
        case "gzip":
            return GzipPacker(level or 1, pool, ahead)
        case "zstd":
            return ZstdPacker(level or 1)
        case _:
            raise ValueError(kind)
