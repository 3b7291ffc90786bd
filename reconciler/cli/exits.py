"""The exit codes, as the semantics fix them, and what several outcomes together come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError

DONE = 0
FAILED = 1
CHANGES = 2
INVALID = 3
REFUSED = 4
CONFLICT = 5
PARTLY = 6
USAGE = 64
UNKNOWN = 75
SIGNALLED = 128
"""Added to a signal's number."""


def of_several(errors: Sequence[ReconcilerError], done: int) -> int:
    """0 without errors; 75 where an outcome is unknown, since running again is what helps; where nothing was done and all errors agree,
    theirs; else 6: some failed, the rest is done."""
    codes = {error.exit_code for error in errors}
    if not codes:
        return DONE
    if UNKNOWN in codes:
        return UNKNOWN
    return codes.pop() if len(codes) == 1 and not done else PARTLY
