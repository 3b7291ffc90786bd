"""Filters reach the engine as expressions made from our own tree, never as text."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT_TO_ENGINE = re.compile(r"\bsql_expr\b|\bSQLContext\b|\.sql\(|\bpl\.sql\b")


def test_no_text_reaches_the_engine() -> None:
    for path in sorted((ROOT / "reconciler").rglob("*.py")):
        assert not TEXT_TO_ENGINE.search(path.read_text("utf-8")), path
