"""What a destination in a store of named objects needs of the store: `azure-blob`, `adls-gen2` and `gcs` are made of it.

A file waits below the staging folder, at a key that holds its run's id and ends in `.staged`, and gets its name in one step that takes
what waited away. Keys are full: the connection's folder and a name in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from reconciler.destinations.base import FileSink
from reconciler.destinations.names import RESERVED
from reconciler.values.staged import Content, StagedFile

STAGING: Final = f"{RESERVED}staging/"
SUFFIX: Final = ".staged"
SHA256: Final = "sha256"
"""The name under which a file's own digest is kept with it, so that it can be told from another without reading it."""

TAKEN: Final = "something else took the name"
"""What `move` says of a name that isn't free. In a store whose moves are one step it wasn't this file that took it, if it still waits."""

PAUSES: Final = (0.05, 0.2, 0.5, 1.0)
"""Seconds between looks at a step whose outcome isn't known."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What has a key. `tag` changes with every write (an ETag, a generation). `sha256`: as whoever wrote it says, in hex; empty: unsaid."""

    size: int
    tag: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of a listing; `size` in bytes. `modified`: by the store's own clock."""

    key: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """One connection's store. Threads share it. Methods raise `DestinationError` and `AccountError`; what was lost on the way is tried
    again inside, but in `create` and `move`."""

    @property
    def prefix(self) -> str:
        """The connection's folder: empty, or ending in a slash."""
        ...

    def url(self, key: str = "") -> str:
        """For people."""
        ...

    def look(self, key: str) -> Seen | None:
        """What has a key, as a reader would find it."""
        ...

    def read(self, key: str) -> Iterator[bytes] | None:
        """An object's bytes in chunks; None where there is none."""
        ...

    def entries(self, prefix: str) -> Iterable[Entry]:
        """What readers find below a prefix, in no order."""
        ...

    def waiting(self, prefix: str) -> Iterable[Entry]:
        """What is staged below a prefix, finished or not, in no order."""
        ...

    def remove(self, keys: Iterable[str]) -> None:
        """Deletes objects; missing ones are fine."""
        ...

    def create(self, key: str, body: bytes) -> bool | None:
        """Writes a small object where there is none, sent once. True: written; False: there is one; None: unclear."""
        ...

    def ask(self, key: str) -> None:
        """Asks for all that writing needs, and writes nothing: of a key that nothing has."""
        ...

    def stage(self, key: str, name: str, replaces: tuple[Content, ...] | None) -> FileSink:
        """A sink whose file waits at a key, unseen. Its token says `at`."""
        ...

    def waits(self, key: str, file: StagedFile) -> bool:
        """Whether a finished file still waits."""
        ...

    def move(self, source: str, file: StagedFile, target: str, over: Seen | None) -> str | None:
        """Gives a waiting file its key in one step, if that still holds what was seen. None: done. Else why it isn't certain: the answer
        was lost, something else took the key, the file doesn't wait any more. What is refused for good is raised."""
        ...

    def drop(self, key: str) -> None:
        """Removes what is staged at a key, finished or not; fine where nothing is."""
        ...

    def tidy(self, prefix: str) -> None:
        """Removes whatever else is left below a prefix where nothing is staged any more."""
        ...

    def settle(self, source: str, file: StagedFile, target: str) -> None:
        """Leaves nothing of a file that has its key: nothing that waits, nothing that could be shown again."""
        ...
