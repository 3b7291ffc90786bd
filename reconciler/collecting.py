"""Reading a lot at once without looking for garbage in between: what is made stays, and looking takes a fifth of the time."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_to_keep = 0


def kept_to_the_end(reads: int) -> None:
    """Says that what the next so many reads make is needed until the process ends: it is never looked at again.

    For processes that perform one command. Whatever refers to itself and is dropped by then is never freed.
    """
    global _to_keep
    _to_keep = reads


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No looking for garbage inside, in any thread. Memory that nothing refers to is freed all the same."""
    global _to_keep
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if _to_keep > 0:
            _to_keep -= 1
            gc.freeze()
        gc.enable()
