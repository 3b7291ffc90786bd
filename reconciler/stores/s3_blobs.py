"""Blobs of a ledger in S3: `<key>.blob`, one object each, sent and read a chunk at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.accounts.s3_answers import TRANSPORT
from reconciler.stores.base import BLOB, check_key
from reconciler.stores.blobs import new_file, sha256_of
from reconciler.stores.s3_objects import S3Objects

AT_ONCE: Final = 5 * 2**30
"""Bytes that one PutObject takes: a snapshot of some 150 million people, or 50 million with their keys."""
PART: Final = 64 * 2**20
"""Bytes of a part of a larger one."""
_BODY_ATTEMPTS: Final = 3


class S3Blobs:
    """See `Store`. Threads may share it."""

    def __init__(self, objects: S3Objects) -> None:
        self._objects = objects

    def write(self, key: str, path: Path) -> None:
        check_key(key)
        with path.open("rb") as file:
            if path.stat().st_size > AT_ONCE:
                self._objects.put_parts(key, BLOB, file, PART)
            else:
                self._objects.put_file(key, BLOB, file, bytes.fromhex(sha256_of(path)))

    def read(self, key: str, into: Path) -> bool:
        with new_file(into) as file:
            for attempt in range(_BODY_ATTEMPTS):
                file.seek(0)
                file.truncate()
                try:
                    found = self._objects.get_file(key, BLOB, file.write)
                except TRANSPORT as error:  # the client's own tries end where the body begins
                    if attempt == _BODY_ATTEMPTS - 1:
                        raise self._objects.unreadable(error) from error
                    continue
                break
        if not found:
            into.unlink()
        return found

    def delete(self, key: str) -> None:
        self._objects.remove_file(key, BLOB)

    def list(self, prefix: str) -> list[tuple[str, int]]:
        return [(key, size) for key, _, size in self._objects.listed(prefix, BLOB)]
