"""Blobs of a ledger in a local folder: `<key>.blob` beside the documents, as private and as durable."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.ledger.store import PreconditionFailed
from reconciler.stores.base import BLOB, check_key
from reconciler.stores.blobs import CHUNK, new_file
from reconciler.stores.disk import (
    TEMPORARY,
    entries_of,
    opened_folder,
    prepared_link,
    put_in_place,
    remove_file,
    unusable,
)
from reconciler.stores.locks import WAIT, locked
from reconciler.stores.writes import Sleep


class FolderBlobs:
    """See `Store`. `root` is created by the first write."""

    def __init__(self, root: Path, sleep: Sleep = time.sleep, lock_wait: float = WAIT) -> None:
        self._root = root
        self._sleep = sleep
        self._wait = lock_wait

    def write(self, key: str, path: Path) -> None:
        parents, name = _split(key)
        with (
            opened_folder(self._root, parents, create=True) as folder,
            opened_folder(self._root, (TEMPORARY,), create=True) as drafts,
        ):
            assert folder is not None
            assert drafts is not None
            with (
                prepared_link(drafts, path, self._path(key)) as draft,
                locked(self._root, key, self._sleep, self._wait),
            ):
                if _size(folder, name) is not None:
                    raise PreconditionFailed(key)
                put_in_place(drafts, draft, folder, name, self._path(key))

    def read(self, key: str, into: Path) -> bool:
        parents, name = _split(key)
        with opened_folder(self._root, parents, create=False) as folder:
            if folder is None:
                return False
            if _linked(folder, name, into):
                return True
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
                with open(descriptor, "rb") as source, new_file(into) as file:
                    shutil.copyfileobj(source, file, CHUNK)
            except FileNotFoundError:
                return False
            except OSError as error:
                raise unusable(self._path(key), error) from error
        return True

    def delete(self, key: str) -> None:
        parents, name = _split(key)
        with opened_folder(self._root, parents, create=False) as folder:
            if folder is None:
                return
            with locked(self._root, key, self._sleep, self._wait):
                if _size(folder, name) is not None:
                    remove_file(folder, name, self._path(key))

    def list(self, prefix: str) -> list[tuple[str, int]]:
        parents = tuple(prefix.split("/")[:-1])
        if parents:
            check_key("/".join(parents))
        return sorted(self._walk(parents, prefix))

    def _walk(self, parents: tuple[str, ...], prefix: str) -> Iterator[tuple[str, int]]:
        """Links aren't followed. Dot-names are the store's own."""
        below = "".join(f"{each}/" for each in parents)
        with opened_folder(self._root, parents, create=False) as folder:
            if folder is None:
                return
            found = entries_of(folder, self._root.joinpath(*parents))
            for name, is_folder in found:
                key = below + name.removesuffix(BLOB)
                if not is_folder and name.endswith(BLOB) and key.startswith(prefix):
                    size = _size(folder, name)
                    if size is not None:
                        yield key, size
        for name, is_folder in found:
            deeper = f"{below}{name}/"
            if is_folder and (deeper.startswith(prefix) or prefix.startswith(deeper)):
                yield from self._walk((*parents, name), prefix)

    def _path(self, key: str) -> Path:
        return self._root / f"{key}{BLOB}"


def _split(key: str) -> tuple[tuple[str, ...], str]:
    *parents, name = check_key(key).split("/")
    return tuple(parents), name + BLOB


def _linked(folder: int, name: str, into: Path) -> bool:
    """Whether the regular file has another name now, as its bytes need no copy on one file system that has hard links."""
    if _size(folder, name) is None:
        return False
    try:
        os.link(name, into, src_dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _size(folder: int, name: str) -> int | None:
    """Bytes of a regular file; None where there is none."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
