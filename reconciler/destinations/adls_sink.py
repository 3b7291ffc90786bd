"""Staging for the `adls-gen2` type: a file in the staging folder, appended to and flushed at its end."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from azure.core.exceptions import AzureError

from reconciler.destinations.azure_answers import Absent
from reconciler.destinations.errors import failure
from reconciler.destinations.objects import SHA256
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

if TYPE_CHECKING:
    from reconciler.destinations.adls_gen2 import AdlsStore

_CHUNK: Final = 8 << 20


class AdlsSink:
    """One file being written. Whatever is lost is sent again: an append says where it begins."""

    def __init__(self, store: AdlsStore, key: str, name: str, replaces: tuple[Content, ...] | None) -> None:
        """Creates it, empty. Raises DestinationError."""
        self._store, self._key, self._name, self._replaces = store, key, name, replaces
        self._hash, self._size, self._buffer = hashlib.sha256(), 0, bytearray()
        self._sent = 0
        try:
            store.file(key).create_file()
        except AzureError as error:
            raise self._failed(error) from error

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends; a full buffer of 8 MiB goes up."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._size += view.nbytes
        for at in range(0, view.nbytes, _CHUNK):
            self._buffer += view[at : at + _CHUNK]
            if len(self._buffer) >= _CHUNK:
                self._send()
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Sends what is left, makes all of it the file's content, and keeps the digest with it."""
        self._send()
        try:
            self._store.file(self._key).flush_data(self._size)
            self._store.file(self._key).set_metadata({SHA256: self._hash.hexdigest()})
        except AzureError as error:
            raise self._failed(error) from error
        return StagedFile(
            name=self._name,
            staged=self._key.removeprefix(self._store.prefix),
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            at=self._key.removeprefix(self._store.prefix),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Deletes it."""
        self._buffer.clear()
        with suppress(ReconcilerError):
            self._store.drop(self._key)

    def _send(self) -> None:
        if not self._buffer:
            return
        body, self._buffer = bytes(self._buffer), bytearray()
        try:
            self._store.file(self._key).append_data(body, self._sent, len(body), validate_content=True)
        except AzureError as error:
            raise self._failed(error) from error
        self._sent += len(body)

    def _failed(self, error: Exception) -> ReconcilerError:
        if isinstance(self._store.means(error, "w (write)"), Absent):
            return failure("D121", f"{self._store.url(self._name)} was discarded while it was written.")
        return self._store.final(error, "w (write)")
