"""Staging for the `sftp` type: one file being written where no reader looks, many blocks under way at once.

A block says where in the file it belongs, so that after a lost connection the file is opened again and those are sent once more whose
answers didn't come. A finished file is read back and compared before it counts; on a write-only connection only one that
was written across a lost connection, in the staging area, which is the user's own.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from reconciler.accounts.sftp_wire import BLOCK, CREATE, EXCLUSIVE, FAILED, MISSING, WRITE, Lost, Refusal, Wire
from reconciler.destinations.errors import failure
from reconciler.destinations.sftp_place import FILE_MODE, PAUSES, STAGING, STAGING_MODE, SUFFIX, SftpPlace
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

T = TypeVar("T")
AT_ONCE: Final = 64
"""Blocks that are under way: 2 MiB."""
_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class _Sent:
    """A block whose answer hasn't come."""

    offset: int
    data: bytes
    number: int


class SftpSink:
    """One file in the staging area; hashed as it is written."""

    def __init__(self, place: SftpPlace, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> None:
        """Creates it. Raises `DestinationError`."""
        self._place, self._name, self._replaces = place, name, replaces
        self._folder = "/".join((STAGING, run_id, *name.split("/")[:-1]))
        self.staged = f"{STAGING}/{run_id}/{name}{SUFFIX}"
        self._hash = hashlib.sha256()
        self._size = 0  # bytes taken; those of `_buffer` aren't sent
        self._buffer = bytearray()
        self._under_way: deque[_Sent] = deque()
        self._broken = False  # whether a connection was lost meanwhile
        self._wire, self._handle = self._created()

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends; waits while 64 blocks are under way."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._size += view.nbytes
        self._buffer += view
        if len(self._buffer) >= BLOCK:
            whole = len(self._buffer) - len(self._buffer) % BLOCK
            at = self._size - len(self._buffer)
            blocks = [(at + start, bytes(self._buffer[start : start + BLOCK])) for start in range(0, whole, BLOCK)]
            del self._buffer[:whole]
            for block in blocks:
                self._with_file(lambda wire, block=block: self._send(wire, *block))  # type: ignore[misc]
        return view.nbytes

    def finish(self, rows: int) -> StagedFile:
        """Waits for all answers, makes the file durable where the server offers that, and looks whether it is whole."""
        if self._buffer:
            rest = bytes(self._buffer)
            self._buffer.clear()
            self._with_file(lambda wire: self._send(wire, self._size - len(rest), rest))
        self._with_file(self._end)
        self._check()
        return StagedFile(
            name=self._name,
            staged=self.staged,
            rows=rows,
            size=self._size,
            sha256=self._hash.hexdigest(),
            replaces=self._replaces,
        )

    def abort(self) -> None:
        """Closes and removes the file, and folders that this leaves empty."""
        self._buffer.clear()
        with suppress(Lost, Refusal, ReconcilerError):
            self._close()
        self._under_way.clear()
        with suppress(Refusal, ReconcilerError):
            self._place.remove(self.staged)
            self._place.prune(self._folder)

    def _created(self) -> tuple[Wire, bytes]:
        """A new file, opened. Again after a lost answer: then one that is there is ours, since nobody else has the run's id."""
        action, path, lost = f"create {self.staged}", self._place.path(self.staged), False
        flags = WRITE | CREATE | EXCLUSIVE
        for attempt in range(_ATTEMPTS):
            self._place.make_folders(self._folder, STAGING_MODE)
            try:
                with self._place.server.wire() as wire:
                    return wire, wire.open(path, flags, FILE_MODE)
            except Lost as error:
                if attempt >= len(PAUSES):
                    raise self._place.unreachable(action, error) from error
                lost, flags = True, WRITE | CREATE
                self._place.sleep(PAUSES[attempt])
            except Refusal as refusal:
                if refusal.status == MISSING:
                    continue  # an empty folder was removed under us
                if refusal.status == FAILED and not lost and self._place.status(self.staged) is not None:
                    detail = (
                        f"{self._place.url(self.staged)} is there already: two files of one run have the same name."
                    )
                    raise failure("D120", detail) from refusal
                raise self._place.refused(action, refusal) from refusal
        raise failure("D110", f"Folders below {self._place.url(STAGING)} keep vanishing. Run again.", permanent=False)

    def _with_file(self, request: Callable[[Wire], T]) -> T:
        """A request with the open file, opened again after a lost connection: then what has no answer is sent once more."""
        action = f"write {self._name}"
        for pause in (*PAUSES, None):
            try:
                with self._place.server.wire() as wire:
                    if wire is not self._wire:
                        self._resume(wire)
                    return request(wire)
            except Lost as lost:
                if pause is None:
                    raise self._place.unreachable(action, lost) from lost
                self._place.sleep(pause)
            except Refusal as refusal:
                if refusal.status == MISSING:
                    self._vanished()
                raise self._place.refused(action, refusal) from refusal
        raise AssertionError("unreachable")

    def _resume(self, wire: Wire) -> None:
        """Opens the file in a new session, as it is."""
        self._broken = True
        self._handle = wire.open(self._place.path(self.staged), WRITE)
        self._wire = wire
        again, self._under_way = self._under_way, deque()
        try:
            for sent in again:
                number = wire.write(self._handle, sent.offset, sent.data)
                self._under_way.append(_Sent(sent.offset, sent.data, number))
        except Lost:
            self._under_way = again
            raise

    def _send(self, wire: Wire, offset: int, data: bytes) -> None:
        while len(self._under_way) >= AT_ONCE:
            self._settle(wire)
        # Noted before it is sent: if that fails it is sent again with the others.
        if not (self._under_way and self._under_way[-1].offset == offset):
            self._under_way.append(_Sent(offset, data, -1))
            self._under_way[-1] = _Sent(offset, data, wire.write(self._handle, offset, data))

    def _settle(self, wire: Wire) -> None:
        wire.settle(self._under_way[0].number)
        self._under_way.popleft()

    def _end(self, wire: Wire) -> None:
        while self._under_way:
            self._settle(wire)
        wire.sync(self._handle)
        self._close()

    def _close(self) -> None:
        with self._place.server.wire() as wire:
            if wire is self._wire and self._handle:
                handle, self._handle = self._handle, b""
                wire.forget(each.number for each in self._under_way)
                wire.close(handle)

    def _check(self) -> None:
        """Raises `DestinationError` D121: it was removed while it was written, or isn't what was sent."""
        there = self._place.status(self.staged)
        if there is None:
            self._vanished()
        if there.size != self._size:
            raise failure(
                "D121",
                f"{self._place.url(self.staged)} has {there.size:,} bytes instead of {self._size:,}.",
                permanent=False,
            )
        look = self._place.readable or self._broken
        if look and self._place.digest(self.staged) != (self._size, self._hash.hexdigest()):
            detail = f"{self._place.url(self.staged)} was read back and isn't what was sent."
            raise failure("D121", detail, permanent=False)

    def _vanished(self) -> NoReturn:
        raise failure("D121", f"{self._place.url(self.staged)} was removed while it was written.")
