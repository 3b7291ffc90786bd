"""Staging for the `azure-blob` type: blocks that aren't committed before the file is published.

A block of one byte that is never committed goes up first, so that the file is listed, and lost if somebody gives the blocks up.
"""

from __future__ import annotations

import base64
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError

from reconciler.destinations.errors import failure
from reconciler.destinations.objects import SHA256
from reconciler.destinations.parts import PartStream
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, Part, StagedFile

if TYPE_CHECKING:
    from reconciler.destinations.azure_blob import BlobStore

KEPT: Final = timedelta(days=7)
"""How long Azure keeps uncommitted blocks."""


def block_ids(file: StagedFile) -> set[str]:
    """The blocks that a staged file is made of."""
    return {part.etag for part in file.parts}


class BlobSink:
    """One file being uploaded."""

    def __init__(self, store: BlobStore, key: str, name: str, replaces: tuple[Content, ...] | None) -> None:
        """Opens it. Raises DestinationError."""
        self._store, self._key, self._name, self._replaces = store, key, name, replaces
        self._mine = secrets.token_hex(8)
        self._sizes: dict[str, int] = {}
        self._put(self._block(0), b"\n")
        self._stream = PartStream(self._send)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends."""
        return self._stream.write(data)

    def finish(self, rows: int) -> StagedFile:
        """Sends what is left, and sees that all blocks are there."""
        parts = self._stream.end()
        there = self._store.blocks(self._key)
        if self._sizes.items() - there.items():
            raise failure("D121", f"Blocks of {self._store.url(self._name)} were given up while they were written.")
        if not parts:
            self._finish_empty()
        return StagedFile(
            name=self._name,
            staged=self._mine,
            rows=rows,
            size=self._stream.size,
            sha256=self._stream.sha256,
            parts=parts,
            expires=datetime.now(UTC) + KEPT,
            at=self._key.removeprefix(self._store.prefix),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Gives the blocks up."""
        self._stream.stop()
        with suppress(ReconcilerError):
            if any(entry.key == self._key for entry in self._store.waiting(self._key)):
                self._store.drop(self._key)

    def _finish_empty(self) -> None:
        """No list of blocks can be missing from an empty file: so it waits as a blob, which is there or not."""
        try:
            self._store.blob(self._key).commit_block_list(
                [], metadata={SHA256: self._stream.sha256}, match_condition=MatchConditions.IfMissing
            )
        except AzureError as error:
            if self._store.look(self._key) is None:
                raise self._store.final(error, "w (write)") from error

    def _send(self, number: int, body: bytes) -> Part:
        block = self._block(number)
        self._put(block, body)
        return Part(number=number, etag=block, checksum="")

    def _put(self, block: str, body: bytes) -> None:
        """With its MD5, which the service verifies."""
        self._sizes[block] = len(body)
        try:
            self._store.blob(self._key).stage_block(block, body, validate_content=True)
        except AzureError as error:
            raise self._store.final(error, "w (write)") from error

    def _block(self, number: int) -> str:
        return base64.b64encode(f"{self._mine}{number:06}".encode()).decode()
