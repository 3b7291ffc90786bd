"""Rows to files: how many files, and which rows go into which."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import polars as pl

from reconciler.resources.formats import Files

_STEP = 16_384
"""Rows after which `max_bytes` is judged again."""
FRAME = 16 * 2**20
"""Bytes of a frame at most: writers hold several at once."""


def limits_of(output: Files) -> tuple[int, int | None]:
    """Rows and bytes of a file at most."""
    return (sys.maxsize, None) if output.one_file else (output.max_rows, output.max_bytes)


class Splitter:
    """Hands out frames file by file, in order: `max_rows` exactly, `max_bytes` as near as can be known.

    Writers that encode many rows at once say late how much they wrote, so that a file also ends where the one before
    it, by its bytes a row, would have been full.
    """

    def __init__(self, frames: Iterator[pl.DataFrame], max_rows: int, max_bytes: int | None) -> None:
        self._frames = frames
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._held: pl.DataFrame | None = None
        self._expected = max_rows
        self.rows = 0
        self.in_file = 0

    def more(self) -> bool:
        """Whether a row is left: looks at the next frame."""
        return self._next() is not None

    def file(self, written: Callable[[], int]) -> Iterator[pl.DataFrame]:
        """One file's frames. `written`: bytes of the file so far."""
        self.in_file = 0
        while self.in_file < self._expected and (frame := self._next()) is not None:
            if self.in_file and self._max_bytes is not None and written() >= self._max_bytes:
                return
            room = self._expected - self.in_file
            if self._max_bytes is not None:
                room = min(room, _STEP)
            # Rows are what can be cut; one row alone may be larger.
            room = min(room, max(1, frame.height * FRAME // max(1, int(frame.estimated_size()))))
            # Cutting a frame forgets how long its texts are, which whoever weighs it has to count again.
            given = frame if room >= frame.height else frame.head(room)
            self._held = frame.slice(room) if room < frame.height else None
            self.in_file += given.height
            self.rows += given.height
            yield given

    def finished(self, size: int) -> None:
        """How many bytes the last file came to."""
        if self._max_bytes is not None:
            self._expected = max(1, min(self._max_rows, self._max_bytes * self.in_file // max(1, size)))

    def _next(self) -> pl.DataFrame | None:
        while self._held is None:
            frame = next(self._frames, None)
            if frame is None:
                return None
            self._held = frame if frame.height else None
        return self._held
