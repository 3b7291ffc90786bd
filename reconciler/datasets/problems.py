"""Errors of datasets, with the catalogue's fixed summaries. Details name files, columns, types and lines, never values."""

from __future__ import annotations

from reconciler.diagnostics import CODES
from reconciler.errors import SourceError


def problem(code: str, detail: str) -> SourceError:
    """The error of an F1xx code."""
    return SourceError(code, CODES[code].summary, detail)


def named(path: str) -> str:
    """A file for a message: its path, or what stands for a location that is one file."""
    return path or "the dataset's file"
