"""Compression of text, a block at a time: gzip's blocks on all cores, zstd's one after the other."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final, Protocol

from reconciler.export.ahead import InOrder

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

    `pool` and `ahead`: as of `InOrder`.
    """

    def __init__(self, level: int, pool: Executor | None = None, ahead: int = 0) -> None:
        from isal import isal_zlib

        self._crc32: Callable[[bytes, int], int] = isal_zlib.crc32
        self._made = [_HEADER]
        self._blocks = InOrder(partial(_deflated, level), self._made.append, pool, ahead)
        self._checksum = self._size = 0

    def add(self, block: bytes) -> bytes:
        self._checksum = self._crc32(block, self._checksum)
        self._size += len(block)
        self._blocks.add(block)
        return self._taken()

    def settle(self) -> bytes:
        self._blocks.settle()
        return self._taken()

    def end(self) -> bytes:
        self._blocks.settle()
        self._made += [_LAST, self._checksum.to_bytes(4, "little"), (self._size % 2**32).to_bytes(4, "little")]
        return self._taken()

    def _taken(self) -> bytes:
        made = b"".join(self._made)
        self._made.clear()
        return made


def _deflated(level: int, block: bytes) -> bytes:
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
