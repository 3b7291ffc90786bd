"""Giving a finished file its name, never over another one: the best way that the file system knows.

Best is a rename that refuses to replace (Linux 3.15, glibc 2.28; ext4, xfs, btrfs, tmpfs, vfat): it publishes and
consumes in one step, so that no crash leaves a staged file behind that could show again what a recipient has taken
already. A hard link comes next (NFS): it never replaces, and its staged name is removed after it. Last (no links, as
on some network mounts): look, then rename. Between the two only strangers can interfere, since every runner renames
the same staged file and the second finds it gone.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from functools import cache

_RENAME_NOREPLACE = 1
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK})


def place(source: int, staged: str, target: int, name: str) -> None:
    """Moves or links `staged` in the folder `source` to `name` in the folder `target` (descriptors).

    Raises FileExistsError: something has the name; FileNotFoundError: the staged file or the target folder is gone.
    """
    for way in (_rename_noreplace, _link):
        try:
            return way(source, staged, target, name)
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
    _look_and_rename(source, staged, target, name)


def _rename_noreplace(source: int, staged: str, target: int, name: str) -> None:
    call = _renameat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(source, os.fsencode(staged), target, os.fsencode(name), _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def _link(source: int, staged: str, target: int, name: str) -> None:
    os.link(staged, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)


def _look_and_rename(source: int, staged: str, target: int, name: str) -> None:
    try:
        os.stat(name, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(staged, name, src_dir_fd=source, dst_dir_fd=target)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


@cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function
