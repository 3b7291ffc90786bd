"""What earlier reads of a project found sound, by content: documents of plain files, and expressions over columns.

Only what can be made anew and has no finding is kept, so that with and without it every finding is the same. What is
recalled is data as libyaml gave it: whether it is valid and what it means is judged by every read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from reconciler.cache.folder import Cache
from reconciler.config.nodes import Mark
from reconciler.config.parse import Document
from reconciler.values.types import ColumnType
from reconciler.version import __version__

WORTH_IT: Final = 256 * 1024
"""Bytes of configuration below which reading it anew is faster than looking into the cache."""
_CHANGED: Final = 20  # one in so many bytes must be new before all is written again
_PACKAGES: Final = ("config", "values", "where")


@dataclass
class Remembered:
    """The memory of one project, by its `name`: looked up, added to, and saved at the end."""

    cache: Cache
    name: str
    _opened: bool = False
    _recalled: int = 0  # bytes of files
    _learned: int = 0
    _files: dict[str, Any] = field(default_factory=dict)
    _sound: frozenset[str] = frozenset()
    _used_files: dict[str, Any] = field(default_factory=dict)
    _used_sound: set[str] = field(default_factory=set)

    def expect(self, size: int) -> None:
        """Looks up what was saved before so many bytes of files are read, if that is worth it. What another version of this
        code, or of what it reads with, has saved isn't known."""
        if self._opened or size < WORTH_IT:
            return
        self._opened = True
        match self.cache.read(self._key, code_version()):
            case {"files": dict() as files, "sound": list() as sound}:
                self._files, self._sound = files, frozenset(sound)

    def documents(self, path: str, content: bytes, text: str) -> list[Document] | None:
        """A file's documents, if a file of exactly this content was sound; its path may be another."""
        digest = _digest(content)
        if (rows := self._files.get(digest)) is None:
            return None
        self._recalled += len(content)
        self._used_files[digest] = rows
        return [Document(path, number, data, Mark(*start), stop, text) for number, data, start, stop in rows]

    def keep_documents(self, content: bytes, documents: Sequence[Document]) -> None:
        """Keeps a file's documents; there must have been no finding in it. Files with anchors aren't kept: they can
        stand for far more than they hold."""
        if self._opened and b"&" not in content:
            self._learned += len(content)
            rows = [(each.index, each.data, each.start, each.stop) for each in documents]
            self._used_files[_digest(content)] = rows

    def sound(self, key: str) -> bool:
        """Whether an expression was found sound: see `expression_key`."""
        if key not in self._sound:
            return False
        self._used_sound.add(key)
        return True

    def keep_sound(self, key: str) -> None:
        """Keeps that an expression is sound."""
        if self._opened:
            self._used_sound.add(key)

    def save(self) -> None:
        """Keeps what this read used, and forgets the rest; not for a few changes, nor for a small project."""
        if self._learned * _CHANGED > self._recalled + self._learned:
            value = {"files": self._used_files, "sound": sorted(self._used_sound)}
            self.cache.write(self._key, code_version(), value)

    @property
    def _key(self) -> str:
        return f"config {self.name}"


def columns_key(columns: Mapping[str, ColumnType]) -> str:
    """What of a dataset an expression's soundness depends on."""
    return "\0".join(f"{name}\1{of}" for name, of in columns.items())


def expression_key(columns: str, where: str) -> str:
    """An expression over columns (`columns_key`)."""
    return _digest(f"{columns}\2{where}".encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def code_version() -> str:
    """Changes with every change of the code that reads, and of the libraries that it reads with."""
    return f"{__version__} {version('pyyaml')} {version('sqlglot')} {code_digest(Path(__file__).resolve().parents[1])}"


def code_digest(package: Path) -> str:
    """Of the sources of those packages that what is kept depends on."""
    total = hashlib.sha256()
    for path in sorted(path for name in _PACKAGES for path in (package / name).glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
