"""A pin: exactly which files of a dataset a run reads, with what identifies each one's content.

Local files are identified by size, mtime in nanoseconds and inode; objects by size and ETag; data files of a table, which are never
rewritten, by size. A pin is content-addressed by the SHA-256 of its canonical JSON, so that flows over one dataset share it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field

from reconciler.values.base import Value
from reconciler.values.slot import Instant


class PinnedFile(Value):
    """One file. `path` is relative to the dataset's location (POSIX), `size` in bytes, `version` opaque (`mtime_ns-inode` or ETag).

    `modified`: kept where the dataset's rows expire, to tell later whether a file that is gone held any that hadn't.
    `partitions`: columns and their values, as text, by a table's metadata; None where the path says them.
    """

    path: str
    size: int
    version: str
    modified: Instant | None = None
    partitions: tuple[tuple[str, str | None], ...] | None = None

    def same(self, other: PinnedFile | None) -> bool:
        """Whether the other is this very content at this very path."""
        return other is not None and (self.path, self.size, self.version) == (other.path, other.size, other.version)


class DeltaState(Value):
    """A version of a Delta Lake table. `id`: the table's own."""

    format: Literal["delta"] = "delta"
    id: str
    version: int

    def __str__(self) -> str:
        return f"version {self.version}"


class IcebergState(Value):
    """A snapshot of an Apache Iceberg table. `id`: the table's own; `snapshot`: its number (64 bits), None: there was none yet."""

    format: Literal["iceberg"] = "iceberg"
    id: str
    snapshot: str | None = None

    def __str__(self) -> str:
        return f"snapshot {self.snapshot or 'none'}"


TableState = Annotated[DeltaState | IcebergState, Field(discriminator="format")]


class Pin(Value):
    """Files in the order they are read. `location` is the dataset's normalised location.

    `table`: the state of a table up to which the flow has read it. Under the `files` strategy an increment's pin has the files alone
    that came since the previous state.
    """

    location: str
    files: tuple[PinnedFile, ...]
    table: TableState | None = None

    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
