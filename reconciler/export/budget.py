"""How much memory and how many threads exports may take, and how that is shared out."""

from __future__ import annotations

import os
from dataclasses import dataclass

_SHARES = 64
"""The parts below are so many of 64; a quarter is left to the interpreter and to what libraries take for themselves."""
_VALUE = 8
"""Bytes of a suppressed value in memory."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`memory`: bytes that exports plan with. `threads`: at most, in each library; None: as many as there are processors. `jobs`: how many
    read together."""

    memory: int = 2**30
    threads: int | None = None
    jobs: int = 1

    @property
    def part(self) -> int:
        """Bytes that one query reads, about."""
        return self.memory * (8 if self.jobs == 1 else 6) // _SHARES

    @property
    def ahead(self) -> int:
        """Bytes that are read ahead of what is written."""
        return self.memory * (24 if self.jobs == 1 else 3) // _SHARES

    @property
    def group(self) -> int:
        """Bytes beyond which a row group isn't decoded at once but page by page."""
        return self.memory * 12 // _SHARES

    @property
    def keys(self) -> int:
        """Bytes for comparing keys, before it spills."""
        return self.memory * 16 // _SHARES

    @property
    def verdicts(self) -> int:
        """Bytes of what is known of keys that come twice, for all jobs of a read: a bit a row for each that has an answer of its own."""
        return self.memory * 2 // _SHARES

    @property
    def compared(self) -> int:
        """Bytes of what is known of each row by all that compare together: a byte a row for each."""
        return self.memory * 8 // _SHARES

    @property
    def values(self) -> int:
        """Values of a suppression's column: more would leave no room for the export."""
        return self.memory * 24 // _SHARES // _VALUE

    @property
    def encoding(self) -> int:
        """Bytes of a row group at most: each job fills one. Of fifty, each took five times as much on its way to a file."""
        return max(
            2**18, min(self.memory * 2 // _SHARES, self.memory * (12 if self.jobs == 1 else 3) // _SHARES // self.jobs)
        )

    @property
    def handed(self) -> int:
        """Bytes that are handed at once to all jobs that read together."""
        return self.memory * 3 // _SHARES

    @property
    def chosen(self) -> int:
        """Bytes that each of them makes of it at once."""
        return max(2**18, self.memory * 4 // _SHARES // self.jobs)

    @property
    def workers(self) -> int:
        """Threads that read, or encode, at once."""
        return min(4, self.threads or os.cpu_count() or 1)


USUAL = Budget()
