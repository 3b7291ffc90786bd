"""Plain scalars: a table of what each means, and agreement with the core schema where it is followed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.scalars import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("False", False), ("tRUE", "tRUE"),
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
        ("12:30:00", "12:30:00"), ("190:20:30", "190:20:30"), ("02:00", "02:00"),
        ("2026-12-01", "2026-12-01"), ("2001-12-14T21:59:43.10-05:00", "2001-12-14T21:59:43.10-05:00"),
        ("0", 0), ("-0", 0), ("+12", 12), ("-7", -7), ("1_000", "1_000"), ("0b11", "0b11"),
        ("010", "010"), ("0777", "0777"), ("01234", "01234"), ("00.5", "00.5"), ("0o17", 15), ("0x1F", 31), ("0o8", "0o8"),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1), ("1e3", 1000), ("1.0", 1), ("-0.0", 0), ("1e-3", 0.001),
        ("NaN", "NaN"), ("inf", "inf"), ("Infinity", "Infinity"), ("=", "="), ("-", "-"), (".", "."), ("1.2.3", "1.2.3"),
        ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("12e03x", "12e03x"),
    ],
)  # fmt: skip
def test_meaning(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        ".nan",
        ".NaN",
        ".inf",
        "-.Inf",
        "+.INF",
        "9223372036854775808",
        "1e400",
        "-1e400",
        "9" * 5000,
        "0x" + "f" * 17,
        "1." + "0" * 99,
    ],
)
def test_refused_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(the|not)"):
        resolve(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_are_kept(number: int) -> None:
    assert resolve(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_kept(number: float) -> None:
    assert resolve(repr(number)) == number


@given(st.text(max_size=12))
def test_never_fails_otherwise(text: str) -> None:
    try:
        value = resolve(text)
    except ValueError:
        return
    assert value is None or isinstance(value, str | int | float | bool)
    if isinstance(value, str):
        assert value == text
