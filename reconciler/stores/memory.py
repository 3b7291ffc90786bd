"""A ledger in this process's memory, for tests and for trying out. Threads may share it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.ledger.store import PreconditionFailed, Stored
from reconciler.stores.base import check_key, probe_preconditions
from reconciler.stores.blobs import new_file
from reconciler.stores.writes import Sleep


class MemoryStore:
    """Versions are digests, as in the other stores, so that a test sees what a digest can and can't tell apart."""

    def __init__(self, name: str = "", sleep: Sleep = time.sleep) -> None:
        self._name = name
        self._sleep = sleep
        self._lock = threading.Lock()
        self._bodies: dict[str, bytes] = {}
        self._blobs: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"memory://{self._name}"

    def read(self, key: str) -> Stored | None:
        check_key(key)
        with self._lock:
            return self._stored(key)

    def create(self, key: str, body: bytes) -> str:
        return self._write(key, body, None)

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._write(key, body, version)

    def delete(self, key: str, version: str) -> None:
        check_key(key)
        with self._lock:
            current = self._stored(key)
            if current is None or current.version != version:
                raise PreconditionFailed(key)
            del self._bodies[key]

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        with self._lock:
            keys = sorted(key for key in self._bodies if key.startswith(prefix))
            return [(key, _digest(self._bodies[key])) for key in keys]

    def fetch(self, prefix: str, known: Mapping[str, Stored]) -> Iterable[tuple[str, Stored]]:
        with self._lock:
            keys = sorted(key for key in self._bodies if key.startswith(prefix))
            return [(key, Stored(self._bodies[key], _digest(self._bodies[key]))) for key in keys]

    def write_blob(self, key: str, path: Path) -> None:
        body = path.read_bytes()
        with self._lock:
            if check_key(key) in self._blobs:
                raise PreconditionFailed(key)
            self._blobs[key] = body

    def read_blob(self, key: str, into: Path) -> bool:
        with self._lock:
            body = self._blobs.get(check_key(key))
        if body is not None:
            with new_file(into) as file:
                file.write(body)
        return body is not None

    def delete_blob(self, key: str) -> None:
        with self._lock:
            self._blobs.pop(check_key(key), None)

    def blobs(self, prefix: str) -> Iterable[tuple[str, int]]:
        with self._lock:
            return sorted((key, len(body)) for key, body in self._blobs.items() if key.startswith(prefix))

    def probe(self) -> None:
        probe_preconditions(self, self._sleep)

    def _write(self, key: str, body: bytes, version: str | None) -> str:
        check_key(key)
        with self._lock:
            current = self._stored(key)
            if (current.version if current else None) != version:
                raise PreconditionFailed(key)
            self._bodies[key] = body
            return _digest(body)

    def _stored(self, key: str) -> Stored | None:
        body = self._bodies.get(key)
        return None if body is None else Stored(body, _digest(body))


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
