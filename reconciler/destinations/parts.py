"""A stream cut into parts that go up while the next one is filled, hashed as it is written; bounded memory."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from reconciler.values.staged import Part

MIB: Final = 1 << 20
_AT_ONCE: Final = 2


def part_size(number: int) -> int:
    """Bytes of a part, by its number from 1: 8 MiB at first, so that 10,000 of them hold 422 GiB and memory stays bounded."""
    if number <= 2_000:
        return 8 * MIB
    return 16 * MIB if number <= 4_000 else 64 * MIB


class PartStream:
    """`send(number, body)` uploads a part, numbered from 1, in a thread; two at once at most. Its errors come out of `write` and `end`."""

    def __init__(self, send: Callable[[int, bytes], Part], sizes: Callable[[int], int] = part_size) -> None:
        self._send, self._sizes = send, sizes
        self._hash = hashlib.sha256()
        self._size = 0
        self._buffer = bytearray()
        self._number = 0
        self._under_way: deque[Future[Part]] = deque()
        self._parts: list[Part] = []
        self._pool = ThreadPoolExecutor(_AT_ONCE, "upload")

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._size

    @property
    def sha256(self) -> str:
        """Of what was written, in hex."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Appends; waits while two parts are under way and a third one is full."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._size += view.nbytes
        at = 0
        while at < view.nbytes:
            room = self._sizes(self._number + 1) - len(self._buffer)
            taken = view[at : at + room]
            self._buffer += taken
            at += len(taken)
            if len(taken) == room:
                self._part()
        return view.nbytes

    def end(self) -> tuple[Part, ...]:
        """Sends what is left and waits for all parts; none where nothing was written."""
        if self._buffer:
            self._part()
        self._settle(0)
        self._pool.shutdown()
        return tuple(self._parts)

    def stop(self) -> None:
        """Gives up, once what is under way has ended: a part that arrives later would stay."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._buffer.clear()

    def _part(self) -> None:
        self._number += 1
        self._settle(_AT_ONCE - 1)
        body, self._buffer = bytes(self._buffer), bytearray()
        self._under_way.append(self._pool.submit(self._send, self._number, body))

    def _settle(self, allowed: int) -> None:
        """Waits until at most so many parts are under way. Raises the first one's error."""
        while len(self._under_way) > allowed:
            self._parts.append(self._under_way.popleft().result())
