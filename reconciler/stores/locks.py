"""Exclusive locks between threads and processes, by `flock` on files of one folder.

A key belongs to one of 256 lock files by its hash, so that a ledger of a million run documents doesn't keep a million
lock files. The kernel frees a lock when its holder dies. Nobody holds two locks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import StoreError
from reconciler.stores.disk import opened_folder, unusable
from reconciler.stores.writes import Sleep

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

FOLDER = ".locks"
WAIT = 30.0
_STEP = 0.005
_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_threads: dict[str, threading.Lock] = {}


@contextlib.contextmanager
def locked(root: Path, key: str, sleep: Sleep, wait: float = WAIT) -> Iterator[None]:
    """Holds the key's lock. Raises `StoreError`: L139 after `wait` seconds, L136 where the file system can't lock."""
    stripe = hashlib.sha256(key.encode()).hexdigest()[:2]
    path = root / FOLDER / stripe
    # On some network file systems flock is a lock of the process, which doesn't keep its threads apart.
    mutex = _threads.setdefault(str(path), threading.Lock())
    if not mutex.acquire(timeout=wait):
        raise _waited(path, wait)
    try:
        with opened_folder(root, (FOLDER,), create=True) as folder:
            assert folder is not None
            descriptor = _open(folder, stripe, path)
        try:
            _acquire(descriptor, path, sleep, wait)
            yield
        finally:
            os.close(descriptor)
    finally:
        mutex.release()


def check_locking(root: Path) -> None:
    """Raises `StoreError` L136 where a second lock on a held file is granted: such a file system keeps nobody apart."""
    path = root / FOLDER / "probe"
    with opened_folder(root, (FOLDER,), create=True) as folder, contextlib.ExitStack() as stack:
        assert folder is not None
        descriptors = []
        for _ in range(2):
            descriptors.append(_open(folder, "probe", path))
            stack.callback(os.close, descriptors[-1])
        held = _try(descriptors[0], path)
        if held and _try(descriptors[1], path):
            raise _cannot_lock(path, "it grants one lock twice")


def _open(folder: int, name: str, path: Path) -> int:
    try:
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    except OSError as error:
        raise unusable(path, error) from error


def _acquire(descriptor: int, path: Path, sleep: Sleep, wait: float) -> None:
    """Asks again and again instead of waiting in the kernel: a holder that was stopped must not stop everybody for
    good.
    """
    for _ in range(max(1, int(wait / _STEP))):
        if _try(descriptor, path):
            return
        sleep(_STEP)
    raise _waited(path, wait)


def _try(descriptor: int, path: Path) -> bool:
    if fcntl is None:  # pragma: no cover - Windows
        raise _cannot_lock(path, "this operating system has no flock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise _cannot_lock(path, error.strerror or str(error.errno)) from error
    return True


def _cannot_lock(path: Path, why: str) -> StoreError:
    return StoreError(
        "L136",
        "the file system can't lock",
        f"{path}: {why}. Two runners could export the same slot there, so it is refused as a ledger. "
        "Put the ledger on a local disk, or in S3.",
    )


def _waited(path: Path, wait: float) -> StoreError:
    return StoreError(
        "L139",
        "the ledger is locked by another process",
        f"{path} was held for {wait:g} seconds, where a few milliseconds are usual: its holder was stopped, or the "
        "disk hangs. "
        "Nothing was changed. Continue or end that process; the lock goes with it.",
    )
