"""Files below a root folder, reached without following any symbolic link below it.

Every folder on the way is opened from its parent's descriptor with O_NOFOLLOW, so that nobody who can write below
the root can lead a file out of it, not even between a check and its use. The root itself may be a link: that is its
owner's choice.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTEMPTS = 20


@contextmanager
def opened(root: str, segments: tuple[str, ...] = (), *, create: int | None = None) -> Iterator[int]:
    """A descriptor of the folder `root/segments…`. `create`: the mode for missing folders below the root (see
    `sync_path`).

    Raises OSError: FileNotFoundError, NotADirectoryError (also for a link on the way).
    """
    descriptor = _descend(root, segments, create)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def exists(root: str, segments: tuple[str, ...]) -> bool:
    """Whether a file or folder is there, reached without links. Raises OSError other than its absence."""
    try:
        with opened(root, segments[:-1]) as folder:
            if segments:
                os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def create_file(root: str, segments: tuple[str, ...], mode: int, folder_mode: int) -> int:
    """A new file's descriptor, for writing; missing folders are created (see `sync_path`). Raises FileExistsError,
    other OSError."""
    for attempt in range(_ATTEMPTS):
        try:
            with opened(root, segments[:-1], create=folder_mode) as folder:
                return os.open(segments[-1], _CREATE, mode, dir_fd=folder)
        except FileNotFoundError:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def write_file(folder: int, name: str, content: bytes, mode: int) -> None:
    """Writes a small new file durably; its folder's entry is left to `sync`. Raises OSError."""
    with os.fdopen(os.open(name, _CREATE, mode, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: int) -> None:
    """Makes a folder's entries durable."""
    os.fsync(folder)


def sync_path(root: str, segments: tuple[str, ...]) -> None:
    """Makes a folder and all folders on the way to it durable. Raises FileNotFoundError if it was removed."""
    for depth in range(len(segments) + 1):
        with opened(root, segments[:depth]) as folder:
            sync(folder)


def prune(root: str, segments: tuple[str, ...]) -> None:
    """Removes the folder `root/segments…` and its parents below the root as far as they are empty."""
    for depth in range(len(segments), 0, -1):
        try:
            with opened(root, segments[: depth - 1]) as parent:
                os.rmdir(segments[depth - 1], dir_fd=parent)
        except FileNotFoundError:
            continue
        except OSError:
            return


def remove_tree(root: str, segments: tuple[str, ...]) -> int:
    """Removes all below the folder `root/segments…` and the folder; returns how many files there were. Missing: 0."""
    removed = 0
    try:
        with opened(root, segments) as folder:
            for name in os.listdir(folder):
                with suppress(FileNotFoundError):
                    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                        removed += remove_tree(root, (*segments, name))
                    else:
                        os.unlink(name, dir_fd=folder)
                        removed += 1
    except FileNotFoundError:
        return removed
    with suppress(FileNotFoundError), opened(root, segments[:-1]) as parent:
        os.rmdir(segments[-1], dir_fd=parent)
        sync(parent)
    return removed


def files(root: str, segments: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
    """Regular files below `root/segments…` as (segments, stat), in the order of their `/`-joined names. Links are
    left out."""
    try:
        with opened(root, segments) as folder, os.scandir(folder) as entries:
            found = list(_stated(entries))
    except FileNotFoundError:
        return
    for name, status in sorted(found, key=lambda each: each[0] + ("/" if stat.S_ISDIR(each[1].st_mode) else "")):
        if stat.S_ISDIR(status.st_mode):
            yield from files(root, (*segments, name))
        elif stat.S_ISREG(status.st_mode):
            yield (*segments, name), status


def _stated(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, os.stat_result]]:
    for entry in entries:
        with suppress(FileNotFoundError):
            yield entry.name, entry.stat(follow_symlinks=False)


def _descend(root: str, segments: tuple[str, ...], create: int | None) -> int:
    """Tries again where another process prunes an empty folder between its creation and its opening."""
    for attempt in range(_ATTEMPTS):
        current = os.open(root, _OPEN)
        try:
            for segment in segments:
                current = _step(current, segment, create)
        except FileNotFoundError:
            os.close(current)
            if create is None or attempt == _ATTEMPTS - 1:
                raise
        except BaseException:
            os.close(current)
            raise
        else:
            return current
    raise AssertionError("unreachable")


def _step(parent: int, segment: str, create: int | None) -> int:
    """Opens a child and closes its parent."""
    if create is not None:
        with suppress(FileExistsError):
            os.mkdir(segment, create, dir_fd=parent)
    child = os.open(segment, _OPEN | os.O_NOFOLLOW, dir_fd=parent)
    os.close(parent)
    return child
