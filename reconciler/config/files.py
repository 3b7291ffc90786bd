"""Which files are configuration, and their bytes: from a directory here, from a git revision in `revision.py`.

Links that lead out of the project aren't followed, pipes and devices aren't read, large files are refused by size.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from reconciler.config.globs import matches
from reconciler.config.text import MAX_BYTES, decode, displayed, too_large
from reconciler.diagnostics import Diagnostic, Source, diagnose
from reconciler.errors import ConfigInvalid

SUFFIXES = (".yaml", ".yml")
ENVIRONMENTS = "environments"
MAX_FILES = 20_000
MAX_TOTAL = 16 * 1024 * 1024
PROJECT_FILES = ("reconcile.yaml", "reconcile.yml")

Read = tuple[str, bytes | Diagnostic]


class Origin(Protocol):
    """Where configuration files come from. Names are POSIX paths relative to the project, sorted."""

    def names(self, *, hidden: bool) -> tuple[list[str], list[Diagnostic]]:
        """All YAML files; with `hidden` also those in folders that begin with a dot (never in `.git`)."""
        ...

    def read(self, names: Iterable[str]) -> Iterator[Read]:
        """Each name with its bytes, or with why it can't be read."""
        ...

    def environments(self) -> list[str]:
        """The overlay files, `environments/<name>.yaml`, sorted."""
        ...

    def attached(self, name: str) -> bytes | Diagnostic:
        """A file that isn't configuration and that configuration names by a plain relative path, if it is really in the project."""
        ...

    @property
    def root(self) -> Path | None:
        """The project directory, if there is one on this machine."""
        ...


class Directory:
    """A project directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = os.path.realpath(root)

    @property
    def root(self) -> Path | None:
        """The directory."""
        return self._root

    def names(self, *, hidden: bool) -> tuple[list[str], list[Diagnostic]]:
        """See `Origin`. A file with several names is read once, under its own name if possible."""
        found: dict[str, str] = {}
        findings: list[Diagnostic] = []
        pending = [("", self._real)]
        seen = {self._real}
        while pending:
            prefix, folder = pending.pop()
            for entry in _entries(folder, prefix or ".", findings):
                name = prefix + entry.name
                if _is_folder(entry):
                    if _skipped(entry.name, prefix, hidden):
                        continue
                    real = self._inside(entry, name, findings)
                    if real is not None and real not in seen:
                        seen.add(real)
                        pending.append((f"{name}/", real))
                elif entry.name.endswith(SUFFIXES):
                    if displayed(name) != name:
                        findings.append(unshowable(name))
                        continue
                    real = self._inside(entry, name, findings)
                    if real is not None and (real not in found or not entry.is_symlink()):
                        found[real] = name
            if len(found) > MAX_FILES:
                findings.append(
                    diagnose(
                        "P108", Source(displayed(name)), f"More than {MAX_FILES:,} YAML files lie below the project."
                    )
                )
                return [], findings
        return sorted(found.values()), findings

    def environments(self) -> list[str]:
        """See `Origin`. Links aren't followed."""
        folder = os.path.join(self._real, ENVIRONMENTS)
        if os.path.islink(folder) or not os.path.isdir(folder):
            return []
        entries = _entries(folder, ENVIRONMENTS, [])
        files = [each for each in entries if each.name.endswith(SUFFIXES) and each.is_file(follow_symlinks=False)]
        return [f"{ENVIRONMENTS}/{each.name}" for each in files if displayed(each.name) == each.name]

    def attached(self, name: str) -> bytes | Diagnostic:
        """See `Origin`."""
        if not os.path.realpath(f"{self._real}/{name}").startswith(self._real.rstrip(os.sep) + os.sep):
            return diagnose("P105", Source(displayed(name)), "The path leads out of the project. Put the file here.")
        return self._content(name)

    def read(self, names: Iterable[str]) -> Iterator[Read]:
        """See `Origin`."""
        listed = list(names)
        total = 0
        for name in listed:
            total += min(_size(f"{self._real}/{name}"), MAX_BYTES)
            if total > MAX_TOTAL:
                yield (
                    name,
                    diagnose("P108", Source(name), f"With this file, they are more than {MAX_TOTAL // 2**20} MiB."),
                )
                return
        for name in listed:
            yield name, self._content(name)

    def _content(self, name: str) -> bytes | Diagnostic:
        try:
            # Without O_NONBLOCK, opening a pipe waits for a writer.
            handle = os.open(f"{self._real}/{name}", os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    return diagnose("P106", Source(name), "Only regular files are read. Remove it, or exclude it.")
                if status.st_size > MAX_BYTES:
                    return too_large(name, status.st_size)
                return _bytes(handle, status.st_size)
            finally:
                os.close(handle)
        except OSError as error:
            return diagnose("P107", Source(name), f"Reading it failed: {error.strerror or 'unknown error'}.")

    def _inside(self, entry: os.DirEntry[str], name: str, findings: list[Diagnostic]) -> str | None:
        """The entry's real path, if it is in the project."""
        if not entry.is_symlink():
            return entry.path
        real = os.path.realpath(entry.path)
        if real == self._real or real.startswith(self._real.rstrip(os.sep) + os.sep):
            return real
        detail = "The link leads out of the project directory and isn't followed. Put the file here, or exclude it."
        findings.append(diagnose("P105", Source(displayed(name)), detail))
        return None


def unshowable(name: str) -> Diagnostic:
    """The finding about a file whose name nobody could read in a review."""
    return diagnose("P112", Source(displayed(name)), "Rename it, or leave it out with Project.spec.exclude.")


def chosen(names: list[str], include: Iterable[str] | None, exclude: Iterable[str]) -> list[str]:
    """The names that `include` (all, if None) lets in and `exclude` doesn't put out."""
    kept = names if include is None else [name for name in names if any(matches(each, name) for each in include)]
    exclude = tuple(exclude)
    return [name for name in kept if not any(matches(each, name) for each in exclude)]


def by_default(name: str) -> bool:
    """Whether a file is read by default: it is neither in a dot-folder nor in the root's `environments`."""
    folders = name.split("/")[:-1]
    return not any(folder.startswith(".") for folder in folders) and folders[:1] != [ENVIRONMENTS]


def find_project(start: Path) -> Path | None:
    """The nearest directory, from `start` up, that has a `reconcile.yaml` or a file with a `Project` document."""
    for folder in (start, *start.parents):
        if any((folder / name).is_file() for name in PROJECT_FILES) or _has_project(folder):
            return folder
    return None


def require_project(start: Path) -> Path:
    """`find_project`, or ConfigInvalid P109."""
    found = find_project(start)
    if found is None:
        detail = "Change to the project's directory, name it with -C DIR, or start one with: reconcile init"
        raise ConfigInvalid("P109", "no project here", detail)
    return found


def _has_project(folder: Path) -> bool:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIXES))
    except OSError:
        return False
    for _, content in Directory(folder).read(names):
        text = decode(content, "")[0] if isinstance(content, bytes) else None
        if text and any(line.split("#")[0].split() == ["kind:", "Project"] for line in text.splitlines()):
            return True
    return False


def _skipped(folder: str, prefix: str, hidden: bool) -> bool:
    if folder == ".git" or (not prefix and folder == ENVIRONMENTS):
        return True
    return folder.startswith(".") and not hidden


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _bytes(handle: int, size: int) -> bytes:
    """All that is in a file, one byte over the limit at most: it may have grown. `size`: what it had a moment ago."""
    content = os.read(handle, size + 1)
    while len(content) <= MAX_BYTES and (more := os.read(handle, MAX_BYTES + 1 - len(content))):
        content += more
    return content


def _entries(folder: str, name: str, findings: list[Diagnostic]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        findings.append(
            diagnose(
                "P107", Source(displayed(name)), f"Listing the folder failed: {error.strerror or 'unknown error'}."
            )
        )
        return []
