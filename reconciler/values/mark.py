"""A mark: how far a column's values have been exported, as text that the column's type can be read from."""

from __future__ import annotations

from datetime import UTC, date, datetime

from reconciler.values.base import Value

Ordered = datetime | date | int
"""Values of the column types that a cursor can follow: timestamp (aware, UTC), date, int and long."""


class Range(Value):
    """Rows whose `column` lies in (`after`, `upto`]; `after` None: from the first on; `upto` None: nothing is new.

    `including`: `after` itself belongs to it (where a backfill begins).
    """

    column: str
    after: str | None = None
    upto: str | None = None
    including: bool = False


def mark_text(value: Ordered) -> str:
    """`2026-12-02T02:00:00.000000Z`, `2026-12-02` or `42`."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.isoformat() if isinstance(value, date) else str(value)


def read_mark(text: str, kind: str) -> Ordered:
    """Reads what `mark_text` wrote. `kind`: the column's type. Raises ValueError."""
    match kind:
        case "timestamp":
            return datetime.fromisoformat(text).astimezone(UTC)
        case "date":
            return date.fromisoformat(text)
        case _:
            return int(text)


def at(instant: datetime, kind: str) -> Ordered | None:
    """An instant as a value of the column: its day for dates (the last that is wholly over); None for numbers."""
    match kind:
        case "timestamp":
            return instant
        case "date":
            return date.fromordinal(instant.date().toordinal() - 1)
        case _:
            return None


def rank(value: Ordered) -> tuple[int, int]:
    """Values of one type compare by this, to the microsecond."""
    if isinstance(value, datetime):
        return int(value.replace(microsecond=0).timestamp()), value.microsecond
    return (value if isinstance(value, int) else value.toordinal()), 0
