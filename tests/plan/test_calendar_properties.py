"""The calendar against a naive model that walks a zone's clock minute by minute and knows no calendar arithmetic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.plan.calendar import Schedule, count_slots, latest_slot, next_slot, slots
from reconciler.plan.due import MISSED_LIMIT, SKIP_AFTER, Due, due
from reconciler.resources.schedule import WEEKDAYS, CatchUp, Cron, Daily, Hourly, Monthly, Once, Weekday, Weekly

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
Names = Callable[[dt.datetime], bool]  # does the schedule name this clock time?

# Days on which something happens to the clock: gaps, repeats, at midnight too, of half an hour, a quarter, a whole day.
TURNS = [
    ("Europe/Berlin", dt.date(2026, 3, 29)),
    ("Europe/Berlin", dt.date(2026, 10, 25)),
    ("America/New_York", dt.date(2026, 3, 8)),
    ("America/New_York", dt.date(2026, 11, 1)),
    ("Australia/Lord_Howe", dt.date(2025, 4, 6)),
    ("Australia/Lord_Howe", dt.date(2025, 10, 5)),
    ("Asia/Kathmandu", dt.date(1986, 1, 1)),
    ("Pacific/Apia", dt.date(2011, 12, 30)),
    ("America/Sao_Paulo", dt.date(2018, 2, 18)),
    ("America/Sao_Paulo", dt.date(2018, 11, 4)),
    ("America/Havana", dt.date(2024, 11, 3)),
    ("Atlantic/Azores", dt.date(2024, 10, 27)),
    ("America/St_Johns", dt.date(2010, 3, 14)),
    ("America/St_Johns", dt.date(2010, 11, 7)),
]
QUIET = [
    (zone, day)
    for zone in ("UTC", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Tokyo")
    for day in (dt.date(2024, 2, 28), dt.date(2025, 2, 28), dt.date(2025, 12, 31))
]


@lru_cache(maxsize=64)
def clock(zone: str, day: dt.date) -> list[tuple[dt.datetime, dt.datetime]]:
    """(clock time, the instant it stands for), for each minute around `day`: skipped ones run on past the gap, repeats are gone."""
    at = dt.datetime.combine(day, dt.time(), dt.UTC) - 4 * DAY
    info, found, seen = ZoneInfo(zone), list[tuple[dt.datetime, dt.datetime]](), set[dt.datetime]()
    before = at.astimezone(info).replace(tzinfo=None)
    for _ in range(7 * 24 * 60):
        at += MINUTE
        local = at.astimezone(info).replace(tzinfo=None)
        skipped, late = before + MINUTE, at
        while skipped < local:
            found.append((skipped, late))
            seen.add(skipped)
            skipped, late = skipped + MINUTE, late + MINUTE
        if local not in seen:
            found.append((local, at))
            seen.add(local)
        before = local
    return found


def naive_slots(zone: str, day: dt.date, names: Names, start: dt.datetime, end: dt.datetime) -> list[dt.datetime]:
    return sorted({at for local, at in clock(zone, day) if start < at <= end and names(local)})


def minute_of_day(local: dt.datetime) -> int:
    return local.hour * 60 + local.minute


def field(numbers: frozenset[int] | None) -> str:
    return "*" if numbers is None else ",".join(str(number) for number in sorted(numbers))


@st.composite
def schedules(draw: st.DrawFn, zone: str, day: dt.date) -> tuple[Schedule, Names]:
    """A schedule, and whether it names a clock time, written without the code under test."""
    near = [day + offset * DAY for offset in range(-2, 3)]
    first = draw(st.none() | st.sampled_from(near))
    end = draw(st.none() | st.sampled_from(near))
    if first and end and end <= first:
        end = None
    # Half of the times lie in the hours that zones turn in.
    minute = draw(st.integers(0, 4 * 60 - 1) | st.integers(0, 1439))
    time = f"{minute // 60:02}:{minute % 60:02}"
    catch_up: CatchUp = draw(st.sampled_from(["latest", "all", "skip"]))

    def in_days(local: dt.datetime) -> bool:
        return (first is None or local.date() >= first) and (end is None or local.date() < end)

    def at_time(local: dt.datetime) -> bool:
        return in_days(local) and minute_of_day(local) == minute

    kind = draw(st.sampled_from(["hourly", "daily", "weekly", "monthly", "once", "cron"]))
    schedule: Schedule
    if kind == "hourly":
        every = draw(st.sampled_from((1, 2, 3, 4, 6, 8, 12)))
        schedule = Hourly(every=every, time=time, timezone=zone, catch_up=catch_up, start_date=first, end_date=end)
        return (
            schedule,
            lambda local: (
                in_days(local)
                and (minute_of_day(local) - minute) % (60 * every) == 0
                and (local.date() != first or minute_of_day(local) >= minute)
            ),
        )
    if kind == "daily":
        return Daily(time=time, timezone=zone, catch_up=catch_up, start_date=first, end_date=end), at_time
    if kind == "weekly":
        days: list[Weekday] = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True))
        schedule = Weekly(
            weekdays=tuple(days), time=time, timezone=zone, catch_up=catch_up, start_date=first, end_date=end
        )
        return schedule, lambda local: at_time(local) and local.strftime("%a").lower() in days
    if kind == "monthly":
        wanted = draw(st.sampled_from([near[1].day, near[2].day, 1, 29, 30, 31]))
        schedule = Monthly(day=wanted, time=time, timezone=zone, catch_up=catch_up, start_date=first, end_date=end)

        def on_day(local: dt.datetime) -> bool:
            last = (local + DAY).day == 1
            return at_time(local) and (local.day == wanted or (last and wanted > local.day))

        return schedule, on_day
    if kind == "once":
        only = draw(st.sampled_from(near))
        return Once(
            date=only, time=time, timezone=zone, catch_up=catch_up
        ), lambda local: local.date() == only and minute_of_day(local) == minute

    def some(low: int, high: int) -> st.SearchStrategy[frozenset[int] | None]:
        return st.none() | st.frozensets(st.integers(low, high), min_size=1, max_size=6)

    minutes, hours = draw(some(0, 59)), draw(some(0, 4) | some(0, 23))
    months, weekdays = draw(st.none() | st.just(frozenset({day.month}))), draw(some(0, 7))
    # A date that no year has, such as 31 November, is no cron.
    days_there_are = [d.day for d in near if months is None or d.month in months]
    month_days = draw(st.none() | st.frozensets(st.sampled_from(days_there_are), min_size=1))
    text = " ".join(field(numbers) for numbers in (minutes, hours, month_days, months, weekdays))

    def cron_names(local: dt.datetime) -> bool:
        by_month_day = month_days is None or local.day in month_days
        by_weekday = weekdays is None or bool({local.isoweekday(), local.isoweekday() % 7} & weekdays)
        both_given = month_days is not None and weekdays is not None
        return (
            in_days(local)
            and (minutes is None or local.minute in minutes)
            and (hours is None or local.hour in hours)
            and (months is None or local.month in months)
            and ((by_month_day or by_weekday) if both_given else (by_month_day and by_weekday))
        )

    return Cron(cron=text, timezone=zone, catch_up=catch_up, start_date=first, end_date=end), cron_names


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dt.date, Schedule, Names, dt.datetime, dt.datetime]:
    zone, day = draw(st.sampled_from(TURNS) | st.sampled_from(QUIET))
    schedule, names = draw(schedules(zone, day))
    middle = dt.datetime.combine(day, dt.time(), dt.UTC)
    # Within two days of the turn: the model has walked a day more, so that it knows every gap and repeat that matters.
    seconds = st.integers(-48 * 3600, 40 * 3600) | st.integers(-48 * 60, 40 * 60).map(lambda minutes: minutes * 60)
    start, end = sorted(middle + dt.timedelta(seconds=draw(seconds)) for _ in range(2))
    return zone, day, schedule, names, start, end


@settings(max_examples=700, deadline=None)
@given(cases())
def test_slots_are_those_of_the_walked_clock(
    case: tuple[str, dt.date, Schedule, Names, dt.datetime, dt.datetime],
) -> None:
    zone, day, schedule, names, start, end = case
    expected = naive_slots(zone, day, names, start, end)
    assert list(slots(schedule, start, end)) == expected
    assert latest_slot(schedule, start, end) == (expected[-1] if expected else None)
    assert count_slots(schedule, start, end, 10**6) == len(expected)
    assert count_slots(schedule, start, end, 3) == min(len(expected), 3)
    following = next_slot(schedule, start)
    if expected:
        assert following == expected[0]
    else:
        assert following is None or following > end


@settings(max_examples=500, deadline=None)
@given(cases(), st.data())
def test_due_is_chosen_from_the_walked_clock(
    case: tuple[str, dt.date, Schedule, Names, dt.datetime, dt.datetime], data: st.DataObject
) -> None:
    zone, day, schedule, names, since, now = case
    everything = naive_slots(zone, day, names, since - MINUTE, now)
    last = data.draw(st.none() | (st.sampled_from(everything) if everything else st.none()))
    waiting = [slot for slot in everything if slot >= since and (last is None or slot > last)]
    chosen = None
    if waiting and schedule.catch_up == "all":
        chosen = waiting[0]
    elif waiting and (schedule.catch_up == "latest" or now - waiting[-1] <= SKIP_AFTER):
        chosen = waiting[-1]
    others = len([slot for slot in waiting if slot != chosen])
    assert due(schedule, since, last, now) == Due(chosen, min(others, MISSED_LIMIT), others > MISSED_LIMIT)
