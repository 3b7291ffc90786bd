"""What literals say: numbers, days, instants."""

from __future__ import annotations

import datetime
import decimal
import re

MAX_DIGITS = 38
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?(Z|[+-]\d{2}(?::?\d{2})?)?)?", re.ASCII
)


def number(written: str) -> int | decimal.Decimal | None:
    """Reads a number; None if it isn't one. Raises OverflowError if it has too many digits."""
    if not _NUMBER.fullmatch(written):
        return None
    if len(written) > 2 * MAX_DIGITS:
        raise OverflowError
    value = decimal.Decimal(written)
    _, digits, exponent = value.as_tuple()
    places = -exponent if isinstance(exponent, int) else 0
    if max(len(digits), len(digits) - places, places) > MAX_DIGITS:
        raise OverflowError
    return int(value) if places <= 0 else value


def day(text: str) -> datetime.date | None:
    """Reads YYYY-MM-DD; None if it isn't a day."""
    try:
        return datetime.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def instant(text: str) -> datetime.datetime | None:
    """Reads an ISO time, UTC where it doesn't say; None if it isn't one."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return None
    try:
        read = datetime.datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{found[3] or 'Z'}")
        return read.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None
