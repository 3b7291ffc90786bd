"""Staging for the `local` type: one file being written where no reader looks, and the operating system's errors in
words."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reconciler.destinations import folders
from reconciler.destinations.early import Early
from reconciler.destinations.errors import failure
from reconciler.destinations.names import segments
from reconciler.values.staged import Content, StagedFile

STAGING = ".reconciler-staging"
SUFFIX = ".staged"
FILE_MODE = 0o640
_STAGING_MODE = 0o700
_BUFFER = 1 << 20

_CODES = {
    errno.ENOSPC: ("D106", False, "Make room on the disk, or raise the quota."),
    errno.EDQUOT: ("D106", False, "Make room on the disk, or raise the quota."),
    errno.EFBIG: ("D106", False, "The largest size of a file is passed: set files.maxBytes or raise the limit."),
    errno.EACCES: ("D104", True, "Give the user that runs this the right to read and write below the folder."),
    errno.EPERM: ("D104", True, "Give the user that runs this the right to read and write below the folder."),
    errno.EROFS: ("D104", True, "The file system is mounted read-only."),
    errno.ENOENT: ("D102", True, "Mount the file system or correct connection.path, then plan and apply again."),
    errno.ENOTDIR: ("D109", True, "A file or a symbolic link stands where a folder belongs."),
    errno.ELOOP: ("D109", True, "A symbolic link stands where a file or folder belongs."),
    errno.ENAMETOOLONG: (
        "D109",
        True,
        "The file system can't have names of this length: shorten files.folder and files.name.",
    ),
}


@contextmanager
def explained(root: str, action: str) -> Iterator[None]:
    """Turns OSError into DestinationError; a FileNotFoundError passes through while the root is there."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and os.path.isdir(root):
            raise
        code, permanent, mend = _CODES.get(error.errno or 0, ("D110", False, "Look at the file system and run again."))
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise failure(code, f"Can't {action} in {root}: {reason}. {mend}", permanent=permanent) from error


def staged_segments(staged: str) -> tuple[str, ...]:
    """The parts of a token's `staged`. Raises DestinationError D109 if it isn't in the staging area."""
    area, _, rest = staged.partition("/")
    if area != STAGING or not rest.endswith(SUFFIX):
        raise failure("D109", f"{staged!r} isn't in the staging area.")
    return (STAGING, *segments(rest))


class LocalSink:
    """One file in the staging area; hashed as it is written."""

    def __init__(self, root: str, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> None:
        """Opens it. Raises OSError, DestinationError."""
        self._root = root
        self._replaces = replaces
        self._name = name
        self._staged = f"{STAGING}/{run_id}/{name}{SUFFIX}"
        self._segments = staged_segments(self._staged)
        self._hash = hashlib.sha256()
        self._size = 0
        try:
            descriptor = folders.create_file(root, self._segments, FILE_MODE, _STAGING_MODE)
        except FileExistsError:
            raise failure(
                "D120", f"{root}/{self._staged} is there already: two files of one run have the same name."
            ) from None
        except FileNotFoundError:
            if folders.exists(root, ()):
                raise failure(
                    "D110", f"Folders below {root}/{STAGING} keep vanishing. Run again.", permanent=False
                ) from None
            raise failure("D102", f"{root} isn't a folder that is there.") from None
        self._file = os.fdopen(descriptor, "wb", buffering=_BUFFER)
        self._early = Early(descriptor)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends."""
        view = memoryview(data).cast("B")
        with explained(self._root, f"write {self._name}"):
            self._file.write(view)
        self._hash.update(view)
        self._size += view.nbytes
        self._early.upto(self._size)
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Flushes to the disk, file and folder. Raises DestinationError D121 if it was discarded meanwhile."""
        with explained(self._root, f"write {self._name}"):
            self._file.flush()
            os.fsync(self._file.fileno())
            links = os.fstat(self._file.fileno()).st_nlink
            self._file.close()
        lost = failure("D121", f"{self._root}/{self._staged} was removed while it was written.")
        if not links:
            raise lost
        try:
            with explained(self._root, f"write {self._name}"):
                folders.sync_path(self._root, self._segments[:-1])
        except FileNotFoundError:
            raise lost from None
        return StagedFile(
            name=self._name,
            staged=self._staged,
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Closes and removes the file and folders that this leaves empty."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError), folders.opened(self._root, self._segments[:-1]) as folder:
            os.unlink(self._segments[-1], dir_fd=folder)
        with suppress(OSError):
            folders.prune(self._root, self._segments[:-1])
