"""SFTP, version 3, over a channel that paramiko opened: what draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL file say.

paramiko's own client isn't used for it: it hides which status a server answered and which extensions it offers, fails on
names that aren't UTF-8, and forgets the errors of pipelined writes. Names are bytes here, as they are on the wire.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import paramiko

BLOCK: Final = 32_768
"""Bytes of one read or write: what every server takes."""

OK, EOF, MISSING, DENIED, FAILED = 0, 1, 2, 3, 4
UNSUPPORTED: Final = 8
NO_SPACE, QUOTA = 14, 15
"""Statuses of later versions of the protocol, which some servers answer all the same."""

POSIX_RENAME: Final = "posix-rename@openssh.com"
FSYNC: Final = "fsync@openssh.com"
STATVFS: Final = "statvfs@openssh.com"

READ, WRITE, CREATE, EXCLUSIVE = 0x1, 0x2, 0x8, 0x20
_INIT, _VERSION = 1, 2
_OPEN, _CLOSE, _READ, _WRITE, _LSTAT = 3, 4, 5, 6, 7
_OPENDIR, _READDIR, _REMOVE, _MKDIR, _RMDIR = 11, 12, 13, 14, 15
_STAT, _RENAME, _EXTENDED = 17, 18, 200
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS, _REPLY = 101, 102, 103, 104, 105, 201
_SIZE, _OWNER, _MODE, _TIMES, _MORE = 0x1, 0x2, 0x4, 0x8, 0x80000000
_LONGEST: Final = 4 << 20


class Lost(Exception):
    """The connection ended, or no answer came in time: what was asked may have been done or not."""


class Refusal(Exception):
    """The server answered that it won't. `status`: see above; `said`: its own words."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said}")
        self.status = status
        self.said = said


@dataclass(frozen=True, slots=True)
class Status:
    """Of a file or folder, as far as the server says. `modified`: seconds since 1970."""

    size: int
    mode: int | None
    modified: int

    @property
    def is_folder(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """A regular file; also what a server says nothing of."""
        return self.mode is None or stat.S_IFMT(self.mode) in (0, stat.S_IFREG)


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder, links not followed."""

    name: bytes
    status: Status


class Wire:
    """One SFTP session. For one thread at a time. Methods raise `Lost` and `Refusal`."""

    def __init__(self, channel: paramiko.Channel) -> None:
        """`channel`: with a time-out, its subsystem invoked."""
        self._channel = channel
        self._last = 0
        self._answers: dict[int, tuple[int, paramiko.Message]] = {}
        self._forgotten: set[int] = set()
        self._buffer = bytearray()
        start = paramiko.Message()
        start.add_byte(bytes([_INIT]))
        start.add_int(3)
        self._put(start)
        kind, message = self._packet()
        if kind != _VERSION:
            raise Lost("the server doesn't speak SFTP")
        message.get_int()
        self.extensions = frozenset(_pairs(message))

    def open(self, path: bytes, flags: int, mode: int | None = None) -> bytes:
        """A file's handle."""
        message = self._asking(_OPEN)
        message[1].add_string(path)
        message[1].add_int(flags)
        _add_mode(message[1], mode)
        return self._for(message, _HANDLE).get_string()

    def close(self, handle: bytes) -> None:
        """Gives a handle back."""
        self._done(_CLOSE, handle)

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        """Sends a block without waiting; its number is for `settle`."""
        number, message = self._asking(_WRITE)
        message.add_string(handle)
        message.add_int64(offset)
        message.add_string(data)
        self._put(message)
        return number

    def settle(self, number: int) -> None:
        """Waits for the answer to a block that was sent."""
        self._status(*self._answer(number))

    def forget(self, numbers: Iterable[int]) -> None:
        """Answers that nobody waits for any more: those to blocks that were sent or asked for."""
        for number in numbers:
            if self._answers.pop(number, None) is None:
                self._forgotten.add(number)

    def ask(self, handle: bytes, offset: int) -> int:
        """Asks for a block; its number is for `block`."""
        number, message = self._asking(_READ)
        message.add_string(handle)
        message.add_int64(offset)
        message.add_int(BLOCK)
        self._put(message)
        return number

    def block(self, number: int) -> bytes:
        """A block that was asked for: perhaps shorter; empty at the file's end."""
        kind, message = self._answer(number)
        if kind == _DATA:
            return message.get_string()
        try:
            self._status(kind, message)
        except Refusal as refusal:
            if refusal.status != EOF:
                raise
        return b""

    def lstat(self, path: bytes) -> Status:
        """Of a name, links not followed."""
        return self._stat(_LSTAT, path)

    def stat(self, path: bytes) -> Status:
        """Of a name, links followed."""
        return self._stat(_STAT, path)

    def entries(self, path: bytes) -> Iterator[Entry]:
        """What is in a folder, in no order."""
        message = self._asking(_OPENDIR)
        message[1].add_string(path)
        handle = self._for(message, _HANDLE).get_string()
        try:
            while True:
                asking = self._asking(_READDIR)
                asking[1].add_string(handle)
                try:
                    found = self._for(asking, _NAME)
                except Refusal as refusal:
                    if refusal.status == EOF:
                        return
                    raise
                for _ in range(found.get_int()):
                    name = found.get_string()
                    found.get_string()
                    status = _status_in(found)
                    if name not in (b".", b".."):
                        yield Entry(name, status)
        finally:
            self.close(handle)

    def make_folder(self, path: bytes, mode: int) -> None:
        """Creates a folder."""
        message = self._asking(_MKDIR)
        message[1].add_string(path)
        _add_mode(message[1], mode)
        self._for(message, _STATUS)

    def remove_folder(self, path: bytes) -> None:
        """Removes an empty folder."""
        self._done(_RMDIR, path)

    def remove(self, path: bytes) -> None:
        """Removes a file."""
        self._done(_REMOVE, path)

    def rename(self, old: bytes, new: bytes) -> None:
        """The protocol's own rename: fails where `new` is there already."""
        self._done(_RENAME, old, new)

    def rename_over(self, old: bytes, new: bytes) -> None:
        """A rename that replaces in one step: only where `POSIX_RENAME` is offered."""
        self._done(_EXTENDED, POSIX_RENAME.encode(), old, new)

    def sync(self, handle: bytes) -> None:
        """Makes a file durable, where the server offers it."""
        if FSYNC in self.extensions:
            self._done(_EXTENDED, FSYNC.encode(), handle)

    def room(self, path: bytes) -> int | None:
        """Bytes that are left for this user; None where the server doesn't say."""
        if STATVFS not in self.extensions:
            return None
        message = self._asking(_EXTENDED)
        message[1].add_string(STATVFS)
        message[1].add_string(path)
        found = self._for(message, _REPLY)
        numbers = [found.get_int64() for _ in range(5)]
        return numbers[1] * numbers[4]

    def _stat(self, kind: int, path: bytes) -> Status:
        message = self._asking(kind)
        message[1].add_string(path)
        return _status_in(self._for(message, _ATTRS))

    def _done(self, kind: int, *texts: bytes) -> None:
        message = self._asking(kind)
        for text in texts:
            message[1].add_string(text)
        self._for(message, _STATUS)

    def _asking(self, kind: int) -> tuple[int, paramiko.Message]:
        self._last = (self._last + 1) % (1 << 32)
        message = paramiko.Message()
        message.add_byte(bytes([kind]))
        message.add_int(self._last)
        return self._last, message

    def _for(self, asking: tuple[int, paramiko.Message], wanted: int) -> paramiko.Message:
        """Asks, and waits for an answer of a kind."""
        number, message = asking
        self._put(message)
        kind, answer = self._answer(number)
        if kind == _STATUS:
            self._status(kind, answer)
        if kind != wanted:
            raise Lost(f"the server answered with a packet of type {kind}")
        return answer

    def _status(self, kind: int, message: paramiko.Message) -> None:
        if kind != _STATUS:
            raise Lost(f"the server answered with a packet of type {kind}")
        status = message.get_int()
        if status != OK:
            raise Refusal(status, message.get_string().decode("utf-8", "replace")[:200])

    def _answer(self, number: int) -> tuple[int, paramiko.Message]:
        while number not in self._answers:
            kind, message = self._packet()
            found = message.get_int()
            if found in self._forgotten:
                self._forgotten.remove(found)
            else:
                self._answers[found] = kind, message
        return self._answers.pop(number)

    def _put(self, message: paramiko.Message) -> None:
        body = message.asbytes()
        try:
            self._channel.sendall(len(body).to_bytes(4, "big") + body)
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Lost(_why(error)) from error

    def _packet(self) -> tuple[int, paramiko.Message]:
        length = int.from_bytes(self._take(4), "big")
        if not 1 <= length <= _LONGEST:
            raise Lost("the server doesn't speak SFTP")
        body = self._take(length)
        return body[0], paramiko.Message(body[1:])

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                found = self._channel.recv(1 << 16)
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise Lost(_why(error)) from error
            if not found:
                raise Lost("the server ended the connection")
            self._buffer += found
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "the connection was lost"


def _add_mode(message: paramiko.Message, mode: int | None) -> None:
    message.add_int(0 if mode is None else _MODE)
    if mode is not None:
        message.add_int(mode)


def _status_in(message: paramiko.Message) -> Status:
    flags = message.get_int()
    size = message.get_int64() if flags & _SIZE else 0
    if flags & _OWNER:
        message.get_int()
        message.get_int()
    mode = message.get_int() if flags & _MODE else None
    modified = 0
    if flags & _TIMES:
        message.get_int()
        modified = message.get_int()
    if flags & _MORE:
        for _ in range(message.get_int()):
            message.get_string()
            message.get_string()
    return Status(size, mode, modified)


def _pairs(message: paramiko.Message) -> Iterator[str]:
    """Names of extensions: until nothing is left."""
    while True:
        name = message.get_string()
        if not name:
            return
        message.get_string()
        yield name.decode("utf-8", "replace")
