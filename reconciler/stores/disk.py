"""Durable, private files below one folder, reached without following symbolic links: what the folder store writes
with.

Every path is walked from the root with directory file descriptors and `O_NOFOLLOW`, so that a link planted below the
root can't lead out of it, not even between a check and its use. A durable write is temporary file, fsync, rename,
fsync of the folder.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from reconciler.errors import OutcomeUnknown, StoreError
from reconciler.own_file import lasting

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT)
TEMPORARY = ".tmp"
"""The folder of files that aren't documents yet, below the root: one folder, so that leftovers are found without a search."""
_CHUNK = 2**20
LARGEST = 64 * 2**20
"""Bytes of a document, as in S3."""


@contextlib.contextmanager
def opened_folder(root: Path, parts: Sequence[str], *, create: bool) -> Iterator[int | None]:
    """A descriptor of the folder at `parts` below `root`, closed afterwards.

    None where it isn't there and `create` is off.
    """
    with contextlib.ExitStack() as stack:
        try:
            if create:
                _make_root(root)
            current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, current)
            for part in parts:
                current = _descend(current, part, create=create)
                stack.callback(os.close, current)
        except OSError as error:
            if create or not isinstance(error, FileNotFoundError):
                raise unusable(root.joinpath(*parts), error) from error
            yield None
            return
        yield current


def read_file(folder: int, name: str, path: Path | str) -> bytes | None:
    """A file's bytes, None where there is none. `path` is for messages. Raises `StoreError`."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
        with open(descriptor, "rb", buffering=0) as file:
            body = file.read(min(os.fstat(descriptor).st_size, LARGEST) + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(path, error) from error
    if len(body) > LARGEST:
        raise _refused(path, "it is larger than a ledger document can be. Restore it from a backup")
    return body


@contextlib.contextmanager
def prepared_file(folder: int, body: bytes, path: Path) -> Iterator[str]:
    """As `prepared_copy`, of bytes."""
    with prepared_copy(folder, io.BytesIO(body), path) as name:
        yield name


@contextlib.contextmanager
def prepared_copy(folder: int, source: IO[bytes], path: Path) -> Iterator[str]:
    """A durable file of a new name in `folder`; the name is given, and it is removed afterwards if it is still there.

    Raises `StoreError`.
    """
    with _draft(folder, lambda name: _copied(folder, name, source), path) as name:
        yield name


@contextlib.contextmanager
def prepared_link(folder: int, source: Path, path: Path) -> Iterator[str]:
    """As `prepared_copy`, of a finished file of ours that nobody changes any more: on one file system its bytes aren't written again."""
    with _draft(folder, lambda name: _linked(folder, name, source), path) as name:
        yield name


@contextlib.contextmanager
def _draft(folder: int, make: Callable[[str], None], path: Path) -> Iterator[str]:
    name = secrets.token_hex(8)
    try:
        try:
            make(name)
        except OSError as error:
            raise unusable(path, error) from error
        yield name
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)


def _copied(folder: int, name: str, source: IO[bytes]) -> None:
    descriptor = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    with open(descriptor, "wb") as file:
        shutil.copyfileobj(source, file, _CHUNK)
        file.flush()
        os.fsync(file.fileno())


def _linked(folder: int, name: str, source: Path) -> None:
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except OSError:  # another file system, or one without hard links
        with source.open("rb") as file:
            _copied(folder, name, file)
        return
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as linked:
        os.fchmod(linked.fileno(), 0o600)
        os.fsync(linked.fileno())


def put_in_place(source: int, temporary: str, folder: int, name: str, path: Path) -> None:
    """Renames `temporary` of one folder over `name` of another and makes that durable.

    Raises `StoreError` (not renamed) or `OutcomeUnknown` (perhaps not durable).
    """
    try:
        os.rename(temporary, name, src_dir_fd=source, dst_dir_fd=folder)
    except OSError as error:
        raise unusable(path, error) from error
    sync_folder(folder, path)


def remove_file(folder: int, name: str, path: Path) -> None:
    """Unlinks and makes that durable. Raises as `put_in_place`."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        raise unusable(path, error) from error
    sync_folder(folder, path)


def sync_folder(folder: int, path: Path) -> None:
    """Makes the folder's entries durable."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise OutcomeUnknown(
            "L103",
            "the outcome of a ledger write is unknown",
            f"{path}: the file system didn't confirm that the change is on disk ({error.strerror}). Nothing else was "
            "touched. "
            "Look after the disk, then run the same command again: it finds out what happened and goes on from there.",
        ) from error


def unusable(path: Path | str, error: OSError) -> StoreError:
    """What a failed call on a file of the ledger means to a person. Nothing was changed."""
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        why = (
            "it is a symbolic link or not a folder; the ledger follows no links. Remove it, or correct the ledger's url"
        )
    elif error.errno in _FULL:
        why = "the disk is full. Make room and run the same command again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        why = f"{error.strerror}. The ledger's folder must be readable and writable for the user who runs this"
    else:
        why = error.strerror or str(error.errno)
    return _refused(path, why)


def _refused(path: Path | str, why: str) -> StoreError:
    return StoreError("L137", "the ledger's folder can't be used", f"{path}: {why}. Nothing was changed.")


def _make_root(root: Path) -> None:
    """With the folders on the way, private too: who may write to one of them could put another ledger in place of this one."""
    for folder in reversed([root, *root.parents]):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            lasting(folder.parent)


def _descend(folder: int, part: str, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=folder)
            os.fsync(folder)
    return os.open(part, _FOLDER, dir_fd=folder)


def entries_of(folder: int, shown: Path) -> list[tuple[str, bool]]:
    """Names in an opened folder, and whether each is a folder itself. Dot-names are the store's own and left out.

    Raises `StoreError`, naming the folder as `shown`.
    """
    try:
        with os.scandir(folder) as entries:
            return [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise unusable(shown, error) from error
