"""The slots of a schedule. The rules for people are in `docs/schedules.md`.

A schedule names clock times on days of its zone. Each is turned into an instant: a time that the clock skips keeps the offset from
before the gap, so that it comes as much later as the gap is long; a repeated time is its first occurrence. Equal instants are one
slot. Days and bounds are judged by the time as declared, before any such shift.

Inside, an instant is a count of minutes since 1970 UTC: comparing and slicing stay cheap for thousands of flows.
"""

from __future__ import annotations

import calendar
import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import assert_never
from zoneinfo import ZoneInfo

from reconciler.resources.schedule import WEEKDAYS, Cron, Daily, Hourly, Monthly, Once, Weekly
from reconciler.values.cron import CronExpression, parse_cron
from reconciler.values.slot import to_utc

Schedule = Hourly | Daily | Weekly | Monthly | Once | Cron

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MINUTE = dt.timedelta(minutes=1)
_DAY_MINUTES = 24 * 60
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_FIRST_DAY = _EPOCH_DAY
_END_DAY = dt.date(2200, 1, 1).toordinal()
# 29 February on a given weekday comes back after 28 years, and after 40 around 2100, which has none.
_SEARCH_DAYS = 41 * 366


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """A schedule made ready: days as ordinals from `first` to before `end`, clock times as minutes of the day, ascending."""

    zone: ZoneInfo
    first: int
    end: int
    minutes: tuple[int, ...]
    first_minute: int  # on the first day, nothing earlier
    month_days: Callable[[int, int], int]  # (year, month) to the days that run, as bits; bit 0 is the 1st


def slots(schedule: Schedule, start_exclusive: dt.datetime, end_inclusive: dt.datetime) -> Iterator[dt.datetime]:
    """The slots after `start_exclusive` up to `end_inclusive`, UTC, ascending, found as they are asked for.

    Raises ValueError for a naive time, as all functions here do.
    """
    for day in _by_day(_rules(schedule), _minute(start_exclusive), _minute(end_inclusive)):
        for minute in day:
            yield _EPOCH + minute * _MINUTE


def latest_slot(schedule: Schedule, start_exclusive: dt.datetime, end_inclusive: dt.datetime) -> dt.datetime | None:
    """The newest slot after `start_exclusive` up to `end_inclusive`; looks backwards from the end."""
    days = _by_day(_rules(schedule), _minute(start_exclusive), _minute(end_inclusive), backwards=True)
    day = next(days, None)
    return None if day is None else _EPOCH + day[-1] * _MINUTE


def next_slot(schedule: Schedule, after: dt.datetime) -> dt.datetime | None:
    """The first slot after an instant; None if the schedule has ended (or has no slot in 41 years, which no cron does)."""
    rules, start = _rules(schedule), _minute(after)
    # A schedule that starts far ahead is searched from its start.
    begin = max(start, (rules.first - 1 - _EPOCH_DAY) * _DAY_MINUTES)
    day = next(_by_day(rules, start, begin + _SEARCH_DAYS * _DAY_MINUTES), None)
    return None if day is None else _EPOCH + day[0] * _MINUTE


def count_slots(schedule: Schedule, start_exclusive: dt.datetime, end_inclusive: dt.datetime, limit: int) -> int:
    """How many slots `slots` would give, at most `limit`."""
    found = 0
    for day in _by_day(_rules(schedule), _minute(start_exclusive), _minute(end_inclusive)):
        found += len(day)
        if found >= limit:
            return limit
    return found


def _minute(at: dt.datetime) -> int:
    return (to_utc(at) - _EPOCH) // _MINUTE


def _by_day(rules: _Rules, start: int, end: int, *, backwards: bool = False) -> Iterator[tuple[int, ...]]:
    """Slots in (start, end], one ascending tuple per UTC day that has any; the last day first if `backwards`."""
    # A local day touches its own UTC day, the one before and the one after.
    low = max(start // _DAY_MINUTES + _EPOCH_DAY, rules.first - 1)
    high = min(end // _DAY_MINUTES + _EPOCH_DAY, rules.end)
    step = -1 if backwards else 1
    day, last = (high, low) if backwards else (low, high)
    while (last - day) * step >= 0:
        # Straight to the next day that runs: a yearly schedule must cost no more than a daily one.
        local = _running_day(rules, day - step, step)
        if local is None or (last - (local - step)) * step < 0:
            return
        day = max(day, local - 1) if step > 0 else min(day, local + 1)
        found = _utc_day(rules, day)
        if found and (found[0] <= start or found[-1] > end):
            found = found[bisect_right(found, start) : bisect_right(found, end)]
        if found:
            yield found
        day += step


def _running_day(rules: _Rules, day: int, step: int) -> int | None:
    """The nearest local day that runs, from `day` on (`step` 1) or back (-1)."""
    day = max(day, rules.first) if step > 0 else min(day, rules.end - 1)
    while rules.first <= day < rules.end:
        date = dt.date.fromordinal(day)
        bits, before = rules.month_days(date.year, date.month), day - date.day
        if step > 0:
            bits = bits >> (date.day - 1) << (date.day - 1)
            found, beyond = (bits & -bits).bit_length(), before + calendar.monthrange(date.year, date.month)[1] + 1
        else:
            found, beyond = (bits & ((1 << date.day) - 1)).bit_length(), before
        day = before + found if found else beyond
        if found:
            return day if rules.first <= day < rules.end else None
    return None


@lru_cache(maxsize=256)  # few: a day of a schedule by the minute has 1,440 slots
def _utc_day(rules: _Rules, day: int) -> tuple[int, ...]:
    """By UTC day and not by local day: a skipped time can fall among those of the next local day, or on one of them."""
    begin = (day - _EPOCH_DAY) * _DAY_MINUTES
    offset = _steady_offset(rules.zone, day)
    if offset is None:
        near = (minute for local in (day - 1, day, day + 1) for minute in _local_day(rules, local))
        return tuple(sorted({minute for minute in near if begin <= minute < begin + _DAY_MINUTES}))
    # The UTC day is the end of one local day and the beginning of the next.
    ahead, cut = divmod(offset, _DAY_MINUTES)
    ending, beginning = _times(rules, day + ahead), _times(rules, day + ahead + 1)
    early = [begin + minute - cut for minute in ending[bisect_left(ending, cut) :]]
    late = [begin + minute - cut + _DAY_MINUTES for minute in beginning[: bisect_left(beginning, cut)]]
    return (*early, *late)


def _times(rules: _Rules, day: int) -> tuple[int, ...]:
    """The clock times that count on a local day, as minutes of the day."""
    if not rules.first <= day < rules.end:
        return ()
    date = dt.date.fromordinal(day)
    if not rules.month_days(date.year, date.month) >> (date.day - 1) & 1:
        return ()
    if day > rules.first:
        return rules.minutes
    return rules.minutes[bisect_left(rules.minutes, rules.first_minute) :]


def _local_day(rules: _Rules, day: int) -> list[int]:
    """The instants of one local day's clock times, in the order of the clock times."""
    midnight = dt.datetime.combine(dt.date.fromordinal(day), dt.time(), rules.zone)
    # Aware arithmetic within one zone moves the clock, not the instant; fold stays 0.
    return [_minute(midnight + minute * _MINUTE) for minute in _times(rules, day)]


@lru_cache(maxsize=1 << 14)
def _steady_offset(zone: ZoneInfo, day: int) -> int | None:
    """The offset from UTC in minutes if it is one and the same from the day before to the day after, else None.

    No zone has changed twice within three days since 1970, so that the two ends tell (at both of a repeat's occurrences).
    """
    ends = (dt.datetime.fromordinal(day - 1), dt.datetime.fromordinal(day + 2))
    offsets = {zone.utcoffset(end.replace(fold=fold)) for end in ends for fold in (0, 1)}
    offset = offsets.pop()
    return None if offsets or offset is None or offset % _MINUTE else offset // _MINUTE


@cache
def _zone(name: str) -> ZoneInfo:
    """From the bundled database, not the system's: every runner must find the same slots."""
    path = resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1 << 14)
def _rules(schedule: Schedule) -> _Rules:
    zone = _zone(schedule.timezone)
    if isinstance(schedule, Once):
        day, at = schedule.date.toordinal(), _clock(schedule.time)
        return _Rules(zone, day, day + 1, (at,), 0, _every_day)
    first = schedule.start_date.toordinal() if schedule.start_date else _FIRST_DAY
    end = schedule.end_date.toordinal() if schedule.end_date else _END_DAY
    match schedule:
        case Hourly(every=every, time=time):
            at = _clock(time)
            minutes = tuple(range(at % (every * 60), _DAY_MINUTES, every * 60))
            return _Rules(zone, first, end, minutes, at if schedule.start_date else 0, _every_day)
        case Daily(time=time):
            return _Rules(zone, first, end, (_clock(time),), 0, _every_day)
        case Weekly(weekdays=names, time=time):
            weekdays = frozenset(WEEKDAYS.index(name) for name in names)
            return _Rules(
                zone, first, end, (_clock(time),), 0, lambda year, month: _weekday_bits(year, month, weekdays)
            )
        case Monthly(day=wanted, time=time):
            return _Rules(
                zone, first, end, (_clock(time),), 0, lambda year, month: _month_day_bits(year, month, wanted)
            )
        case Cron(cron=text):
            cron = parse_cron(text)
            minutes = tuple(hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes))
            return _Rules(zone, first, end, minutes, 0, lambda year, month: _cron_bits(year, month, cron))
        case _:
            assert_never(schedule)


def _clock(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _every_day(_year: int, _month: int) -> int:
    return 0x7FFFFFFF


def _weekday_bits(year: int, month: int, weekdays: frozenset[int]) -> int:
    first, length = calendar.monthrange(year, month)
    return sum(1 << day for day in range(length) if (first + day) % 7 in weekdays)


def _month_day_bits(year: int, month: int, wanted: int) -> int:
    return 1 << (min(wanted, calendar.monthrange(year, month)[1]) - 1)


def _cron_bits(year: int, month: int, cron: CronExpression) -> int:
    if month not in cron.months:
        return 0
    length = calendar.monthrange(year, month)[1]
    days = sum(1 << (day - 1) for day in cron.days if day <= length)
    weekdays = _weekday_bits(year, month, cron.weekdays)
    return days | weekdays if cron.either_day else days & weekdays
