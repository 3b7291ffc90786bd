"""Masked samples: the form of a value is shown, and nothing of the value."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.export.shapes import LONGEST, shape

CASES: list[tuple[Any, str | None]] = [
    (None, None),
    ("Anna.Lee+1@mail.example", "Xxxx.Xxx+9@xxxx.xxxxxxx"),
    ("  Straße 7b", "  Xxxxxx 9x"),
    ("Ω\u0301漢\U0001f469", "xxxx"),
    ("a\tb\x1b[31mc\n", "x x [99xx "),
    ("", ""),
    (12.5, "99.9"),
    (-7, "-9"),
    (Decimal("0.10"), "9.99"),
    (True, "x"),
    (False, "x"),
    (b"secret", "x"),
    (date(2054, 12, 1), "9999-99-99"),
    (datetime(2054, 12, 1, 2, tzinfo=UTC), "9999-99-99 99:99:99+99:99"),
    (["DE", None, True], '["XX", null, "x"]'),
    ({"city": "Wien", "geo": {"lat": 1.5}}, '{"city": "Xxxx", "geo": {"lat": "9.9"}}'),
    ("y" * 100, "x" * LONGEST + "…"),
]


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_a_shape(value: Any, expected: str | None) -> None:
    assert shape(value) == expected


@given(st.text())
def test_nothing_is_left_but_marks(text: str) -> None:
    found = shape(text)
    assert found is not None
    kept = {each for each in found if each.isalnum()}
    assert kept <= {"x", "X", "9"}
    assert found.isprintable()
    assert len(found) <= LONGEST + 1
