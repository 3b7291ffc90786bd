"""Five-field cron expressions: text to the sets of minutes, hours, days and months that they name.

The dialect is Vixie cron's: `*`, numbers, ranges, steps on `*` or a range, lists, English names of months and weekdays, 7 for
Sunday. What other dialects add (seconds, `?`, `L`, `W`, `#`, `@daily`) is refused by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(?:(\*)|([0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?)(?:/([0-9]{1,3}))?", re.ASCII)


class CronError(ValueError):
    """The expression can't be used; the message names the field and the mend."""


class _Field(NamedTuple):
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class CronExpression:
    """What an expression names. `weekdays`: 0 is Monday, 6 is Sunday, as in `date.weekday()`.

    `either_day`: both day fields are restricted, so that a day matching one of them is enough (Vixie's rule; a field that
    starts with `*` isn't restricted, and then both must match).
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool


def parse_cron(text: str) -> CronExpression:
    """Reads five fields separated by blanks. Raises `CronError`, also for a date that no year has (30 February)."""
    parts = text.lower().split()
    if parts and parts[0].startswith("@"):
        raise CronError(f"nicknames such as {parts[0]} are not supported; write five fields, such as '0 2 * * *'")
    if len(parts) != len(_FIELDS):
        hint = "; seconds are not supported" if len(parts) == 6 else ""
        raise CronError(
            f"cron needs five fields (minute, hour, day of month, month, day of week), this has {len(parts)}{hint}"
        )
    minutes, hours, days, months, weekdays = (_field(field, part) for field, part in zip(_FIELDS, parts, strict=True))
    either = not parts[2].startswith("*") and not parts[4].startswith("*")
    if not either and all(min(days) > _DAYS_IN_MONTH[month - 1] for month in months):
        raise CronError(f"day of month and month: no year has the date '{parts[2]} {parts[3]}', so this never runs")
    return CronExpression(minutes, hours, days, months, frozenset((day + 6) % 7 for day in weekdays), either)


def _field(field: _Field, text: str) -> frozenset[int]:
    found: set[int] = set()
    for item in text.split(","):
        found.update(_item(field, item))
    return frozenset(found)


def _item(field: _Field, item: str) -> range:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise CronError(
            f"{field.name}: '{item}' is not understood; write *, a number, a range, a step or a list of these"
        )
    star, first, last, step = match.groups()
    low = field.low if star else _number(field, first)
    high = _star_high(field) if star else _number(field, last or first)
    if high < low and field.names == _WEEKDAYS and high == 0:
        high = 7  # fri-sun and 5-0: Sunday ends the week as well as beginning it
    if high < low:
        raise CronError(f"{field.name}: the range '{item}' runs backwards; write two parts, separated by a comma")
    if step is None:
        return range(low, high + 1)
    if not star and last is None:
        raise CronError(f"{field.name}: a step needs a range; write '{first}-{_star_high(field)}/{step}' for '{item}'")
    if not 1 <= int(step) <= max(1, high - low):
        raise CronError(f"{field.name}: the step of '{item}' must be from 1 to {max(1, high - low)}")
    return range(low, high + 1, int(step))


def _star_high(field: _Field) -> int:
    return 6 if field.names == _WEEKDAYS else field.high


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    if not text.isdigit():
        known = f"use {', '.join(field.names)}" if field.names else "names are for months and weekdays only"
        raise CronError(f"{field.name}: '{text}' is not a name here; {known}")
    number = int(text)
    if not field.low <= number <= field.high:
        raise CronError(f"{field.name}: {number} is not within {field.low} to {field.high}")
    return number
