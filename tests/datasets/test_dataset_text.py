"""Text to values: the rules of docs/datasets.md, compared with Python's own reading."""

from __future__ import annotations

import base64
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.text import TIMESTAMP, first_misfit, parse

MISFIT = object()


def read(kind: pl.DataType, text: str | None) -> object:
    before = pl.Series("a", [text], dtype=pl.String)
    after = parse(before, kind)
    assert after.dtype == kind
    assert after.name == "a"
    return MISFIT if first_misfit(before, after) == 0 else after.to_list()[0]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (pl.String(), "", ""),
        (pl.Int32(), "+5", 5),
        (pl.Int32(), "-007", -7),
        (pl.Int32(), None, None),
        (pl.Int64(), "9223372036854775807", 2**63 - 1),
        (pl.Float64(), "-.5", -0.5),
        (pl.Float64(), "1.", 1.0),
        (pl.Float64(), "+3.5E-2", 0.035),
        (pl.Float64(), "Infinity", math.inf),
        (pl.Float64(), "-inf", -math.inf),
        (pl.Boolean(), "TRUE", True),
        (pl.Boolean(), "t", True),
        (pl.Boolean(), "0", False),
        (pl.Date(), "2052-02-29", date(2052, 2, 29)),
        (TIMESTAMP, "2054-12-02 02:00", datetime(2054, 12, 2, 2, tzinfo=UTC)),
        (TIMESTAMP, "2054-12-02T02:00:00.1234567Z", datetime(2054, 12, 2, 2, 0, 0, 123456, tzinfo=UTC)),
        (TIMESTAMP, "2054-12-02T02:00:00.1-0330", datetime(2054, 12, 2, 5, 30, 0, 100000, tzinfo=UTC)),
        (TIMESTAMP, "1969-12-31T23:59:59.5Z", datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)),
        (pl.Decimal(10, 2), "+12345678.90", Decimal("12345678.90")),
        (pl.Decimal(10, 2), "1.5000", Decimal("1.50")),
        (pl.Decimal(4, 4), ".1234", Decimal("0.1234")),
        (pl.Binary(), "YWI=", b"ab"),
    ],
)
def test_accepted(kind: pl.DataType, text: str | None, value: object) -> None:
    assert read(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pl.Int32(), "2147483648"),
        (pl.Int32(), " 1"),
        (pl.Int32(), "1.0"),
        (pl.Int32(), "1e3"),
        (pl.Int32(), "٣"),
        (pl.Int32(), ""),
        (pl.Int64(), "9223372036854775808"),
        (pl.Float64(), "1e400"),
        (pl.Float32(), "1e39"),
        (pl.Float64(), "1,5"),
        (pl.Float64(), "0x10"),
        (pl.Float64(), "1_000"),
        (pl.Float64(), "."),
        (pl.Boolean(), "yes"),
        (pl.Boolean(), "2"),
        (pl.Date(), "2054-02-29"),
        (pl.Date(), "2026-2-3"),
        (pl.Date(), "02/03/2026"),
        (pl.Date(), "2054-01-01T00:00:00"),
        (TIMESTAMP, "2054-12-02"),
        (TIMESTAMP, "2054-12-02T25:00:00Z"),
        (TIMESTAMP, "2054-12-02T02:00:00+99:00"),
        (TIMESTAMP, "2054-12-02T02:00:00 Z"),
        (TIMESTAMP, "1700000000"),
        (pl.Decimal(10, 2), "1.505"),
        (pl.Decimal(10, 2), "123456789"),
        (pl.Decimal(10, 2), "1e3"),
        (pl.Decimal(10, 2), "."),
        (pl.Binary(), "YWI"),
        (pl.Binary(), "!!"),
    ],
)
def test_refused(kind: pl.DataType, text: str) -> None:
    assert read(kind, text) is MISFIT


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_long(value: int) -> None:
    assert read(pl.Int64(), str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double(value: float) -> None:
    assert read(pl.Float64(), repr(value)) == value


@given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)), st.integers(-23 * 60, 23 * 60))
def test_every_timestamp(value: datetime, minutes: int) -> None:
    aware = value.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = aware.isoformat()
    assert read(TIMESTAMP, text) == aware


@given(st.dates())
def test_every_date(value: date) -> None:
    assert read(pl.Date(), value.isoformat()) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14) + 1, max_value=10**14 - 1))
def test_every_decimal(value: Decimal) -> None:
    assert read(pl.Decimal(18, 4), f"{value:f}") == value


@given(st.binary())
def test_every_binary(value: bytes) -> None:
    assert read(pl.Binary(), base64.b64encode(value).decode()) == value


@given(st.lists(st.none() | st.sampled_from(["1", "x", "-2", ""]), max_size=8))
def test_the_first_misfit_is_found(texts: list[str | None]) -> None:
    before = pl.Series("a", texts, dtype=pl.String)
    wrong = [index for index, text in enumerate(texts) if text in ("x", "")]
    assert first_misfit(before, parse(before, pl.Int32())) == (wrong[0] if wrong else None)
