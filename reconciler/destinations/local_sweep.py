"""What probes and claims of the `local` type leave when they are killed: found by name and age, and removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from reconciler.destinations import folders
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.local_sink import STAGING
from reconciler.destinations.names import RESERVED

STALE: Final = 3600.0
"""Seconds. A probe takes less than one: what is this much older than ours was left by one that was killed."""

PROBE: Final = "probe-"


def sweep(root: str, probe: str) -> None:
    """Removes stale probes and drafts of the owner marker. `probe`: the name of a fresh one, whose time is now by the
    file system's own clock. Raises OSError."""
    with folders.opened(root) as folder:
        now = os.stat(probe, dir_fd=folder, follow_symlinks=False).st_mtime
        drafts = (f"{RESERVED}{PROBE}", f"{OWNER_MARKER}.")
        for name in _stale(folder, now, lambda name: name.startswith(drafts)):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    with suppress(FileNotFoundError), folders.opened(root, (STAGING,)) as folder:
        for name in _stale(folder, now, lambda name: name.startswith(PROBE)):
            folders.remove_tree(root, (STAGING, name))


def _stale(folder: int, now: float, ours: Callable[[str], bool]) -> list[str]:
    found = []
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            if ours(name) and now - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime >= STALE:
                found.append(name)
    return found
