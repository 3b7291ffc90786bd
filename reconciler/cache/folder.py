"""One folder of one user: JSON values by name, each good for exactly one version of whoever wrote it.

A cache never fails: what is absent, damaged, of another version or another user's is None, and what can't be written
isn't. Files are 0600 and the folder 0700; a value is found by its SHA-256 to be whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SWITCH: Final = "RECONCILER_CACHE"
LARGEST: Final = 64 * 2**20
"""Bytes of a value as it is kept, compressed; before that, it may have eight times as many."""
_MAX_TOTAL: Final = 256 * 2**20
_MAX_FILES: Final = 64
_STALE_SECONDS: Final = 3_600
_TEMPORARY: Final = ".tmp-"
_FORMAT: Final = b"reconciler-cache-1"


@dataclass(frozen=True, slots=True)
class Cache:
    """`folder` None: nothing is kept. `limit`: bytes in all; the files that were used least recently go first."""

    folder: Path | None
    limit: int = _MAX_TOTAL

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> Cache:
        """`$XDG_CACHE_HOME/reconciler`, by default in `~/.cache`. RECONCILER_CACHE: another absolute path; anything else, such
        as `off`, keeps nothing."""
        wanted = environment.get(SWITCH)
        if wanted:
            return cls(Path(wanted) if os.path.isabs(wanted) else None)
        base = environment.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):  # the specification has relative ones ignored
            base = os.path.join(environment.get("HOME", ""), ".cache")
        return cls(Path(base, "reconciler") if os.path.isabs(base) else None)

    def read(self, name: str, version: str) -> Any:
        """The value kept under a name by this version; None if there is none."""
        if self.folder is None or not _is_ours(self.folder):
            return None
        content = _read(self.folder / _file(name))
        head, _, body = content.partition(b"\n")
        if head != _head(version, body):
            return None
        try:
            value = json.loads(zlib.decompressobj().decompress(body, 8 * LARGEST))
        except (ValueError, RecursionError, zlib.error):
            return None
        with contextlib.suppress(OSError):
            os.utime(self.folder / _file(name))
        return value

    def write(self, name: str, version: str, value: Any) -> None:
        """Keeps a value, in place of what was there. One that is too large isn't kept."""
        if self.folder is None:
            return
        plain = json.dumps(value, separators=(",", ":")).encode()
        body = zlib.compress(plain, 1) if len(plain) <= 8 * LARGEST else plain
        if len(body) > min(LARGEST, self.limit):
            return
        with contextlib.suppress(OSError):
            _make(self.folder)
            if not _is_ours(self.folder):
                return
            temporary = self.folder / f"{_TEMPORARY}{secrets.token_hex(8)}"
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(_head(version, body) + b"\n" + body)
                os.replace(temporary, self.folder / _file(name))
            finally:
                temporary.unlink(missing_ok=True)
            self._evict(self.folder)

    def _evict(self, folder: Path) -> None:
        left, total = _MAX_FILES, self.limit
        for age, size, path in sorted(_entries(folder)):
            if path.name.startswith(_TEMPORARY):
                if age > _STALE_SECONDS:  # a killed writer's
                    path.unlink(missing_ok=True)
                continue
            left, total = left - 1, total - size
            if left < 0 or total < 0:
                path.unlink(missing_ok=True)


NO_CACHE: Final = Cache(None)


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    now = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            about = entry.stat(follow_symlinks=False)
            yield now - about.st_mtime, about.st_size, Path(entry.path)


def _file(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:40]


def _head(version: str, body: bytes) -> bytes:
    said = hashlib.sha256(version.encode()).hexdigest()
    return b" ".join((_FORMAT, said.encode(), hashlib.sha256(body).hexdigest().encode()))


def _make(folder: Path) -> None:
    for each in reversed([folder, *folder.parents]):
        if not each.is_dir():
            each.mkdir(mode=0o700, exist_ok=True)


def _is_ours(folder: Path) -> bool:
    try:
        about = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and _private(about)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not (stat.S_ISREG(about.st_mode) and _private(about)):
                return b""
            return file.read(LARGEST + 1024)
    except OSError:
        return b""


def _private(about: os.stat_result) -> bool:
    """Whether nobody but this user can have written it."""
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
