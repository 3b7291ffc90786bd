"""The slots of a schedule. The rules for people are in `docs/schedules.md`.

A schedule names clock times on days of its zone. Each is turned into an instant: a time that the clock skips keeps the offset from
before the gap, so that it comes as much later as the gap is long; a repeated time is its first occurrence. Equal instants are one
slot. Days and bounds are judged by the time as declared, before any such shift.

Inside, an instant is a count of minutes since 1970 UTC: comparing and slicing stay cheap for thousands of flows.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
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
    runs_on: Callable[[dt.date], bool]


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
    days = range(high, low - 1, -1) if backwards else range(low, high + 1)
    for day in days:
        found = _utc_day(rules, day)
        if found and (found[0] <= start or found[-1] > end):
            found = found[bisect_right(found, start) : bisect_right(found, end)]
        if found:
            yield found


@lru_cache(maxsize=1 << 17)
def _utc_day(rules: _Rules, day: int) -> tuple[int, ...]:
    """By UTC day and not by local day: a skipped time can fall among those of the next local day, or on one of them."""
    begin = (day - _EPOCH_DAY) * _DAY_MINUTES
    near = (minute for local in (day - 1, day, day + 1) for minute in _local_day(rules, local))
    return tuple(sorted({minute for minute in near if begin <= minute < begin + _DAY_MINUTES}))


@lru_cache(maxsize=1 << 17)
def _local_day(rules: _Rules, day: int) -> tuple[int, ...]:
    """The instants of one local day's clock times, in the order of the clock times."""
    if not rules.first <= day < rules.end:
        return ()
    date = dt.date.fromordinal(day)
    if not rules.runs_on(date):
        return ()
    times = rules.minutes
    if day == rules.first:
        times = tuple(minute for minute in times if minute >= rules.first_minute)
    midnight = dt.datetime.combine(date, dt.time(), rules.zone)
    if len(times) > 2:
        offset = midnight.utcoffset()
        if offset is not None and offset == (midnight + dt.timedelta(days=1)).replace(fold=1).utcoffset():
            begin = (day - _EPOCH_DAY) * _DAY_MINUTES * 60 - int(offset.total_seconds())
            return tuple((begin + minute * 60) // 60 for minute in times)
    # Aware arithmetic within one zone moves the clock, not the instant; fold stays 0.
    return tuple(_minute(midnight + minute * _MINUTE) for minute in times)


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
            return _Rules(zone, first, end, (_clock(time),), 0, lambda date: date.weekday() in weekdays)
        case Monthly(day=wanted, time=time):
            return _Rules(zone, first, end, (_clock(time),), 0, lambda date: _is_month_day(date, wanted))
        case Cron(cron=text):
            cron = parse_cron(text)
            minutes = tuple(hour * 60 + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes))
            return _Rules(zone, first, end, minutes, 0, lambda date: _is_cron_day(date, cron))
        case _:
            assert_never(schedule)


def _clock(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _every_day(_: dt.date) -> bool:
    return True


def _is_month_day(date: dt.date, wanted: int) -> bool:
    if date.day == wanted:
        return True
    return date.day < wanted and (date + dt.timedelta(days=1)).day == 1


def _is_cron_day(date: dt.date, cron: CronExpression) -> bool:
    if date.month not in cron.months:
        return False
    day, weekday = date.day in cron.days, date.weekday() in cron.weekdays
    return (day or weekday) if cron.either_day else (day and weekday)
