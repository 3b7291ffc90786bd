"""Blobs of a ledger in S3: `<key>.blob`, one object each, sent and read a chunk at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from reconciler.accounts.s3_answers import TRANSPORT
from reconciler.errors import StoreError
from reconciler.stores.base import BLOB, check_key
from reconciler.stores.blobs import new_file, sha256_of
from reconciler.stores.s3_objects import S3Objects

LARGEST: Final = 5 * 2**30
"""Bytes of an object that is sent whole: a snapshot of some 150 million people, or 50 million with their keys."""
_BODY_ATTEMPTS: Final = 3


class S3Blobs:
    """See `Store`. Threads may share it."""

    def __init__(self, objects: S3Objects) -> None:
        self._objects = objects

    def write(self, key: str, path: Path) -> None:
        check_key(key)
        if path.stat().st_size > LARGEST:
            raise StoreError(
                "L144",
                "a snapshot is too large for the ledger",
                f"{key} has {path.stat().st_size:,} bytes; S3 takes {LARGEST:,} at once. Nothing was changed. Split the audience, or "
                "leave changes.removed out, so that no keys are kept.",
            )
        digest = bytes.fromhex(sha256_of(path))
        with path.open("rb") as file:
            self._objects.put_file(key, BLOB, file, digest)

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
