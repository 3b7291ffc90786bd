"""Diagnostics: what is wrong in a configuration, where, why, and how to mend it.

A diagnostic's `summary` is fixed per code and never holds user data; `detail` does, so whoever renders it treats it as text.
The catalogue of codes (`CODES`) feeds `reconcile explain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A place in a file: `path` relative to the project (POSIX), `line` and `column` from 1, `length` in characters (0: unknown)."""

    path: str
    line: int = 1
    column: int = 1
    length: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding. Sorted by place, then code. `subject` is the resource (`Audience/us`) where one is known."""

    source: Source
    code: str
    summary: str
    detail: str
    severity: Severity = "error"
    subject: str = ""
