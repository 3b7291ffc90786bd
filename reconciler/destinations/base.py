"""The port to a destination. Every type passes `tests/conformance/destinations.py`.

Names are POSIX paths relative to the destination's path. What a type promises:

- Nothing that is staged is visible to a reader of the destination before `publish`.
- Methods may be called by several runners at once, and again after any of them died at any point.
- Transient errors are tried again inside, except where trying again could show something twice; what comes out is
  `DestinationError` (`permanent` says whether a later call can help) or `OutcomeUnknown`.
- `EFFECTS` names the methods that change something, so that crash tests enumerate them from the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from reconciler.values.staged import Content, StagedFile

DESTINATION_EFFECTS = ("claim_owner", "stage", "finish", "publish", "discard", "delete")
OWNER_MARKER = ".reconciler-owner.json"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this connection may do. `readable`: `read`, `list` with sizes and `verify`; `deletable`: `delete`."""

    readable: bool
    deletable: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A published file: `name`, `size` in bytes, `checksum` as the provider reports it (empty: a listing has none)."""

    name: str
    size: int
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """`steps`: what was tried and worked, in words (`wrote`, `read back`, `removed a probe`)."""

    steps: tuple[str, ...]


class Published(Enum):
    """What `publish` found: it completed the file; an earlier call had; or the recipient took the file meanwhile.

    DONE and ALREADY are told apart for people alone: a store may answer a repeated completion like the first.
    """

    DONE = "done"
    ALREADY = "already"
    COLLECTED = "collected"


class FileSink(Protocol):
    """A file being staged: a binary stream, written once from front to end, bounded memory."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Appends. Raises `DestinationError`; the file must then be aborted."""
        ...

    def finish(self, rows: int) -> StagedFile:
        """Makes what was written durable, still unseen, and returns its token. Called once."""
        ...

    def abort(self) -> None:
        """Gives up: removes what was staged, as far as it can. Never raises; may be called after `finish` or twice."""
        ...


class Destination(Protocol):
    """One opened connection."""

    @property
    def capabilities(self) -> Capabilities: ...

    def location(self, name: str = "") -> str:
        """Where a name is, for people: `s3://bucket/path/name`, `/folder/name`. Never with credentials."""
        ...

    def probe(self) -> ProbeReport:
        """Writes, and as far as the access allows reads back and deletes, a probe file. Names the missing
        permission."""
        ...

    def owner(self) -> str | None:
        """The lineage in the owner marker; None where there is none or it can't be read (write-only)."""
        ...

    def claim_owner(self, lineage: str) -> None:
        """Creates the owner marker if absent. Idempotent. Refuses (DestinationError D1xx) another lineage's marker,
        untouched."""
        ...

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> FileSink:
        """Opens a file for a run. `name` is its final name and contains `run_id` somewhere.

        `replaces`: the name is the same for all runs of a flow, and this is what earlier ones put there. Needs `readable` and
        `deletable`; raises DestinationError D114 elsewhere.
        """
        ...

    def publish(self, file: StagedFile) -> Published:
        """Makes a staged file visible at its name, whole, consuming what was staged. Idempotent.

        A different file at the name is an error (`DestinationError`, permanent), never overwritten; but one that the token
        `replaces` gives way in one step, so that a reader finds either of them whole. Neither staged
        nor there: `COLLECTED` before the token's expiry, `DestinationError` (permanent, code D130) after it. A
        connection that can't read says `ALREADY` for `COLLECTED`. Only for files of decided runs: what was discarded
        looks like collected.
        """
        ...

    def discard(self, run_id: str) -> int:
        """Removes everything that is staged for a run, found by listing its id; returns how many. Idempotent.
        Published files stay."""
        ...

    def staged(self, run_id: str | None = None) -> Iterable[str]:
        """Names of what is staged, of one run or of all: for tests and `verify`."""
        ...

    def list(self, prefix: str = "") -> Iterable[Found]:
        """Published files below a prefix, sorted by name, without owner marker and staging areas. Needs `readable`."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """A published file's bytes in chunks. Needs `readable`. Raises DestinationError D131 where it is missing."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Removes published files; missing ones are fine. Needs `deletable`."""
        ...
