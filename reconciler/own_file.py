"""A file beside the ledger that a person asked for, a backup or a saved plan: for its owner alone, whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def own_file(path: Path, *, replace: bool = True) -> Iterator[IO[bytes]]:
    """A new file (0600) that takes the name once it is whole and on disk; on any error, what had the name stays.

    Nobody can have it open from before: it is made under a name that nobody knows, and a link at `path` is replaced, not followed.
    Raises OSError; without `replace`, FileExistsError where the name is taken by then.
    """
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, _NEW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _named(beside, path, replace)
        lasting(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def _named(beside: Path, path: Path, replace: bool) -> None:
    if not replace and not path.is_dir():
        try:
            os.link(beside, path, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:  # no hard links here: then what came since cannot be told apart in one step
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        else:
            return
    beside.replace(path)


def lasting(folder: Path) -> None:
    """Makes new names in it last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
