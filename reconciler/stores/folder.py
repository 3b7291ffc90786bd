"""A ledger in a local folder: the embedded default, and as safe between processes as the file system's locks are.

A document is `<key>.json`, files are 0600 and folders 0700. What a killed writer leaves is a file in `.tmp`, which
nobody reads; a later probe removes those that are a day old.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reconciler.ledger.store import PreconditionFailed, Stored
from reconciler.stores import base
from reconciler.stores.base import PROBE, SUFFIX, check_key, probe_preconditions
from reconciler.stores.disk import (
    TEMPORARY,
    entries_of,
    opened_folder,
    prepared_file,
    put_in_place,
    read_file,
    remove_file,
)
from reconciler.stores.folder_blobs import FolderBlobs
from reconciler.stores.locks import FOLDER as LOCKS
from reconciler.stores.locks import WAIT, check_locking, locked
from reconciler.stores.writes import Sleep


class FolderStore:
    """`root` is created by the first write, so that reading an absent ledger leaves no trace.

    Versions are SHA-256 of the body.
    """

    def __init__(self, root: Path, sleep: Sleep = time.sleep, lock_wait: float = WAIT) -> None:
        self._root = root.absolute()
        self._sleep = sleep
        self._wait = lock_wait
        self._blobs = FolderBlobs(self._root, sleep, lock_wait)

    @property
    def url(self) -> str:
        return f"file://{self._root}"

    def read(self, key: str) -> Stored | None:
        parents, name = _split(key)
        with opened_folder(self._root, parents, create=False) as folder:
            return None if folder is None else self._stored(folder, name, key)

    def create(self, key: str, body: bytes) -> str:
        return self._write(key, body, None)

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._write(key, body, version)

    def delete(self, key: str, version: str) -> None:
        parents, name = _split(key)
        with opened_folder(self._root, parents, create=False) as folder:
            if folder is None:
                raise PreconditionFailed(key)
            with locked(self._root, key, self._sleep, self._wait):
                self._expect(folder, name, key, version)
                remove_file(folder, name, self._path(key))

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        return [(key, stored.version) for key, stored in self.fetch(prefix, {})]

    def fetch(self, prefix: str, known: Mapping[str, Stored]) -> Iterable[tuple[str, Stored]]:
        """A version can't be had without the body, so that nothing is gained by what is known."""
        parents = tuple(prefix.split("/")[:-1])
        if parents:
            check_key("/".join(parents))
        return sorted(self._walk(parents, prefix))

    def write_blob(self, key: str, path: Path) -> None:
        self._blobs.write(key, path)

    def read_blob(self, key: str, into: Path) -> bool:
        return self._blobs.read(key, into)

    def delete_blob(self, key: str) -> None:
        self._blobs.delete(key)

    def blobs(self, prefix: str) -> Iterable[tuple[str, int]]:
        return self._blobs.list(prefix)

    def probe(self) -> None:
        """Also: locks keep apart, and leftovers of killed writers go."""
        check_locking(self._root)
        self._sweep()
        probe_preconditions(self, self._sleep)

    def _write(self, key: str, body: bytes, version: str | None) -> str:
        parents, name = _split(key)
        path = self._path(key)
        with (
            opened_folder(self._root, parents, create=True) as folder,
            opened_folder(self._root, (TEMPORARY,), create=True) as drafts,
        ):
            assert folder is not None
            assert drafts is not None
            with prepared_file(drafts, body, path) as draft, locked(self._root, key, self._sleep, self._wait):
                self._expect(folder, name, key, version)
                put_in_place(drafts, draft, folder, name, path)
        return _digest(body)

    def _expect(self, folder: int, name: str, key: str, version: str | None) -> None:
        current = self._stored(folder, name, key)
        if (current.version if current else None) != version:
            raise PreconditionFailed(key)

    def _stored(self, folder: int, name: str, key: str) -> Stored | None:
        body = read_file(folder, name, f"{self._root}/{key}{SUFFIX}")
        return None if body is None else Stored(body, _digest(body))

    def _path(self, key: str) -> Path:
        return self._root / f"{key}{SUFFIX}"

    def _walk(self, parents: tuple[str, ...], prefix: str) -> Iterator[tuple[str, Stored]]:
        """Documents below a folder whose keys start with a prefix. Links aren't followed: `StoreError`. Dot-names are ours."""
        folders: list[str] = []
        below = "".join(f"{each}/" for each in parents)
        with opened_folder(self._root, parents, create=False) as folder:
            if folder is None:
                return
            found = entries_of(folder, self._root.joinpath(*parents))
            for name, is_folder in found:
                key = below + name.removesuffix(SUFFIX)
                if is_folder:
                    folders.append(name)
                elif name.endswith(SUFFIX) and key.startswith(prefix):
                    stored = self._stored(folder, name, key)
                    if stored is not None:
                        yield key, stored
        for name in folders:
            if f"{below}{name}/".startswith(prefix) or prefix.startswith(f"{below}{name}/"):
                yield from self._walk((*parents, name), prefix)

    def _sweep(self) -> None:
        """Removes drafts and probes that are stale by the file system's own clock."""
        clock = self._root / LOCKS / "probe"
        clock.touch()
        now = clock.stat().st_mtime
        for folder_name in (TEMPORARY, PROBE.rstrip("/")):
            with opened_folder(self._root, (folder_name,), create=False) as folder:
                for name in os.listdir(folder) if folder is not None else ():
                    with contextlib.suppress(OSError):
                        age = now - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
                        if age >= base.STALE.total_seconds():
                            os.unlink(name, dir_fd=folder)


def _split(key: str) -> tuple[tuple[str, ...], str]:
    *parents, name = check_key(key).split("/")
    return tuple(parents), name + SUFFIX


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
