"""Staging for the `s3` type: a multipart upload at the final key that isn't completed before it is published.

Parts go up while the next one is being filled: at most three are in memory. They are 8 MiB at first and grow with
the file, so that 10,000 of them (the protocol's limit) hold 422 GiB and memory stays bounded.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.destinations.errors import failure
from reconciler.destinations.s3_answers import NoUpload, Unsure
from reconciler.destinations.s3_place import S3Place
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Content, Part, StagedFile

KEPT: Final = timedelta(days=7)
"""How long a staged file counts on its upload. A lifecycle rule of the bucket may abort it earlier: see docs."""

MAX_PARTS: Final = 10_000

_MIB: Final = 1 << 20
_AT_ONCE: Final = 2


def part_size(number: int) -> int:
    """Bytes of a part, by its number from 1. What one version staged another may copy by parts: these stay as they are."""
    if number <= 2_000:
        return 8 * _MIB
    return 16 * _MIB if number <= 4_000 else 64 * _MIB


def composite(parts: tuple[Part, ...]) -> str:
    """The checksum that S3 reports for an object of these parts: base64 of the SHA-256 of their SHA-256s, and their
    number."""
    digests = b"".join(base64.b64decode(part.checksum) for part in parts)
    return f"{base64.b64encode(hashlib.sha256(digests).digest()).decode()}-{len(parts)}"


class S3Sink:
    """One file being uploaded; hashed as it is written."""

    def __init__(
        self,
        place: S3Place,
        name: str,
        now: Callable[[], datetime],
        sizes: Callable[[int], int] = part_size,
        max_parts: int = MAX_PARTS,
        *,
        at: str | None = None,
        replaces: tuple[Content, ...] | None = None,
    ) -> None:
        """Opens the upload, at another name than its own if `at` gives one. Raises DestinationError."""
        self._place, self._name, self._now, self._sizes, self._max_parts = place, name, now, sizes, max_parts
        self._at, self._replaces = at, replaces
        own = place.key(name)
        self._key = own if at is None else place.raw_key(at)
        self._upload_id = place.create_upload(self._key)
        self._hash = hashlib.sha256()
        self._size = 0
        self._buffer = bytearray()
        self._number = 0
        self._under_way: deque[Future[Part]] = deque()
        self._parts: list[Part] = []
        self._pool = ThreadPoolExecutor(_AT_ONCE, "upload")

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
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
                self._send()
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Sends what is left and waits until the store has confirmed every part's checksum."""
        if self._buffer or not self._number:
            self._send()
        self._settle(0)
        self._pool.shutdown()
        parts = tuple(self._parts)
        return StagedFile(
            name=self._name,
            staged=self._upload_id,
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            checksum=composite(parts),
            parts=parts,
            expires=self._now() + KEPT,
            at=self._at,
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Waits for parts that are under way (one that arrives after an abort would stay), then aborts the upload."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._buffer.clear()
        with suppress(ReconcilerError):
            for _ in range(3):
                self._place.abort_upload(self._key, self._upload_id)
                if not self._place.is_open(self._key, self._upload_id):
                    return

    def _send(self) -> None:
        self._number += 1
        if self._number > self._max_parts:
            raise failure(
                "D106", f"{self._place.url(self._name)} has more than {self._max_parts} parts. Set files.maxBytes."
            )
        self._settle(_AT_ONCE - 1)
        body, self._buffer = bytes(self._buffer), bytearray()
        self._under_way.append(self._pool.submit(self._upload, self._number, body))

    def _settle(self, allowed: int) -> None:
        """Waits until at most so many parts are under way. Raises the first one's error."""
        while len(self._under_way) > allowed:
            self._parts.append(self._under_way.popleft().result())

    def _upload(self, number: int, body: bytes) -> Part:
        try:
            return self._place.upload_part(self._key, self._upload_id, number, body)
        except CLIENT_ERRORS as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> ReconcilerError:
        lost = failure(
            "D121", f"The multipart upload of {self._place.url(self._name)} was aborted while it was written."
        )
        match self._place.means(error, "s3:PutObject"):
            case NoUpload():
                return lost
            case Unsure():
                with suppress(DestinationError):
                    if not self._place.is_open(self._key, self._upload_id):
                        return lost
        return self._place.final(error, "s3:PutObject")
