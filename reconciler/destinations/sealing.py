"""The port to what encrypts files while they are staged."""

from __future__ import annotations

from typing import Protocol

from reconciler.destinations.base import FileSink
from reconciler.values.sealed import Sealed


class Sealing(Protocol):
    """One destination's encryption, its keys checked."""

    @property
    def sealed(self) -> Sealed:
        """For whom, and by whom."""
        ...

    def seal(self, sink: FileSink) -> FileSink:
        """A sink whose bytes arrive encrypted in `sink`: size and hash of its token are those of what is there. Bounded memory; nothing
        is written anywhere else. Raises as `sink` does, and `DestinationError` D161. It finishes and aborts `sink`."""
        ...
