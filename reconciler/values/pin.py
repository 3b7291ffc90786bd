"""A pin: exactly which files of a dataset a run reads, with what identifies each one's content.

Local files are identified by size, mtime in nanoseconds and inode; objects by size and ETag. A pin is content-addressed by the
SHA-256 of its canonical JSON, so that flows over one dataset share it.
"""

from __future__ import annotations

import hashlib
import json

from reconciler.values.base import Value
from reconciler.values.slot import Instant


class PinnedFile(Value):
    """One file. `path` is relative to the dataset's location (POSIX), `size` in bytes, `version` opaque (`mtime_ns-inode` or ETag).

    `modified`: kept where the dataset's rows expire, to tell later whether a file that is gone held any that hadn't.
    """

    path: str
    size: int
    version: str
    modified: Instant | None = None

    def same(self, other: PinnedFile | None) -> bool:
        """Whether the other is this very content at this very path."""
        return other is not None and (self.path, self.size, self.version) == (other.path, other.size, other.version)


class Pin(Value):
    """Files sorted by path. `location` is the dataset's normalised location."""

    location: str
    files: tuple[PinnedFile, ...]

    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
