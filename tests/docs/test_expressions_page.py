"""docs/expressions.md: every expression on it is one, and says of each function what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from reconciler.values.types import parse_type
from reconciler.where import Checked, check
from reconciler.where.functions import FUNCTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COLUMNS = {
    name: parse_type(each["type"])
    for text in (text for of, text in BLOCKS if of == "yaml" and text.startswith("columns:"))
    for name, each in yaml.safe_load(text)["columns"].items()
}
SHOWN = [line for of, text in BLOCKS if of == "sql" for line in text.splitlines()]


@pytest.mark.parametrize("text", [*SHOWN, *(each.example for each in FUNCTIONS)])
def test_an_example_is_an_expression(text: str) -> None:
    found = check(text, COLUMNS)
    assert isinstance(found, Checked), found
    assert found.columns


def test_every_function_has_its_row() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| .* \| .* \| .* \| `(.*)` \|$", PAGE, re.MULTILINE)
    assert rows == [(each.name, each.example.replace("|", "\\|")) for each in FUNCTIONS]
    assert len(SHOWN) > 5
