"""Errors of datasets, with the catalogue's fixed summaries.

Details name files, columns, types and lines, never values.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.diagnostics import CODES
from reconciler.errors import SourceError

ROWS_TAKEN = "F132"


def problem(code: str, detail: str, *, needs: str = "") -> SourceError:
    """The error of an F1xx code. `needs`: the permission that is missing."""
    return SourceError(code, CODES[code].summary, detail, needs=needs)


def absent(what: str) -> SourceError:
    """F101. `what`: the sentence that says what isn't there."""
    return problem("F101", f"{what} Correct the dataset's location, or wait for what writes it.")


def named(path: str) -> str:
    """A file for a message: its path, or what stands for a location that is one file."""
    return path or "the dataset's file"


def too_small(rows: int, least: int) -> SourceError:
    """F117: the dataset holds fewer rows than `minRows`."""
    return problem("F117", f"It holds {rows:,} rows; minRows is {least:,}. Files younger than settle aren't counted.")


def still_written(paths: Sequence[str]) -> SourceError:
    """F124: under strategy `diff` a file that waits would seem to be gone."""
    return problem("F124", f"Younger than settle: {_some(paths)}. The next run tries again.")


def changed_meanwhile(paths: Sequence[str]) -> SourceError:
    """F116: what `Files.changed` found after the last read."""
    return problem("F116", f"Changed or gone: {_some(paths)}.")


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(named(each) for each in paths[:5])
    return shown + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
