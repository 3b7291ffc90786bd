"""A new project's files on disk: all of them or none, and never over anything that is there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path


@contextlib.contextmanager
def written(target: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Writes the files below a folder; they, and folders made for them, go again where the block or a write fails.

    Raises FileExistsError where one is there already.
    """
    made: list[Path] = []
    try:
        for name, text in files.items():
            path = target / name
            made += _folders(path.parent)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
        yield
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def _folders(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the new ones, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir()
    return missing[::-1]
