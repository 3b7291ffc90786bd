"""Configuration as it is at a git revision: read from git's objects, with a fixed argument vector.

No shell, no checkout, so no hooks, no filters; no network, also in a partial clone. A revision can't become an option. What is read is
bounded while it is read: a dozen objects can stand for more files than any disk holds.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from reconciler.config.files import ENVIRONMENTS, MAX_FILES, MAX_TOTAL, SUFFIXES, Directory, Read, unshowable
from reconciler.config.text import MAX_BYTES, displayed, too_large
from reconciler.diagnostics import CODES, Diagnostic, Source, diagnose
from reconciler.errors import ConfigInvalid

_REVISION = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@./~^{}+=-]{0,254}", re.ASCII)
_SUFFIXES = tuple(each.encode() for each in SUFFIXES)
_TIMEOUT_SECONDS = 60
_MAX_ENTRIES = 500_000
_MAX_ANSWER = 128 * 1024 * 1024
_CHUNK = 1 << 16
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "protocol.allow=never",
    # A bare repository is some files that anyone can commit, configuration included.
    "safe.bareRepository=explicit",
)
_OPTIONS = (
    "--no-pager",
    "--no-replace-objects",
    "--no-optional-locks",
    *(word for setting in _SETTINGS for word in ("-c", setting)),
)
_ENVIRONMENT = {
    "GIT_NO_LAZY_FETCH": "1",
    # Overrides the repository's own protocol.<name>.allow, which protocol.allow doesn't.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of a tree. `size`: None where the object isn't there, as in a partial clone."""

    mode: str
    object_id: str
    size: int | None


class Revision:
    """A project directory at a revision. Raises ConfigInvalid P110 if there is no such revision, or no git."""

    def __init__(self, project: Path, revision: str) -> None:
        self._project = project
        self.commit = _commit(project, revision)
        self._tree = dict(_tree(project, self.commit))
        self._attached: dict[str, _Entry] = {}

    @property
    def root(self) -> Path | None:
        """None: what is on this machine's disk isn't looked at."""
        return None

    def names(self, *, hidden: bool) -> tuple[list[str], list[Diagnostic]]:
        """See `Origin`. Symbolic links aren't followed here, wherever they lead."""
        names: list[str] = []
        findings: list[Diagnostic] = []
        for name, entry in sorted(self._tree.items()):
            folders = name.split("/")[:-1]
            if not hidden and any(each.startswith(".") for each in folders):
                continue
            if displayed(name) != name:
                findings.append(unshowable(name))
            elif entry.mode == "120000":
                findings.append(
                    diagnose("P105", Source(name), "Links aren't followed in a git revision. Put the file here.")
                )
            elif entry.mode.startswith("100"):
                names.append(name)
        if len(names) > MAX_FILES:
            return [], [diagnose("P108", Source("."), f"The revision has more than {MAX_FILES:,} YAML files here.")]
        return names, findings

    def environments(self) -> list[str]:
        """See `Origin`."""
        folder = f"{ENVIRONMENTS}/"
        tree = sorted(self._tree.items())
        return [
            name
            for name, entry in tree
            if name.startswith(folder)
            and name.count("/") == 1
            and name.endswith(SUFFIXES)
            and entry.mode.startswith("100")
        ]

    def attached(self, name: str) -> bytes | Diagnostic:
        """See `Origin`. Links aren't followed."""
        for line in _lines(_said(self._project, "ls-tree", "-z", "--long", self.commit, "--", name)):
            found, entry = _entry(line)
            if found == name and entry.mode.startswith("100"):
                self._attached[name] = entry
        ((_, content),) = self.read([name])
        return content

    def read(self, names: Iterable[str]) -> Iterator[Read]:
        """See `Origin`."""
        wanted: list[tuple[str, _Entry]] = []
        total = 0
        for name in names:
            if (entry := self._tree.get(name) or self._attached.get(name)) is None:
                yield name, diagnose("P107", Source(name), "The revision has no such file.")
                continue
            if entry.size is None:
                raise _unreadable(f"The content of {name} isn't in this repository. {_FETCH}")
            if entry.size > MAX_BYTES:
                yield name, too_large(name, entry.size)
                continue
            total += entry.size
            if total > MAX_TOTAL:
                yield (
                    name,
                    diagnose("P108", Source(name), f"With this file, they are more than {MAX_TOTAL // 2**20} MiB."),
                )
                return
            wanted.append((name, entry))
        request = "".join(f"{entry.object_id}\n" for _, entry in wanted).encode()
        answer = _git(self._project, "cat-file", "--batch", given=request) if wanted else b""
        at = 0
        for name, entry in wanted:
            head, _, _ = answer[at : at + 200].partition(b"\n")
            if head != f"{entry.object_id} blob {entry.size}".encode():
                raise _unreadable(f"The content of {name} can't be read. {_FETCH}")
            at += len(head) + 1
            yield name, answer[at : at + (entry.size or 0)]
            at += (entry.size or 0) + 1


_NEW = (
    *("ls-files", "-z", "--others", "--exclude-standard", "--"),
    *(":(glob)**/*.yaml", ":(glob)**/*.yml", ":(exclude,glob)**/.*/**"),
)
"""YAML files of the project's folder that git doesn't have; what is in folders that begin with a dot isn't read as configuration."""


def head(project: Path) -> str | None:
    """The commit that is checked out, in full, with `-dirty` behind it where configuration isn't as it is there; None outside of git."""
    try:
        commit = _commit(project, "HEAD")
        return commit if _as_committed(project, commit) and not _git(project, *_NEW) else f"{commit}-dirty"
    except ConfigInvalid:
        return None


def _as_committed(project: Path, commit: str) -> bool:
    """Whether the files of a commit lie in the folder with their content, line ends aside.

    Compared here: git itself (`status`, `diff`) would run the filters that the repository's configuration names.
    """
    visible = {
        name: entry
        for name, entry in _tree(project, commit)
        if entry.mode.startswith("100") and not any(each.startswith(".") for each in name.split("/")[:-1])
    }
    return all(
        isinstance(content, bytes) and visible[name].object_id in _object_ids(content, len(visible[name].object_id))
        for name, content in Directory(project).read(visible)
    )


def _object_ids(content: bytes, length: int) -> Iterator[str]:
    """What git calls this content, as it is and with its line ends as they are committed; of 40 digits or of 64."""
    for each in (content, content.replace(b"\r\n", b"\n")):
        made = hashlib.sha1(usedforsecurity=False) if length == 40 else hashlib.sha256()
        made.update(b"blob %d\0" % len(each) + each)
        yield made.hexdigest()


def commit_time(project: Path) -> datetime | None:
    """When the checked-out commit was made, UTC; None outside of git."""
    try:
        text = _git(project, "rev-list", "--max-count=1", "--timestamp", "--end-of-options", "HEAD")
    except ConfigInvalid:
        return None
    return datetime.fromtimestamp(int(text.split()[0]), UTC)


def _commit(project: Path, revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise _unreadable("A revision is a commit, a branch or a tag, such as origin/main.")
    answer = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return answer.decode("ascii", "replace").strip()


def _tree(project: Path, commit: str) -> Iterator[tuple[str, _Entry]]:
    """The YAML files of the project directory at a commit, by name relative to it. Raises ConfigInvalid P108."""
    kept = 0
    for number, line in enumerate(_lines(_said(project, "ls-tree", "-r", "-z", "--long", commit))):
        if number >= _MAX_ENTRIES or kept > MAX_FILES:
            what = f"{_MAX_ENTRIES:,} files" if number >= _MAX_ENTRIES else f"{MAX_FILES:,} YAML files"
            raise ConfigInvalid("P108", CODES["P108"].summary, f"The revision has more than {what} here.")
        if not line.endswith(_SUFFIXES):
            continue
        kept += 1
        yield _entry(line)


def _entry(line: bytes) -> tuple[str, _Entry]:
    """What a line of `ls-tree --long` says."""
    about, _, name = line.partition(b"\t")
    mode, _, object_id, size = about.decode("ascii").split()
    return os.fsdecode(name), _Entry(mode, object_id, int(size) if size.isdigit() else None)


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What ends in a NUL."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\0")
        yield from lines


def _git(project: Path, *arguments: str, given: bytes = b"") -> bytes:
    """All that git answers. Raises ConfigInvalid P110."""
    return b"".join(_said(project, *arguments, given=given))


def _said(project: Path, *arguments: str, given: bytes = b"") -> Iterator[bytes]:
    """What git answers, as it comes; git is ended when nobody wants more. Raises ConfigInvalid P110."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(project), *_OPTIONS, *arguments]
    with tempfile.TemporaryFile() as wanted, tempfile.TemporaryFile() as errors:
        wanted.write(given)
        wanted.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=wanted, stdout=subprocess.PIPE, stderr=errors, env=environment | _ENVIRONMENT
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise _unreadable("Git isn't installed." if missing else "Git can't be started.") from error
        ended = threading.Timer(_TIMEOUT_SECONDS, process.kill)
        ended.daemon = True
        ended.start()
        try:
            yield from _chunks(process)
            if process.wait() != 0:
                raise _failed(errors, late=process.returncode < 0)
        finally:
            ended.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    assert process.stdout is not None
    total = 0
    while chunk := process.stdout.read(_CHUNK):
        total += len(chunk)
        if total > _MAX_ANSWER:
            raise _unreadable("The revision holds more than can be read.")
        yield chunk


def _failed(errors: IO[bytes], *, late: bool) -> ConfigInvalid:
    if late:
        return _unreadable("Git didn't answer.")
    errors.seek(0)
    lines = errors.read(_CHUNK).decode("utf-8", "replace").strip().splitlines()
    why = lines[0][:200] if lines else "There is no such commit, branch or tag in this repository"
    hint = " A shallow clone may lack it: fetch it first." if not lines else ""
    return _unreadable(f"{why.rstrip('.')}.{hint}")


def _unreadable(detail: str) -> ConfigInvalid:
    return ConfigInvalid("P110", CODES["P110"].summary, detail)


_FETCH = "The clone is a partial one, or damaged: fetch the revision whole."
