"""Staging for the `gcs` type: a resumable upload to a hidden key, which takes the place of an empty object there when it is finished.

The empty object makes the file listed before it is there, and whoever discards it makes the upload fail. Cloud Storage forgets uploads
that aren't finished after a week; nobody can read them.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import google_crc32c

from reconciler.destinations.errors import failure
from reconciler.destinations.gcs_answers import ERRORS, Denied, unreachable
from reconciler.destinations.objects import SHA256
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

if TYPE_CHECKING:
    from reconciler.destinations.gcs import GcsStore

_CHUNK: Final = 8 << 20


class GcsSink:
    """One file being uploaded."""

    def __init__(self, store: GcsStore, key: str, name: str, replaces: tuple[Content, ...] | None) -> None:
        """Opens it. Raises DestinationError."""
        self._store, self._key, self._name, self._replaces = store, key, name, replaces
        self._hash, self._size = hashlib.sha256(), 0
        self._crc = 0
        self._opened = self._open()
        self._writer: Any = store.blob(key).open(
            "wb",
            chunk_size=_CHUNK,
            ignore_flush=True,
            if_generation_match=self._opened,
            content_type="application/octet-stream",
            retry=store.retry,
        )
        self._ended = False

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends; a full chunk goes up."""
        view = memoryview(data).cast("B")
        content = bytes(view)
        try:
            self._writer.write(content)
        except ERRORS as error:
            raise self._failed(error) from error
        self._hash.update(content)
        self._crc = google_crc32c.extend(self._crc, content)
        self._size += len(content)
        return len(content)

    def finish(self, rows: int) -> StagedFile:
        """Finishes the upload, and sees that what arrived is what was sent."""
        lost: Exception | None = None
        try:
            self._writer.close()
        except ERRORS as error:
            if isinstance(self._store.means(error, "storage.objects.create"), Denied | ReconcilerError):
                raise self._failed(error) from error
            lost = error
        self._ended = True
        return StagedFile(
            name=self._name,
            staged=self._checked(lost),
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            checksum=self._checksum(),
            at=self._key.removeprefix(self._store.prefix),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Gives the upload up, and what it would have replaced."""
        if not self._ended:
            self._ended = True
            with suppress(*ERRORS, ReconcilerError, ValueError, AttributeError):
                self._writer.terminate()
        with suppress(ReconcilerError):
            self._store.drop(self._key)

    def _open(self) -> int:
        try:
            blob = self._store.blob(self._key)
            blob.upload_from_string(b"", if_generation_match=0, retry=self._store.retry)
            return int(blob.generation)
        except ERRORS as error:
            if not isinstance(self._store.means(error, "storage.objects.create"), Denied):
                raise self._store.final(error, "storage.objects.create") from error
        there = self._store.look(self._key)  # ours: an answer was lost and it was sent again
        if there is None:
            raise unreachable(self._store.url(self._key), "it vanished while it was opened")
        return int(there.tag)

    def _checked(self, lost: Exception | None) -> str:
        """The generation of what arrived, with the file's digest beside it."""
        blob = self._store.blob(self._key)
        try:
            blob.reload(retry=self._store.retry)
            if int(blob.generation) == self._opened or (blob.size, blob.crc32c) != (self._size, self._checksum()):
                raise unreachable(self._store.url(self._name), "the upload didn't arrive whole") from lost
            blob.metadata = {SHA256: self._hash.hexdigest()}
            blob.patch(if_generation_match=blob.generation, retry=self._store.retry)
        except ERRORS as error:
            raise self._failed(error, "storage.objects.update") from error
        return str(blob.generation)

    def _checksum(self) -> str:
        return base64.b64encode(self._crc.to_bytes(4, "big")).decode()

    def _failed(self, error: Exception, needs: str = "storage.objects.create") -> ReconcilerError:
        if self._store.look(self._key) is None or isinstance(self._store.means(error, needs), Denied):
            return failure("D121", f"The upload of {self._store.url(self._name)} was discarded while it was written.")
        return self._store.final(error, needs)
