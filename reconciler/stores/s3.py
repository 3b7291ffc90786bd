"""A ledger in S3, or in what speaks its conditional writes. The version is the ETag.

Deleting. Amazon S3 honours If-Match on DeleteObject (general purpose buckets: since September 2025); stores elsewhere
often accept the header and delete anything. So the first delete of a process finds out with a probe object. Where it
isn't honoured, a document is deleted by replacing it, conditionally, with an empty object: reads and lists take an
empty object for none (documents are never empty), and a create swaps it for the new document. Empty objects stay
then: removing one unconditionally could remove a document that was just created in its place. Every process
understands them, whatever its own probe said.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.accounts.aws import AwsSession
from reconciler.errors import ReconcilerError, StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Stored
from reconciler.stores import base
from reconciler.stores.base import PROBE, probe_preconditions
from reconciler.stores.s3_blobs import S3Blobs
from reconciler.stores.s3_objects import S3Objects, S3Place
from reconciler.stores.writes import Committed, Sleep, commit_create, commit_delete

_DELETED: Final = b""
_NOBODYS_VERSION: Final = '"00000000000000000000000000000000"'
_TRIES: Final = 3


class S3Store:
    """Keys are `<prefix>/<key>.json`, blobs `<prefix>/<key>.blob`. Threads may share a store."""

    def __init__(self, place: S3Place, session: AwsSession, sleep: Sleep = time.sleep) -> None:
        self._objects = S3Objects(place, session)
        self._blobs = S3Blobs(self._objects)
        self._sleep = sleep
        self._lock = threading.Lock()
        self._conditional_delete: bool | None = None

    @property
    def url(self) -> str:
        return self._objects.url

    def read(self, key: str) -> Stored | None:
        found = self._objects.read(key)
        return found if found is not None and found.body != _DELETED else None

    def create(self, key: str, body: bytes) -> str:
        try:
            return self._objects.create(key, body)
        except (PreconditionFailed, AmbiguousWrite) as error:
            deleted = self._deleted(key, error)
        return self._objects.replace(key, body, deleted.version)

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._objects.replace(key, body, version)

    def delete(self, key: str, version: str) -> None:
        if self._deletes_conditionally():
            self._objects.delete(key, version)
        else:
            self._objects.replace(key, _DELETED, version)

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        return self._objects.list(prefix)

    def fetch(self, prefix: str, known: Mapping[str, Stored]) -> Iterable[tuple[str, Stored]]:
        return [(key, stored) for key, stored in self._objects.fetch(prefix, known) if stored.body != _DELETED]

    def write_blob(self, key: str, path: Path) -> None:
        self._blobs.write(key, path)

    def read_blob(self, key: str, into: Path) -> bool:
        return self._blobs.read(key, into)

    def delete_blob(self, key: str) -> None:
        self._blobs.delete(key)

    def blobs(self, prefix: str) -> Iterable[tuple[str, int]]:
        return self._blobs.list(prefix)

    def probe(self) -> None:
        """Also: that listing is allowed, and what killed probes left goes once it is stale."""
        self._objects.sweep(PROBE, base.STALE)
        self._deletes_conditionally()  # asked before a document of this probe's is there, for it sweeps, too
        probe_preconditions(self, self._sleep)

    def _deleted(self, key: str, refusal: ReconcilerError) -> Stored:
        """The empty object that made a create fail.

        Raises the refusal where that wasn't the reason, or can't be told.
        """
        try:
            found = self._objects.read(key)
        except ReconcilerError:
            raise refusal from None
        if found is None or found.body != _DELETED:
            raise refusal
        return found

    def _deletes_conditionally(self) -> bool:
        """Whether If-Match on DeleteObject is honoured; False as well where that can't be told, which is safe."""
        with self._lock:
            if self._conditional_delete is None:
                self._conditional_delete = self._try_conditional_delete()
            return self._conditional_delete

    def _try_conditional_delete(self) -> bool:
        with suppress(StoreError):  # what can't be listed now is swept another time
            self._objects.sweep(PROBE, base.STALE)
        key, nonce = f"{PROBE}{secrets.token_hex(12)}", secrets.token_hex(8)
        body = json.dumps({"probe": True, "nonce": nonce}).encode()
        outcome = commit_create(self._objects, key, body, nonce, sleep=self._sleep)
        if not isinstance(outcome, Committed):
            return False
        try:
            return self._refuses_stale_delete(key)
        finally:
            commit_delete(self._objects, key, outcome.version, sleep=self._sleep)

    def _refuses_stale_delete(self, key: str) -> bool:
        """Only a clear 412 counts: where the answer is lost and the object still there, the request may never have
        arrived.
        """
        for _ in range(_TRIES):
            try:
                self._objects.delete(key, _NOBODYS_VERSION)
            except PreconditionFailed:
                return self._objects.read(key) is not None
            except AmbiguousWrite:
                if self._objects.read(key) is None:
                    return False
            except StoreError as error:
                if error.code != "L134":
                    raise
                return False
            else:
                return False
        return False
