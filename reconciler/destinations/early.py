"""Files on their way to the disk while they are written, so that the flush at the end has little left to wait for."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

_STEP: Final = 8 * 2**20


class Early:
    """Has the system begin to write what a file holds before somebody waits for all of it. A hint: not all systems take it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = 0

    def upto(self, size: int) -> None:
        """Of so many bytes that were written."""
        if size - self._begun >= _STEP and hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                os.posix_fadvise(self._descriptor, self._begun, size - self._begun, os.POSIX_FADV_DONTNEED)
            self._begun = size
