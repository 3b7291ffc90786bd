"""The narrowest type that every text seen so far fits, for values of CSV, JSON strings and `column=value` folders.

Cautious: what would lose a character as a number (a leading zero, a plus sign, more digits than a double holds) stays
text. What is found here is read by `text.parse`, by the same rules or looser ones.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from reconciler.values.types import Flat, FlatName

_LONG: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_DOUBLE: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_LARGEST: Final = 2**63 - 1
_EXACT_DIGITS: Final = 15
_ORDER: Final[tuple[FlatName, ...]] = ("boolean", "long", "double", "date", "timestamp")


class Texts:
    """Remembers which types are still possible; holds no value."""

    def __init__(self, kinds: tuple[FlatName, ...] = _ORDER) -> None:
        self._possible = kinds
        self.seen = False

    def add(self, text: str) -> None:
        """One value that isn't null."""
        self.seen = True
        self._possible = tuple(kind for kind in self._possible if _fits(kind, text))

    def type(self) -> Flat | None:
        """None: nothing was seen."""
        if not self.seen:
            return None
        return Flat(self._possible[0] if self._possible else "string")


def _fits(kind: FlatName, text: str) -> bool:
    match kind:
        case "boolean":
            return text.lower() in ("true", "false")
        case "long":
            return bool(_LONG.fullmatch(text)) and abs(int(text)) <= _LARGEST
        case "double":
            return bool(_DOUBLE.fullmatch(text)) and _is_exact(text)
        case "date":
            return bool(_DATE.fullmatch(text)) and _is_day(text)
        case "timestamp":
            return _is_instant(text)
        case _:
            return False


def _is_exact(text: str) -> bool:
    digits = re.split("[eE]", text)[0].lstrip("-0.").replace(".", "")
    return len(digits) <= _EXACT_DIGITS and abs(float(text)) < float("inf")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_instant(text: str) -> bool:
    found = _TIMESTAMP.fullmatch(text)
    if not found or (found[4] and not found[3]):
        return False
    zone = (found[5] or "Z")[1:].replace(":", "")
    try:
        datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return False
    return not zone or (int(zone[:2]) < 24 and int(zone[2:]) < 60)
