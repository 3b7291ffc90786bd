"""Configuration as it is at a git revision: read from git's objects, with a fixed argument vector.

No shell, no checkout, so no hooks, no filters; no network, also in a partial clone. A revision can't become an option.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.config.files import ENVIRONMENTS, MAX_FILES, MAX_TOTAL, SUFFIXES, Read
from reconciler.config.text import MAX_BYTES, too_large
from reconciler.diagnostics import Diagnostic, Source, diagnose
from reconciler.errors import ConfigInvalid

_REVISION = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@./~^{}+=-]{0,254}", re.ASCII)
_TIMEOUT_SECONDS = 60
_OPTIONS = ("--no-replace-objects", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of a tree."""

    mode: str
    object_id: str
    size: int


class Revision:
    """A project directory at a revision. Raises ConfigInvalid P110 if there is no such revision, or no git."""

    def __init__(self, project: Path, revision: str) -> None:
        self._project = project
        self.commit = _commit(project, revision)
        self._tree = dict(_tree(project, self.commit))

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
            if not name.endswith(SUFFIXES) or (not hidden and any(each.startswith(".") for each in folders)):
                continue
            if entry.mode == "120000":
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

    def read(self, names: Iterable[str]) -> Iterator[Read]:
        """See `Origin`."""
        wanted: list[tuple[str, _Entry]] = []
        total = 0
        for name in names:
            if (entry := self._tree.get(name)) is None:
                yield name, diagnose("P107", Source(name), "The revision has no such file.")
                continue
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
            at = answer.index(b"\n", at) + 1
            yield name, answer[at : at + entry.size]
            at += entry.size + 1


def head(project: Path) -> str | None:
    """The commit that is checked out, in full; None outside of git."""
    try:
        return _commit(project, "HEAD")
    except ConfigInvalid:
        return None


def commit_time(project: Path) -> datetime | None:
    """When the checked-out commit was made, UTC; None outside of git."""
    try:
        text = _git(project, "show", "--no-patch", "--no-show-signature", "--format=%ct", "--end-of-options", "HEAD")
    except ConfigInvalid:
        return None
    return datetime.fromtimestamp(int(text.split()[0]), UTC)


def _commit(project: Path, revision: str) -> str:
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise ConfigInvalid(
            "P110", "revision can't be read", "A revision is a commit, a branch or a tag, such as origin/main."
        )
    answer = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return answer.decode("ascii", "replace").strip()


def _tree(project: Path, commit: str) -> Iterator[tuple[str, _Entry]]:
    """The files of the project directory at a commit, by name relative to it."""
    for line in _git(project, "ls-tree", "-r", "-z", "--long", commit).split(b"\0"):
        about, _, name = line.partition(b"\t")
        if not name:
            continue
        mode, _, object_id, size = about.decode("ascii").split()
        text = name.decode("utf-8", "replace")
        yield text, _Entry(mode, object_id, int(size) if size.isdigit() else 0)


def _git(project: Path, *arguments: str, given: bytes = b"") -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(project), *_OPTIONS, *arguments]
    try:
        done = subprocess.run(
            command, input=given, env=environment, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "git isn't installed" if isinstance(error, FileNotFoundError) else "git didn't answer"
        raise ConfigInvalid("P110", "revision can't be read", f"{why[:1].upper()}{why[1:]}.") from error
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = lines[0][:200] if lines else "There is no such commit, branch or tag in this repository"
        hint = " A shallow clone may lack it: fetch it first." if not lines else ""
        raise ConfigInvalid("P110", "revision can't be read", f"{why.rstrip('.')}.{hint}")
    return done.stdout
