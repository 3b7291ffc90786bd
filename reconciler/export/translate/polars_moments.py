"""Dates and times in Polars, in UTC. What is computed of one is null outside the years 1 to 9999."""

from __future__ import annotations

import datetime

import polars as pl

from reconciler.datasets.text import TIMESTAMP
from reconciler.values.types import ColumnType
from reconciler.where import kinds
from reconciler.where import tree as t

_UNITS: dict[t.Unit, str] = {
    "year": "1y", "quarter": "1q", "month": "1mo", "week": "1w", "day": "1d", "hour": "1h", "minute": "1m", "second": "1s",
}  # fmt: skip
_DATES = (datetime.date.min, datetime.date.max)
_TIMES = tuple(each.replace(tzinfo=datetime.UTC) for each in (datetime.datetime.min, datetime.datetime.max))


def usable(values: pl.Expr, kind: ColumnType) -> pl.Expr:
    """Null where there is nothing to compute with."""
    if kind == kinds.DATE:
        least, most = (pl.lit(each, dtype=pl.Date()) for each in _DATES)
    else:
        least, most = (pl.lit(each, dtype=TIMESTAMP) for each in _TIMES)
    return pl.when(values.is_between(least, most)).then(values)


def as_time(values: pl.Expr) -> pl.Expr:
    """Dates as their first instant."""
    return usable(values, kinds.DATE).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def as_date(values: pl.Expr) -> pl.Expr:
    """Times as the day that they lie in."""
    return usable(values, kinds.TIMESTAMP).dt.date()


def as_text(values: pl.Expr, kind: ColumnType) -> pl.Expr:
    """In the form in which exports have them."""
    form = "%Y-%m-%d" if kind == kinds.DATE else "%Y-%m-%dT%H:%M:%S%.6fZ"
    return usable(values, kind).dt.to_string(form)


def days(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Days from the right date to the left."""
    one, two = (usable(each, kinds.DATE).to_physical().cast(pl.Int64()) for each in (left, right))
    return one - two


def shifted(values: pl.Expr, kind: ColumnType, count: int, step: t.Step) -> pl.Expr:
    """Moved; from a day that the month doesn't have to its last one."""
    if step == "SECOND":
        moments = as_time(values) if kind == kinds.DATE else usable(values, kind)
        return moments + pl.duration(seconds=count, time_unit="us")
    return usable(values, kind).dt.offset_by(f"{count}{'mo' if step == 'MONTH' else 'd'}")


def truncated(values: pl.Expr, kind: ColumnType, unit: t.Unit) -> pl.Expr:
    """The start of the unit."""
    return usable(values, kind).dt.truncate(_UNITS[unit])


def part(values: pl.Expr, kind: ColumnType, name: t.Part) -> pl.Expr:
    """A part as a whole number."""
    moments = usable(values, kind).dt
    match name:
        case "YEAR":
            found = moments.year()
        case "QUARTER":
            found = moments.quarter()
        case "MONTH":
            found = moments.month()
        case "WEEK":
            found = moments.week()
        case "DAY":
            found = moments.day()
        case "ISODOW":
            found = moments.weekday()
        case "DOW":
            found = moments.weekday() % 7
        case "DOY":
            found = moments.ordinal_day()
        case "ISOYEAR":
            found = moments.iso_year()
        case "HOUR":
            found = moments.hour()
        case "MINUTE":
            found = moments.minute()
        case "SECOND":
            found = moments.second()
    return found.cast(pl.Int64())
