"""Slots and what is due, case by case."""

from __future__ import annotations

import datetime as dt

import pytest

from reconciler.plan.calendar import Schedule, latest_slot, next_slot, slots
from reconciler.plan.due import Due, due
from reconciler.resources.schedule import CatchUp, Cron, Daily, Hourly, Monthly, Once, Weekly
from reconciler.values.slot import parse_slot, slot_text

D = dt.date


def found(schedule: Schedule, start: str, end: str) -> list[str]:
    return [slot_text(slot) for slot in slots(schedule, parse_slot(start), parse_slot(end))]


CASES: dict[str, tuple[Schedule, str, str, list[str]]] = {
    "every day": (
        Daily(time="02:00"),
        "2026-12-01T02:00Z",
        "2026-12-03T02:00Z",
        ["2026-12-02T02:00Z", "2026-12-03T02:00Z"],
    ),
    "start date in, end date out, in the zone": (
        Daily(time="00:30", timezone="Asia/Kathmandu", start_date=D(2026, 12, 2), end_date=D(2026, 12, 4)),
        "2026-11-01T00:00Z",
        "2027-01-01T00:00Z",
        ["2026-12-01T18:45Z", "2026-12-02T18:45Z"],
    ),
    "hours from the first on the start date": (
        Hourly(every=8, time="09:30", start_date=D(2026, 12, 1)),
        "2026-11-30T00:00Z",
        "2026-12-02T10:00Z",
        ["2026-12-01T09:30Z", "2026-12-01T17:30Z", "2026-12-02T01:30Z", "2026-12-02T09:30Z"],
    ),
    "hours without a start date": (
        Hourly(every=12, time="15:00"),
        "2026-12-01T00:00Z",
        "2026-12-01T23:00Z",
        ["2026-12-01T03:00Z", "2026-12-01T15:00Z"],
    ),
    "weekdays": (
        Weekly(weekdays=("fri", "mon"), time="06:00"),
        "2026-12-01T00:00Z",
        "2026-12-08T00:00Z",
        ["2026-12-04T06:00Z", "2026-12-07T06:00Z"],
    ),
    "the last day of short months": (
        Monthly(day=31, time="06:00"),
        "2028-01-01T00:00Z",
        "2028-05-01T00:00Z",
        ["2028-01-31T06:00Z", "2028-02-29T06:00Z", "2028-03-31T06:00Z", "2028-04-30T06:00Z"],
    ),
    "once": (
        Once(date=D(2026, 12, 1), time="06:00", timezone="Asia/Tokyo"),
        "2000-01-01T00:00Z",
        "2100-01-01T00:00Z",
        ["2026-11-30T21:00Z"],
    ),
    "cron, either day": (
        Cron(cron="0 6 13 * fri"),
        "2026-12-01T00:00Z",
        "2026-12-14T00:00Z",
        ["2026-12-04T06:00Z", "2026-12-11T06:00Z", "2026-12-13T06:00Z"],
    ),
    "cron, a starred day and a weekday": (
        Cron(cron="0 6 */2 * fri"),
        "2026-12-01T00:00Z",
        "2026-12-31T00:00Z",
        ["2026-12-11T06:00Z", "2026-12-25T06:00Z"],
    ),
    "skipped in Berlin: an hour later by the clock": (
        Daily(time="02:30", timezone="Europe/Berlin"),
        "2026-03-28T12:00Z",
        "2026-03-30T12:00Z",
        ["2026-03-29T01:30Z", "2026-03-30T00:30Z"],
    ),
    "repeated in Berlin: the first": (
        Daily(time="02:30", timezone="Europe/Berlin"),
        "2026-10-24T12:00Z",
        "2026-10-26T12:00Z",
        ["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
    ),
    "hourly over New York's gap: the shifted time is the next one": (
        Hourly(every=1, time="00:00", timezone="America/New_York"),
        "2026-03-08T05:30Z",
        "2026-03-08T08:30Z",
        ["2026-03-08T06:00Z", "2026-03-08T07:00Z", "2026-03-08T08:00Z"],
    ),
    "hourly over New York's repeat: the second hour has none": (
        Hourly(every=1, time="00:00", timezone="America/New_York"),
        "2026-11-01T04:30Z",
        "2026-11-01T07:30Z",
        ["2026-11-01T05:00Z", "2026-11-01T07:00Z"],
    ),
    "half an hour skipped on Lord Howe": (
        Daily(time="02:15", timezone="Australia/Lord_Howe"),
        "2026-10-03T00:00Z",
        "2026-10-04T23:00Z",
        ["2026-10-03T15:45Z", "2026-10-04T15:15Z"],
    ),
    "half an hour repeated on Lord Howe": (
        Daily(time="01:45", timezone="Australia/Lord_Howe"),
        "2026-04-04T00:00Z",
        "2026-04-05T23:00Z",
        ["2026-04-04T14:45Z", "2026-04-05T15:15Z"],
    ),
    "a day that Apia skipped: its slot is the next day's": (
        Daily(time="06:00", timezone="Pacific/Apia"),
        "2011-12-29T12:00Z",
        "2011-12-31T23:00Z",
        ["2011-12-29T16:00Z", "2011-12-30T16:00Z", "2011-12-31T16:00Z"],
    ),
    "a weekday that Apia skipped": (
        Weekly(weekdays=("fri",), time="06:00", timezone="Pacific/Apia"),
        "2011-12-29T12:00Z",
        "2012-01-05T23:00Z",
        ["2011-12-30T16:00Z", "2012-01-05T16:00Z"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_slots(name: str) -> None:
    schedule, start, end, expected = CASES[name]
    assert found(schedule, start, end) == expected
    latest = latest_slot(schedule, parse_slot(start), parse_slot(end))
    assert latest is not None
    assert slot_text(latest) == expected[-1]
    following = next_slot(schedule, parse_slot(start))
    assert following is not None
    assert slot_text(following) == expected[0]


def test_slots_are_found_as_they_are_asked_for() -> None:
    endless = slots(Cron(cron="* * * * *"), parse_slot("1970-01-01T00:00Z"), parse_slot("2199-01-01T00:00Z"))
    assert slot_text(next(endless)) == "1970-01-01T00:01Z"


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (Cron(cron="0 0 29 2 */6"), "2088-03-01T00:00Z", "2116-02-29T00:00Z"),
        (Daily(time="02:00", start_date=D(2190, 1, 1)), "1980-01-01T00:00Z", "2190-01-01T02:00Z"),
        (Daily(time="02:00", end_date=D(2026, 12, 2)), "2026-12-01T02:00Z", None),
        (Once(date=D(2026, 12, 1), time="06:00"), "2026-12-01T06:00Z", None),
        (Daily(time="02:00"), "2199-12-31T02:00Z", None),
    ],
)
def test_next_slot_far_ahead_or_never(schedule: Schedule, after: str, expected: str | None) -> None:
    following = next_slot(schedule, parse_slot(after))
    assert (following and slot_text(following)) == expected


def daily(catch_up: CatchUp) -> Daily:
    return Daily(time="02:00", catch_up=catch_up)


@pytest.mark.parametrize(
    ("schedule", "since", "last", "now", "slot", "missed"),
    [
        # Nothing before the flow was applied, whatever the start date.
        (Daily(time="02:00", start_date=D(2020, 1, 1)), "2026-12-01T02:01Z", None, "2026-12-01T09:00Z", None, 0),
        (daily("latest"), "2026-12-01T02:00Z", None, "2026-12-01T02:00Z", "2026-12-01T02:00Z", 0),
        (daily("latest"), "2026-12-01T00:00Z", None, "2026-12-01T01:59Z", None, 0),
        # Once only, and not again when the clock goes back.
        (daily("latest"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-12-01T09:00Z", None, 0),
        (daily("latest"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-11-30T09:00Z", None, 0),
        # A flow that was taken off and applied again owes nothing for the time between.
        (daily("all"), "2026-12-03T00:00Z", "2026-12-01T02:00Z", "2026-12-03T09:00Z", "2026-12-03T02:00Z", 0),
        (daily("latest"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-12-04T09:00Z", "2026-12-04T02:00Z", 2),
        (daily("all"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-12-04T09:00Z", "2026-12-02T02:00Z", 2),
        (daily("skip"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-12-04T03:00Z", "2026-12-04T02:00Z", 2),
        (daily("skip"), "2026-11-01T00:00Z", "2026-12-01T02:00Z", "2026-12-04T03:01Z", None, 3),
    ],
)
def test_due(schedule: Schedule, since: str, last: str | None, now: str, slot: str | None, missed: int) -> None:
    answer = due(schedule, parse_slot(since), parse_slot(last) if last else None, parse_slot(now))
    assert answer == Due(parse_slot(slot) if slot else None, missed)


@pytest.mark.parametrize(
    ("minutes", "expected"), [(1000, (999, False)), (1001, (1000, False)), (1002, (1000, True)), (9000, (1000, True))]
)
@pytest.mark.parametrize("catch_up", ["latest", "all", "skip"])
def test_missed_is_counted_up_to_a_limit(catch_up: CatchUp, minutes: int, expected: tuple[int, bool]) -> None:
    last = parse_slot("2026-12-01T00:00Z")
    now = last + dt.timedelta(minutes=minutes)
    answer = due(Cron(cron="* * * * *", catch_up=catch_up), last, last, now)
    assert (answer.missed, answer.missed_capped) == expected


def test_since_within_a_minute_leaves_that_minute_out() -> None:
    since = parse_slot("2026-12-01T02:00Z") + dt.timedelta(seconds=1)
    assert due(daily("latest"), since, None, parse_slot("2026-12-01T09:00Z")) == Due(None)


def test_a_time_without_zone_is_refused() -> None:
    aware, naive = parse_slot("2026-12-01T02:00Z"), dt.datetime(2026, 12, 1)
    with pytest.raises(ValueError, match="time zone"):
        due(daily("latest"), naive, None, aware)
    with pytest.raises(ValueError, match="time zone"):
        due(daily("latest"), aware, None, naive)
    with pytest.raises(ValueError, match="time zone"):
        next_slot(daily("latest"), naive)
