"""What is wrong with an expression, and where in its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.diagnostics import CODES

WhereCode = Literal["R201", "R202", "R203", "R204", "R205", "R206"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `offset` to `offset + length` of the text."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.offset + self.length

    def to(self, other: Span) -> Span:
        """From the first to the last character of the two."""
        start = min(self.offset, other.offset)
        return Span(start, max(self.end, other.end) - start)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: `summary` is the code's fixed one, `detail` says what, why and the mend; `offset` in characters."""

    code: WhereCode
    summary: str
    detail: str
    offset: int
    length: int


class Refused(Exception):
    """An expression that can't be read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def problem(code: WhereCode, at: Span, detail: str) -> Problem:
    """A finding with its code's summary."""
    return Problem(code, CODES[code].summary, detail, at.offset, at.length)


def shown(text: str) -> str:
    """A piece of the text, for a sentence."""
    return text if len(text) <= 60 else text[:60] + "…"
