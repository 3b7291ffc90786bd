"""The `sftp` type: a folder of a server that is reached by SSH.

Files wait in `<path>/.reconciler-staging/<run id>/<name>.staged`, a folder that only the user can look into, and get their names as
`sftp_publish.py` says. Files are created 0640 and folders 0750, less the server's umask. The path itself is created by `probe` and
`claim_owner` alone, so that a folder that vanished is an error instead of a new one in its place. A write-only connection needs to see
its own staging folder and nothing else.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from reconciler.accounts.sftp import SftpSession
from reconciler.accounts.sftp_wire import CREATE, MISSING, POSIX_RENAME, WRITE, Refusal, Wire
from reconciler.catalog.sftp import SftpConnection
from reconciler.destinations import sftp_probe, sftp_publish
from reconciler.destinations.base import OWNER_MARKER, Capabilities, Found, ProbeReport, Published
from reconciler.destinations.errors import failure
from reconciler.destinations.names import (
    is_reserved,
    lineage_in,
    owner_document,
    refuse_other_owner,
    run_segment,
    segments,
)
from reconciler.destinations.opening import Opening
from reconciler.destinations.sftp_place import FILE_MODE, STAGING, SUFFIX, SftpPlace, Sleep
from reconciler.destinations.sftp_sink import SftpSink
from reconciler.destinations.trying import stage_and_discard
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Content, StagedFile

_ROUNDS: Final = 20


def open_sftp(connection: SftpConnection, opening: Opening) -> SftpDestination:
    """What `catalog/sftp.py` names."""
    return SftpDestination(connection, opening.session(SftpSession))


class SftpDestination:
    """One connection. `now` gives aware times."""

    def __init__(
        self,
        connection: SftpConnection,
        session: SftpSession,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = time.sleep,
    ) -> None:
        self._place = SftpPlace(connection, session, sleep)
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        """As `access` declares."""
        return Capabilities(readable=self._place.readable, deletable=self._place.readable)

    def location(self, name: str = "") -> str:
        """`sftp://host/path/name`."""
        return self._place.url(name)

    def probe(self) -> ProbeReport:
        """See sftp_probe.py."""
        return sftp_probe.probe(self._place)

    def lacking(self, known: str) -> list[str]:
        """See `Surveyed`."""
        return sftp_probe.lacking(self._place, known)

    def try_out(self) -> ProbeReport:
        """See `Traceless`."""
        with sftp_probe.root_for_a_while(self._place):
            return self.probe() if self._place.readable else stage_and_discard(self)

    def owner(self) -> str | None:
        """The marker's lineage; None without a marker."""
        if not self._place.readable:
            return None
        try:
            return lineage_in(b"".join(self._place.chunks(OWNER_MARKER)), self.location())
        except Refusal as refusal:
            if refusal.status == MISSING:
                return None
            raise self._place.refused("read the owner marker", refusal) from refusal

    def claim_owner(self, lineage: str) -> None:
        """Creates the marker whole or not at all. On a write-only connection an existing marker is taken for ours: it can't be read."""
        sftp_probe.create_root(self._place)
        draft = f"{OWNER_MARKER}.{secrets.token_hex(8)}"
        try:
            self._place.tried(
                "write the owner marker", lambda wire: _write(wire, self._place.path(draft), owner_document(lineage))
            )
            self._place.tried(
                "write the owner marker",
                lambda wire: wire.rename(self._place.path(draft), self._place.path(OWNER_MARKER)),
            )
        except Refusal as refusal:
            # There is one; or the answer to the first rename was lost.
            if self._place.status(OWNER_MARKER) is None:
                raise self._place.refused("write the owner marker", refusal) from refusal
        except DestinationError as error:
            if error.code != "D104" or self._place.status(OWNER_MARKER) is None:
                raise
        finally:
            with suppress(Refusal, ReconcilerError):
                self._place.remove(draft)
        if not self._place.readable:
            return
        found = self.owner()
        if found is None:
            raise failure("D112", f"{self.location(OWNER_MARKER)} vanished while it was written.", permanent=False)
        refuse_other_owner(found, lineage, self.location())

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> SftpSink:
        """A sink in the staging area."""
        segments(name)
        run_segment(run_id)
        if replaces is not None:
            self._needs_read_write()
            self._needs_replacing()
        self._needs_root()
        return SftpSink(self._place, run_id, name, replaces)

    def publish(self, file: StagedFile) -> Published:
        """See sftp_publish.py."""
        return sftp_publish.publish(self._place, file, self._now)

    def discard(self, run_id: str) -> int:
        """Removes the run's folder in the staging area. Writers that are still at it find out when they finish."""
        run_segment(run_id)
        self._needs_root()
        folder, removed = f"{STAGING}/{run_id}", 0
        for _ in range(_ROUNDS):
            removed += self._remove_tree(folder)
            if self._place.status(folder) is None:
                self._place.prune(STAGING)
                return removed
        raise failure("D123", f"{self.location(folder)} can't be removed, or is being written to.", permanent=False)

    def staged(self, run_id: str | None = None) -> Iterator[str]:
        """Final names of what waits."""
        for name, _ in self._place.files(STAGING if run_id is None else f"{STAGING}/{run_id}"):
            yield name.split("/", 2)[2].removesuffix(SUFFIX)

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Regular files whose names begin with the prefix."""
        self._needs_read_write()
        self._needs_root()
        folder = prefix.rpartition("/")[0]
        if any(part in ("", ".", "..") for part in folder.split("/")) and folder:
            return
        for name, status in self._place.files(folder):
            if name.startswith(prefix) and not is_reserved(name):
                yield Found(name, status.size)

    def read(self, name: str) -> Iterator[bytes]:
        """The file in chunks of 1 MiB."""
        self._needs_read_write()
        segments(name)
        try:
            yield from self._place.chunks(name)
        except Refusal as refusal:
            if refusal.status == MISSING or self._place.status(name) is None:
                raise failure("D131", f"{self.location(name)} isn't there.") from None
            raise self._place.refused(f"read {name}", refusal) from refusal

    def delete(self, names: Iterable[str]) -> None:
        """Removes files, and folders that this leaves empty."""
        self._needs_read_write()
        self._needs_root()
        for name in names:
            segments(name)
            self._place.remove(name)
            self._place.prune(name.rpartition("/")[0])

    def _remove_tree(self, folder: str) -> int:
        """Removes all that is below a folder, and the folder; returns how many files there were."""
        removed = 0
        for entry in self._place.entries(folder) or ():
            child = f"{folder}/{entry.name.decode('utf-8', 'surrogateescape')}"
            removed += self._remove_tree(child) if entry.status.is_folder else self._place.remove(child)
        self._place.remove_folder(folder)  # not if it isn't empty any more: the caller looks
        return removed

    def _needs_root(self) -> None:
        if not self._place.root_is_there():
            raise failure(
                "D102",
                f"{self.location()} isn't there. Create it, or correct connection.path; then plan and apply again.",
            )

    def _needs_replacing(self) -> None:
        if not self._place.tried("ask what the server can do", lambda wire: POSIX_RENAME in wire.extensions):
            raise failure("D151", f"{self.location()}: the server doesn't offer {POSIX_RENAME}.")

    def _needs_read_write(self) -> None:
        if not self._place.readable:
            raise failure("D114", f"{self.location()} is declared access: write-only.")


def _write(wire: Wire, path: bytes, content: bytes) -> None:
    """A small file, whole; again over what a lost connection left."""
    handle = wire.open(path, WRITE | CREATE, FILE_MODE)
    wire.settle(wire.write(handle, 0, content))
    wire.sync(handle)
    wire.close(handle)
