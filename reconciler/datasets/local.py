"""Datasets in local folders, or in one local file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.datasets.base import Access, Listing
from reconciler.datasets.names import DELTA_LOG, DataFormat, check_name, no_table, visible
from reconciler.datasets.problems import absent, named, problem
from reconciler.errors import SourceError
from reconciler.values.pin import Pin, PinnedFile


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """`root`: an absolute path. `location`: what pins call it. Files younger than `settle` wait."""

    root: Path
    location: str
    format: DataFormat
    settle: timedelta

    def listing(self, now: datetime) -> Listing:
        """All settled data files. Raises `SourceError` F101-F104, F135."""
        settled, waiting, modified = [], [], {}
        if (self.root / DELTA_LOG).is_dir():
            raise no_table(self.location)
        for path, found in sorted(self._found()):
            check_name(path or self.root.name, self.format)
            changed = datetime.fromtimestamp(found.st_mtime_ns // 1000 / 1_000_000, UTC)
            if changed > now - self.settle:
                waiting.append(path or self.root.name)
                continue
            settled.append(_pinned(path, found))
            modified[path] = changed
        return Listing(Pin(location=self.location, files=tuple(settled)), tuple(waiting), modified)

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths that aren't what was pinned, looked up one by one."""
        return tuple(file.path or self.root.name for file in files if not file.same(self._now(file.path)))

    def columns(self) -> None:
        """Each file has its own."""
        return None

    def found(self, paths: Iterable[str]) -> Mapping[str, PinnedFile | None]:
        """What is at each path by now."""
        return {path: self._now(path) for path in paths}

    def read(self, path: str) -> bytes | None:
        """A small file's content; None where there is none. Raises `SourceError` F104."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise problem("F104", f"{self.root / path} can't be read: {error.strerror}.") from error

    def peek(self) -> None:
        """Reads a byte of what is one file. Raises `SourceError` F104."""
        try:
            with self.root.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise problem("F104", f"{self.root} can't be read: {error.strerror}.") from error

    def access(self) -> Access:
        """Absolute paths."""
        return Access(str(self.root))

    def _now(self, path: str) -> PinnedFile | None:
        try:
            return _pinned(path, (self.root / path).stat())
        except OSError:
            return None

    def _found(self) -> list[tuple[str, os.stat_result]]:
        """Relative POSIX paths of all visible files, links checked."""
        try:
            about = self.root.stat()
            if not stat.S_ISDIR(about.st_mode):
                return [("", _regular("", about))]
            top = self.root.resolve(strict=True)
            plain: list[tuple[str, os.stat_result]] = []
            links: list[tuple[str, Path]] = []
            for path, entry in _walk(self.root):
                if entry.is_symlink():
                    links.append((path, Path(entry.path)))
                else:
                    plain.append((path, _regular(path, entry.stat())))
            return plain + _linked(top, links, {(about.st_dev, about.st_ino) for _, about in plain})
        except FileNotFoundError as error:
            raise _missing(self.root, error) from error
        except PermissionError as error:
            raise problem("F104", f"No permission to read {error.filename}.") from error
        except OSError as error:
            raise problem("F104", f"{self.root}: {error.strerror}.") from error


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Visible files and links below a folder, folders entered, links not. No recursion: depth is no limit."""
    waiting = [("", str(root))]
    while waiting:
        prefix, folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if not visible(entry.name):
                    continue
                path = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{path}/", entry.path))
                else:
                    yield path, entry


def _linked(top: Path, links: list[tuple[str, Path]], read: set[tuple[int, int]]) -> list[tuple[str, os.stat_result]]:
    """Links to files that are inside the location and not read anyway: mounted volumes link into a hidden folder."""
    found = []
    for path, link in sorted(links):
        try:
            target = link.resolve(strict=True)
            about = target.stat()
        except (OSError, RuntimeError) as error:
            raise problem("F103", f"{path!r} leads nowhere.") from error
        if not target.is_relative_to(top):
            raise problem("F103", f"{path!r} leads out of the dataset's folder.")
        if stat.S_ISDIR(about.st_mode):
            raise problem("F103", f"{path!r} leads to a folder.")
        if (about.st_dev, about.st_ino) in read:
            raise problem("F103", f"{path!r} leads to a file that is read under another name too.")
        read.add((about.st_dev, about.st_ino))
        found.append((path, _regular(path, about)))
    return found


def _regular(path: str, about: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(about.st_mode):
        raise problem("F102", f"{named(path)} is a pipe, a device or a socket.")
    return about


def _missing(root: Path, error: FileNotFoundError) -> SourceError:
    if root.exists():
        return problem("F116", f"{error.filename} vanished while the dataset was listed.")
    return absent(f"There is nothing at {root}.")


def _pinned(path: str, about: os.stat_result) -> PinnedFile:
    return PinnedFile(path=path, size=about.st_size, version=f"{about.st_mtime_ns}-{about.st_ino}")
