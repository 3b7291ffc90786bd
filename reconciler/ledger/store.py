"""The port to a ledger's store: small documents and one primitive, compare-and-swap. Implementations live in `reconciler/stores`.

Obligations of every store, checked by one conformance suite (`tests/conformance/stores.py`):

- A `read` after a successful write sees it (linearisable per key); `list` sees all keys written before it began.
- `create` succeeds for at most one caller while the key is absent; `replace` and `delete` only while the version is current.
- A version changes with every successful write and is never used twice for one key. Callers make that possible: no body is written
  twice under one key, since every document carries a fresh nonce, so that a version may be a digest of the body (S3's ETag is).
- A body is never empty: a store may keep an empty object where a document was deleted.
- No implementation retries a conditional write by itself: a lost answer is reported as `AmbiguousWrite`, and
  `reconciler.stores.writes` reads back and classifies by the document's nonce.
- A blob is whole or not there, and never written twice: its key is used once. It is a file, and no document: `list` doesn't show it.
- `STORE_EFFECTS` names the methods that change something, so that crash tests enumerate them from the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from reconciler.errors import ReconcilerError

STORE_EFFECTS = ("create", "replace", "delete", "write_blob", "delete_blob")


class Stored(NamedTuple):
    """A document's bytes and the version under which it can be replaced."""

    body: bytes
    version: str


class PreconditionFailed(ReconcilerError):
    """Surely not written: the key exists (`create`), or its version is another (`replace`, `delete`)."""

    def __init__(self, key: str) -> None:
        super().__init__("L101", "the ledger changed meanwhile", key)


class AmbiguousWrite(ReconcilerError):
    """Perhaps written: time-out, reset, 409 or 5xx. Read back before anything else (`reconciler.stores.writes` does)."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__("L102", "a ledger write was not answered", f"{key}: {why}")


class Documents(Protocol):
    """Small documents under compare-and-swap.

    Keys are POSIX paths of `[A-Za-z0-9._:@+-]` segments, none of them beginning with a dot; bodies are at most a few MiB.

    A method raises `StoreError` only where it surely changed nothing. `probe/` is the store's own: a probe that was
    killed may leave a document there, which means nothing.
    """

    @property
    def url(self) -> str:
        """For people: never with credentials."""
        ...

    def read(self, key: str) -> Stored | None:
        """The document, or None where there is none. Retries transient errors itself; raises `StoreError` when it can't tell."""
        ...

    def create(self, key: str, body: bytes) -> str:
        """Writes a new document and returns its version. Raises `PreconditionFailed`, `AmbiguousWrite`, `StoreError`."""
        ...

    def replace(self, key: str, body: bytes, version: str) -> str:
        """Swaps a document and returns the new version. Raises `PreconditionFailed`, `AmbiguousWrite`, `StoreError`."""
        ...

    def delete(self, key: str, version: str) -> None:
        """Removes a document. Raises `PreconditionFailed` (also where it is gone), `AmbiguousWrite`, `StoreError`."""
        ...

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        """(key, version) of every document whose key starts with `prefix`, sorted by key. Idempotent."""
        ...

    def fetch(self, prefix: str, known: Mapping[str, Stored]) -> Iterable[tuple[str, Stored]]:
        """Every document whose key starts with `prefix`, sorted by key: listed once, then read, several at a time.

        What is `known`, by key, may be given back where the list shows its version, instead of being read again. A document that is
        changed meanwhile is given as it was or as it is; one that is made or deleted meanwhile may be missing. Raises as `read` does.
        """
        ...


class Store(Documents, Protocol):
    """A ledger's place: its documents, and blobs beside them."""

    def write_blob(self, key: str, path: Path) -> None:
        """Keeps a file's bytes under a new key; nobody changes the file any more. Raises as `create` does."""
        ...

    def read_blob(self, key: str, into: Path) -> bool:
        """A blob as a new file, only to be read, and by its owner alone; False where there is none. Raises as `read` does."""
        ...

    def delete_blob(self, key: str) -> None:
        """Removes a blob, if it is there. May be repeated at any time. Raises `StoreError`, `OutcomeUnknown`."""
        ...

    def blobs(self, prefix: str) -> Iterable[tuple[str, int]]:
        """(key, size in bytes) of every blob whose key starts with `prefix`, sorted by key."""
        ...

    def probe(self) -> None:
        """Writes, swaps with a stale version, and removes a probe document. Raises `StoreError` where preconditions are ignored."""
        ...
