"""Where a path of the configuration is on this machine."""

from __future__ import annotations

from pathlib import Path


def inside(root: Path, written: str) -> Path | None:
    """An absolute path as it is, its owner's choice; a relative one below `root`, links followed, or None where it leads out of it."""
    path = Path(written)
    if path.is_absolute():
        return path
    found = (root / path).resolve()
    return found if found.is_relative_to(root.resolve()) else None
