"""The `local` type: a folder of this machine, or of a mounted file system.

Files wait in `<path>/.reconciler-staging/<run id>/<name>.staged` and get their names as `placing.py` says. Data
about people: files are created 0640 and folders 0750, less the umask, the staging area 0700, so that a group can be
handed the files and nobody else can read them. Folders are created below the path only; the path itself by `probe`
and `claim_owner`, so that an unmounted file system is an error instead of a new folder in its place.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from reconciler.catalog.local import LocalConnection
from reconciler.destinations import folders
from reconciler.destinations.base import OWNER_MARKER, Capabilities, Found, ProbeReport, Published
from reconciler.destinations.errors import failure, gone
from reconciler.destinations.local_sink import FILE_MODE, STAGING, SUFFIX, LocalSink, explained, staged_segments
from reconciler.destinations.local_sweep import PROBE, sweep
from reconciler.destinations.names import (
    RESERVED,
    is_reserved,
    lineage_in,
    owner_document,
    refuse_other_owner,
    run_segment,
    segments,
)
from reconciler.destinations.opening import Opening
from reconciler.destinations.placing import place
from reconciler.values.staged import Content, StagedFile

_FOLDER_MODE = 0o750
_CHUNK = 1 << 20
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ATTEMPTS = 20
_MARKER_LIMIT = 65_536


def open_local(connection: LocalConnection, opening: Opening) -> LocalDestination:
    """What `catalog/local.py` names."""
    return LocalDestination(opening.folder(connection.path))


class LocalDestination:
    """A folder. `root` is absolute; `now` gives aware times."""

    def __init__(self, root: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._root = str(root)
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        """All: who may write a folder may read it."""
        return Capabilities(readable=True, deletable=True)

    def location(self, name: str = "") -> str:
        """The absolute path."""
        return f"{self._root}/{name}" if name else self._root

    def probe(self) -> ProbeReport:
        """Stages, publishes, reads back and deletes a small file."""
        self._create_root()
        token = secrets.token_hex(8)
        run_id, name = f"{PROBE}{token}", f"{RESERVED}{PROBE}{token}"
        content = b"probe\n"
        try:
            with explained(self._root, "write a probe"):
                sink = LocalSink(self._root, run_id, name)
                sink.write(content)
                self._publish(sink.finish(0), (name,))
            with explained(self._root, "read a probe back"):
                if b"".join(self._chunks((name,))) != content:
                    raise failure("D110", f"{self.location(name)} was read back with another content.")
            with explained(self._root, "remove what killed probes left"):
                sweep(self._root, name)
        finally:
            with explained(self._root, "remove a probe"):
                self._unlink((name,))
                folders.remove_tree(self._root, (STAGING, run_id))
                folders.prune(self._root, (STAGING,))
        return ProbeReport(("wrote", "read back", "removed a probe"))

    def try_out(self) -> ProbeReport:
        """See `Traceless`: folders that weren't there aren't there afterwards."""
        made = self._create_root()
        try:
            return self.probe()
        finally:
            with suppress(OSError):  # somebody else writes there by now
                for folder in reversed(made):
                    folder.rmdir()

    def owner(self) -> str | None:
        """The marker's lineage; None without a marker."""
        try:
            with explained(self._root, "read the owner marker"), folders.opened(self._root) as root:
                descriptor = os.open(OWNER_MARKER, _READ, dir_fd=root)
                with os.fdopen(descriptor, "rb") as file:
                    return lineage_in(file.read(_MARKER_LIMIT), self._root)
        except FileNotFoundError:
            return None

    def claim_owner(self, lineage: str) -> None:
        """Creates the marker whole or not at all."""
        self._create_root()
        draft = f"{OWNER_MARKER}.{secrets.token_hex(8)}"
        with explained(self._root, "write the owner marker"), folders.opened(self._root) as root:
            try:
                folders.write_file(root, draft, owner_document(lineage), FILE_MODE)
                with suppress(FileExistsError):
                    place(root, draft, root, OWNER_MARKER)
                folders.sync(root)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=root)
        found = self.owner()
        if found is None:
            raise failure("D112", f"{self.location(OWNER_MARKER)} vanished while it was written.", permanent=False)
        refuse_other_owner(found, lineage, self._root)

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> LocalSink:
        """A sink in the staging area."""
        segments(name)
        run_segment(run_id)
        with explained(self._root, f"stage {name}"):
            return LocalSink(self._root, run_id, name, replaces)

    def publish(self, file: StagedFile) -> Published:
        """Gives the file its name, which consumes the staged one."""
        parts = segments(file.name)
        with explained(self._root, f"publish {file.name}"):
            return self._publish(file, parts)

    def discard(self, run_id: str) -> int:
        """Removes the run's folder in the staging area. Writers that are still at it find out when they finish."""
        run_segment(run_id)
        self._needs_root()
        removed = 0
        with explained(self._root, f"discard what run {run_id} staged"):
            for _ in range(_ATTEMPTS):
                with suppress(OSError):
                    removed += folders.remove_tree(self._root, (STAGING, run_id))
                if not folders.exists(self._root, (STAGING, run_id)):
                    folders.prune(self._root, (STAGING,))
                    return removed
        raise failure(
            "D123", f"{self.location(STAGING)}/{run_id} can't be removed, or is being written to.", permanent=False
        )

    def staged(self, run_id: str | None = None) -> Iterator[str]:
        """Final names of what waits."""
        with explained(self._root, "list what is staged"):
            base = (STAGING,) if run_id is None else (STAGING, run_id)
            for parts, _ in folders.files(self._root, base):
                yield "/".join(parts[2:]).removesuffix(SUFFIX)

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Regular files whose names begin with the prefix."""
        with explained(self._root, "list files"):
            self._needs_root()
            folder = tuple(part for part in prefix.split("/")[:-1])
            if any(part in ("", ".", "..") for part in folder):
                return
            for parts, status in folders.files(self._root, folder):
                name = "/".join(parts)
                if name.startswith(prefix) and not is_reserved(name):
                    yield Found(name, status.st_size)

    def read(self, name: str) -> Iterator[bytes]:
        """The file in chunks of 1 MiB."""
        parts = segments(name)
        try:
            with explained(self._root, f"read {name}"):
                return self._chunks(parts)
        except FileNotFoundError:
            raise failure("D131", f"{self.location(name)} isn't there.") from None

    def delete(self, names: Iterable[str]) -> None:
        """Removes files, and folders that this leaves empty."""
        self._needs_root()
        for name in names:
            parts = segments(name)
            with explained(self._root, f"delete {name}"):
                self._unlink(parts)
                folders.prune(self._root, parts[:-1])

    def _publish(self, file: StagedFile, parts: tuple[str, ...]) -> Published:
        *staged_folder, staged = staged_segments(file.staged)
        for _ in range(_ATTEMPTS):
            try:
                with folders.opened(self._root, tuple(staged_folder)) as source:
                    size = os.stat(staged, dir_fd=source, follow_symlinks=False).st_size
                    if size != file.size:
                        raise failure("D121", f"{self.location(file.staged)} has {size} bytes instead of {file.size}.")
                    with folders.opened(self._root, parts[:-1], create=_FOLDER_MODE) as target:
                        outcome = self._settle(source, staged, target, parts, file)
            except FileNotFoundError:
                # The staged file was consumed, or an empty folder was pruned under us: only the first of them is final.
                if folders.exists(self._root, (*staged_folder, staged)):
                    continue
                return self._consumed(file, parts)
            folders.prune(self._root, tuple(staged_folder))
            return outcome
        raise failure(
            "D110", f"{self.location(file.name)} couldn't be published: its folder keeps vanishing.", permanent=False
        )

    def _settle(self, source: int, staged: str, target: int, parts: tuple[str, ...], file: StagedFile) -> Published:
        outcome = Published.DONE
        try:
            place(source, staged, target, parts[-1])
        except FileExistsError:
            # What gives way is looked for first: another runner may put ours in its place at any time, and never the other way round.
            if any(_same(target, parts[-1], each) for each in file.replaces or ()):
                # In one step: a reader opens either file, whole. Only strangers can come between looking and this.
                os.rename(staged, parts[-1], src_dir_fd=source, dst_dir_fd=target)
            elif _same(target, parts[-1], file, source, staged):
                outcome = Published.ALREADY
            else:
                os.stat(
                    staged, dir_fd=source, follow_symlinks=False
                )  # gone: it was published, and what is there came after it
                raise failure("D120", f"{self.location(file.name)} holds something else than this export.") from None
        folders.sync(target)
        with suppress(FileNotFoundError):  # the recipient may have taken it, and its folder, already
            folders.sync_path(self._root, parts[:-1])
        with suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=source)
        folders.sync(source)
        return outcome

    def _consumed(self, file: StagedFile, parts: tuple[str, ...]) -> Published:
        try:
            with folders.opened(self._root, parts[:-1]) as target:
                os.stat(parts[-1], dir_fd=target, follow_symlinks=False)
                if not _same(target, parts[-1], file):
                    if file.replaces is not None:  # a later run's, or a stranger's: ours was there and is gone
                        return gone(file, self.location(file.name), self._now())
                    raise failure("D120", f"{self.location(file.name)} holds something else than this export.")
                folders.sync_path(self._root, parts[:-1])  # who published it may have died before
                return Published.ALREADY
        except FileNotFoundError:
            self._needs_root()
            return gone(file, self.location(file.name), self._now())

    def _chunks(self, parts: tuple[str, ...]) -> Iterator[bytes]:
        with folders.opened(self._root, parts[:-1]) as folder:
            descriptor = os.open(parts[-1], _READ, dir_fd=folder)
        return _read_all(descriptor, self.location("/".join(parts)))

    def _unlink(self, parts: tuple[str, ...]) -> None:
        with suppress(FileNotFoundError), folders.opened(self._root, parts[:-1]) as folder:
            os.unlink(parts[-1], dir_fd=folder)
            folders.sync(folder)

    def _needs_root(self) -> None:
        """What isn't there may be a file system that isn't mounted: its files are neither gone nor taken."""
        if not folders.exists(self._root, ()):
            raise failure("D102", f"{self._root} isn't a folder that is there.")

    def _create_root(self) -> tuple[Path, ...]:
        """The folders that it made, from the top."""
        made: tuple[Path, ...] = ()
        with explained(self._root, "create the folder"):
            # Not makedirs: what it makes on the way is open to all that the umask doesn't shut out.
            for folder in reversed([Path(self._root), *Path(self._root).parents]):
                if not folder.is_dir():
                    folder.mkdir(_FOLDER_MODE, exist_ok=True)
                    made += (folder,)
        return made


def _same(target: int, name: str, file: StagedFile | Content, source: int | None = None, staged: str = "") -> bool:
    """Whether what has the name is the staged file: the same inode, or the same size and SHA-256."""
    try:
        descriptor = os.open(name, _READ, dir_fd=target)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise
    try:
        status = os.fstat(descriptor)
        if source is not None:
            with suppress(FileNotFoundError):
                if os.path.samestat(status, os.stat(staged, dir_fd=source, follow_symlinks=False)):
                    return True
        if not stat.S_ISREG(status.st_mode) or status.st_size != file.size:
            return False
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    finally:
        os.close(descriptor)


def _read_all(descriptor: int, where: str) -> Iterator[bytes]:
    with explained(where, "read"), os.fdopen(descriptor, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            yield chunk
