"""Where on a server a destination is, and requests to it: tried again after a lost connection, and refusals said in words."""

from __future__ import annotations

import hashlib
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

from reconciler.accounts.sftp import SftpServer, SftpSession
from reconciler.accounts.sftp_wire import (
    BLOCK,
    DENIED,
    FAILED,
    MISSING,
    NO_SPACE,
    QUOTA,
    READ,
    UNSUPPORTED,
    Entry,
    Lost,
    Refusal,
    Status,
    Wire,
)
from reconciler.catalog.sftp import SftpConnection
from reconciler.destinations.errors import failure
from reconciler.destinations.names import RESERVED, segments
from reconciler.errors import DestinationError, ReconcilerError

T = TypeVar("T")
Sleep = Callable[[float], None]
PAUSES: Final = (0.1, 0.5, 2.0)
"""Seconds before a request is sent again whose answer was lost."""

STAGING: Final = f"{RESERVED}staging"
SUFFIX: Final = ".staged"
FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o750
STAGING_MODE: Final = 0o700
_AHEAD: Final = 32
_CHUNK: Final = 1 << 20


class SftpPlace:
    """A folder of a server, for one connection. Threads may share it."""

    def __init__(self, connection: SftpConnection, session: SftpSession, sleep: Sleep = time.sleep) -> None:
        self.readable = connection.access == "read-write"
        self.server: SftpServer = session.server(connection)
        self.sleep = sleep
        self._url = connection.url()
        self._root = connection.root.encode()

    def url(self, name: str = "") -> str:
        """For people."""
        return f"{self._url}/{name}" if name else self._url

    def path(self, name: str = "") -> bytes:
        """A name as the server takes it; the folder itself for none."""
        if not name:
            return self._root
        base = b"" if self._root == b"." else b"/" if self._root == b"/" else self._root + b"/"
        return base + name.encode("utf-8", "surrogateescape")

    def tried(self, action: str, request: Callable[[Wire], T]) -> T:
        """A request that may be done twice, again after a lost answer. `action`: in words, with the name in it.

        Raises `DestinationError` D105 once that is in vain, and what a refusal means; `Refusal` MISSING and FAILED as they are.
        """
        for pause in (*PAUSES, None):
            try:
                with self.server.wire() as wire:
                    return request(wire)
            except Lost as lost:
                if pause is None:
                    raise self.unreachable(action, lost) from lost
                self.sleep(pause)
            except Refusal as refusal:
                raise self.meant(action, refusal) from refusal
        raise AssertionError("unreachable")

    def meant(self, action: str, refusal: Refusal) -> Exception:
        """What a refusal means: `Refusal` itself where that depends on what was asked."""
        match refusal.status:
            case s if s == DENIED:
                return failure(
                    "D104",
                    f"{self._url}: the server doesn't permit to {action}. Allow it to the account's user there.",
                    needs=action,
                )
            case s if s == UNSUPPORTED:
                return failure("D110", f"{self._url}: the server can't {action}: {refusal.said or 'not supported'}.")
            case s if s in (NO_SPACE, QUOTA):
                return failure(
                    "D106", f"{self._url}: no room to {action}. Make room, or raise the quota.", permanent=False
                )
            case s if s in (MISSING, FAILED):
                return refusal
            case _:
                return failure("D110", f"{self._url}, {action}: {refusal.status} {refusal.said}", permanent=False)

    def refused(self, action: str, refusal: Refusal) -> ReconcilerError:
        """The error for a refusal whose reason the server keeps to itself: a full disk is looked for."""
        meant = self.meant(action, refusal)
        if isinstance(meant, ReconcilerError):
            return meant
        if refusal.status == MISSING:
            return failure(
                "D102", f"{self._url}: what is needed to {action} isn't there. Create it, or correct connection.path."
            )
        with suppress(Lost, Refusal, ReconcilerError):
            with self.server.wire() as wire:
                room = wire.room(self._root)
            if room is not None and room < BLOCK:
                return failure("D106", f"{self._url}: no room to {action}: the disk or quota is full.", permanent=False)
        said = f" ({refusal.said})" if refusal.said else ""
        detail = f"{self._url}: the server failed to {action}{said}, and doesn't say why. A full disk or quota is told like this, too."
        return failure("D110", detail, permanent=False)

    def unreachable(self, action: str, lost: Lost) -> DestinationError:
        """Transient."""
        return failure("D105", f"{self._url}, {action}: {lost}. Run again when it can be reached.", permanent=False)

    def root_is_there(self) -> bool:
        """Whether the destination's folder is there, perhaps by a link that its operator put there."""
        try:
            return self.tried("look at the folder", lambda wire: wire.stat(self._root)).is_folder
        except Refusal:
            return False

    def status(self, name: str) -> Status | None:
        """Of a name, links not followed; None: nothing has it."""
        try:
            return self.tried(f"look at {name or 'the folder'}", lambda wire: wire.lstat(self.path(name)))
        except Refusal as refusal:
            if refusal.status == MISSING:
                return None
            raise self.refused(f"look at {name or 'the folder'}", refusal) from refusal

    def make_folders(self, name: str, mode: int) -> None:
        """A folder and those on the way to it, as far as they are missing. Raises `DestinationError` D109: something else is there."""
        parts = segments_of(name)
        for depth in range(1, len(parts) + 1):
            self._make_folder("/".join(parts[:depth]), mode)

    def _make_folder(self, name: str, mode: int) -> None:
        try:
            self.tried(f"create the folder {name}", lambda wire: wire.make_folder(self.path(name), mode))
        except (Refusal, DestinationError) as error:
            # Some servers say `denied` of what is there already.
            if isinstance(error, DestinationError) and error.code != "D104":
                raise
            there = self.status(name)
            if there is not None and there.is_folder:
                return
            if there is not None and there.mode is not None and not stat.S_ISLNK(there.mode):
                raise failure("D109", f"{self.url(name)} isn't a folder, and has to be one.") from error
            if there is not None and self._leads_to_a_folder(name):
                return
            raise (
                error if isinstance(error, DestinationError) else self.refused(f"create the folder {name}", error)
            ) from error

    def _leads_to_a_folder(self, name: str) -> bool:
        """The server's operator may have put a link there."""
        with suppress(Refusal):
            return self.tried(f"look at {name}", lambda wire: wire.stat(self.path(name))).is_folder
        return False

    def remove(self, name: str) -> bool:
        """Removes a file; False: it wasn't there."""
        try:
            self.tried(f"delete {name}", lambda wire: wire.remove(self.path(name)))
        except Refusal as refusal:
            if refusal.status == MISSING or self.status(name) is None:
                return False
            raise self.refused(f"delete {name}", refusal) from refusal
        return True

    def prune(self, name: str) -> None:
        """Removes a folder and its parents below the root as far as they are empty."""
        parts = segments_of(name)
        for depth in range(len(parts), 0, -1):
            if not self.remove_folder("/".join(parts[:depth])):
                return

    def remove_folder(self, name: str) -> bool:
        """Removes an empty folder; False: it stays, as it isn't empty or mustn't go."""
        try:
            self.tried(f"remove the folder {name}", lambda wire: wire.remove_folder(self.path(name)))
        except Refusal as refusal:
            return refusal.status == MISSING
        except DestinationError as error:
            if error.code != "D104":
                raise
            return False
        return True

    def entries(self, name: str) -> list[Entry] | None:
        """What is in a folder; None: it isn't there."""
        action = f"list {name or 'the folder'}"
        try:
            return self.tried(action, lambda wire: list(wire.entries(self.path(name))))
        except Refusal as refusal:
            there = None if refusal.status == MISSING else self.status(name)
            if there is None or not there.is_folder:
                return None
            raise self.refused(action, refusal) from refusal

    def files(self, name: str = "") -> Iterator[tuple[str, Status]]:
        """Regular files below a folder with their names, in the order of these. Links are left out."""
        found = self.entries(name)
        named = [(_text(each.name), each.status) for each in found or ()]
        for child, status in sorted(named, key=lambda each: each[0] + ("/" if each[1].is_folder else "")):
            full = f"{name}/{child}" if name else child
            if status.is_folder:
                yield from self.files(full)
            elif status.is_file:
                yield full, status

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file's bytes; several blocks are asked for at once. Raises `Refusal` MISSING before the first."""
        reader = _Reader(self.path(name))
        try:
            while part := self.tried(f"read {name}", reader.next):
                yield part
        finally:
            self._close(reader)

    def _close(self, reader: _Reader) -> None:
        if reader.wire is not None and self.server.holds(reader.wire):
            with suppress(Lost, Refusal, ReconcilerError), self.server.wire() as wire:
                reader.close(wire)

    def digest(self, name: str) -> tuple[int, str] | None:
        """Size and SHA-256 of a file; None: there is none."""
        total, size = hashlib.sha256(), 0
        try:
            for part in self.chunks(name):
                total.update(part)
                size += len(part)
        except Refusal as refusal:
            if refusal.status == MISSING:
                return None
            raise self.refused(f"read {name}", refusal) from refusal
        return size, total.hexdigest()


def segments_of(name: str) -> tuple[str, ...]:
    """The parts of a name that may be in the staging area."""
    area, slash, rest = name.partition("/")
    if area == STAGING:
        return (area, *segments(rest)) if slash else (area,)
    return segments(name) if name else ()


class _Reader:
    """One file being read. It is opened again in a new session, so that a lost connection loses nothing."""

    def __init__(self, path: bytes) -> None:
        self.wire: Wire | None = None
        self._path = path
        self._handle = b""
        self._offset = 0

    def next(self, wire: Wire) -> bytes:
        """What comes next, a chunk at most; empty at the end."""
        if wire is not self.wire:
            self._handle = wire.open(self._path, READ)
            self.wire = wire
        asked: deque[int] = deque()
        parts: list[bytes] = []
        try:
            asked.extend(wire.ask(self._handle, at) for at in range(self._offset, self._offset + _CHUNK, BLOCK))
            while asked:
                part = wire.block(asked.popleft())
                parts.append(part)
                if len(part) < BLOCK:  # the end, or a server that gives less: what follows begins elsewhere
                    break
        finally:
            wire.forget(asked)
        found = b"".join(parts)
        self._offset += len(found)
        return found

    def close(self, wire: Wire) -> None:
        """Gives the handle back, if it is of this session."""
        if wire is self.wire:
            wire.close(self._handle)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
