"""`Schedule`: when a flow exports. The arithmetic is in `reconciler.plan.calendar`; the rules for people in `docs/schedules.md`."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from reconciler.values.base import Value
from reconciler.values.cron import CronError, parse_cron
from reconciler.values.tagged import TaggedUnion

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CatchUp = Literal["latest", "all", "skip"]

# 1970 to 2199: the calendar's range, and a typing error in the century is found at once.
_DATE_PATTERN = r"^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"
_CRON_PATTERN = r"^\s*\S+(\s+\S+){4}\s*$"


@cache
def zone_names() -> frozenset[str]:
    """The IANA zones of the bundled database: the same on every machine, whatever the system's folder holds."""
    names = resources.files("tzdata").joinpath("zones").read_text("utf-8").split()
    return frozenset(names) - {"Factory"}


def _known_zone(name: str) -> str:
    if name in zone_names():
        return name
    by_folded = {zone.casefold(): zone for zone in zone_names()}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    mend = f"did you mean {by_folded[close[0]]}?" if close else "use a name such as UTC or Europe/Berlin"
    raise PydanticCustomError("time_zone", "no such time zone in the IANA database; {mend}", {"mend": mend})


def _read_date(given: Any) -> Any:
    """Only `YYYY-MM-DD` or a `date`: pydantic alone would take numbers for Unix times."""
    if isinstance(given, dt.date) and not isinstance(given, dt.datetime):
        return given
    if not isinstance(given, str) or not re.fullmatch(_DATE_PATTERN[1:-1], given):
        raise PydanticCustomError("date", "a date is written YYYY-MM-DD, from 1970-01-01 to 2199-12-31")
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        raise PydanticCustomError("date", "there is no such day in the calendar") from None


def _cron(text: str) -> str:
    try:
        parse_cron(text)
    except CronError as error:
        raise PydanticCustomError("cron", "{reason}", {"reason": str(error)}) from None
    return " ".join(text.split())


def _in_week_order(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if len(set(days)) < len(days):
        raise PydanticCustomError("weekdays", "a weekday is named twice; name each once")
    return tuple(day for day in WEEKDAYS if day in days)


ClockTime = Annotated[
    str,
    Field(pattern=_TIME_PATTERN, description="Clock time HH:MM, 00:00 to 23:59, in the schedule's zone."),
]
Day = Annotated[
    dt.date,
    BeforeValidator(_read_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": _DATE_PATTERN, "description": "A day, YYYY-MM-DD."}),
]
Zone = Annotated[
    str,
    Field(pattern=_ZONE_PATTERN, max_length=64, description="A zone of the IANA database, such as Europe/Berlin."),
    AfterValidator(_known_zone),
]
CronText = Annotated[
    str,
    Field(
        pattern=_CRON_PATTERN,
        max_length=200,
        description="Five fields: minute, hour, day of month, month, day of week, such as '30 6 * * mon-fri'.",
    ),
    AfterValidator(_cron),
]
Weekdays = Annotated[
    tuple[Weekday, ...],
    Field(min_length=1, max_length=7, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_in_week_order),
]


class _Common(Value):
    timezone: Zone = "UTC"
    catch_up: CatchUp = Field(
        default="latest",
        description="Missed slots: one export for all (latest), each in turn (all), or none once an hour late (skip).",
    )

    @property
    def needs_time_cut(self) -> bool:
        """`catchUp: all`: each missed slot is exported by itself, so the flow's strategy must be able to cut data by time."""
        return self.catch_up == "all"


class _Recurring(_Common):
    start_date: Day | None = Field(default=None, description="The first day, in the schedule's zone.")
    end_date: Day | None = Field(default=None, description="The day after the last, in the schedule's zone.")

    @model_validator(mode="after")
    def _has_days(self) -> _Recurring:
        if self.start_date and self.end_date and self.end_date <= self.start_date:
            raise PydanticCustomError(
                "schedule_range",
                "endDate must be after startDate: the schedule ends before that day begins, so it has no day at all",
            )
        return self


class Hourly(_Recurring):
    """Every `every` hours. `time` is the first on `startDate`; later ones follow day and night."""

    frequency: Literal["hourly"] = "hourly"
    every: Literal[1, 2, 3, 4, 6, 8, 12]
    time: ClockTime


class Daily(_Recurring):
    """Every day at `time`."""

    frequency: Literal["daily"] = "daily"
    time: ClockTime


class Weekly(_Recurring):
    """On the named weekdays at `time`."""

    frequency: Literal["weekly"] = "weekly"
    weekdays: Weekdays
    time: ClockTime


class Monthly(_Recurring):
    """On a day of every month at `time`; a month that is too short uses its last day."""

    frequency: Literal["monthly"] = "monthly"
    day: Annotated[int, Field(strict=True, ge=1, le=31)]
    time: ClockTime


class Once(_Common):
    """A single slot."""

    frequency: Literal["once"] = "once"
    date: Day
    time: ClockTime


class Cron(_Recurring):
    """Five cron fields, read in the schedule's zone."""

    frequency: Literal["cron"] = "cron"
    cron: CronText


ScheduleSpec = Annotated[
    Hourly | Daily | Weekly | Monthly | Once | Cron, Field(discriminator="frequency"), TaggedUnion()
]
