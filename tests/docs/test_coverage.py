"""docs/coverage.md names tests and examples that there are, and has a line for everything that the catalogs hold."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from reconciler.catalog.base import ALERT_EVENTS
from reconciler.catalog.labels import CORE_LABELS
from reconciler.catalog.marketing import CORE_ACTIONS
from reconciler.catalog.types import TYPES
from reconciler.resources.core_policies import CORE_POLICIES
from reconciler.resources.role import Permission

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "coverage.md").read_text("utf-8")
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
SCHEDULES = ("hourly", "daily", "weekly", "monthly", "once", "cron")
NAMES = (*TYPES, *CORE_LABELS, *CORE_ACTIONS, *ALERT_EVENTS, *get_args(Permission), *SCHEDULES)


@cache
def defined(path: Path) -> set[str]:
    """Tests of a file: functions and classes at its top."""
    found = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {each.name for each in ast.parse(path.read_text("utf-8")).body if isinstance(each, found)}


def test_each_test_that_it_names_is_there() -> None:
    assert len(TESTS) > 80
    gone = [f"{path}::{name}" for path, name in TESTS if name not in defined(ROOT / path)]
    assert gone == []
    assert all(re.match(r"test_|Test", name) for _, name in TESTS)


def test_each_test_is_named_in_full() -> None:
    """So that none escapes the look above."""
    assert len(re.findall(r"\.py::", PAGE)) == len(TESTS)


def test_each_example_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(examples/[\w./-]+)`", PAGE))
    assert len(named) >= 10
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("name", [*NAMES, *(each.name for each in CORE_POLICIES)])
def test_everything_that_there_is_has_a_line(name: str) -> None:
    assert any(f"`{name}`" in line for line in PAGE.splitlines() if line.startswith("|"))


def test_all_thirteen_have_a_line() -> None:
    assert [int(each) for each in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == list(range(1, 14))
