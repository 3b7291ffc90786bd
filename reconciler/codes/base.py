"""The shape of a catalogue entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One stable code. `summary` is fixed and shown with every finding; the rest is for `explain` and the reference."""

    code: str
    summary: str
    explanation: str
    mend: str
    example: str = ""
