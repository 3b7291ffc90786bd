"""Every example: valid by our checks and by an independent validator, and planned as its golden file says.

`RECONCILER_UPDATE_GOLDEN=1` writes the golden files anew: read the difference before committing it.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from reconciler.config.load import load
from reconciler.config.schemas import schema_of
from reconciler.ledger.records import Actual
from reconciler.plan.planner import plan
from reconciler.present.plan_text import as_text

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
NOW = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def test_there_are_examples() -> None:
    assert {"quickstart", "s3", "multi-team", "lakehouse"} <= {path.name for path in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_is_planned_as_the_golden_file_says(example: Path) -> None:
    found = load(example)
    assert found.diagnostics == ()
    assert found.desired is not None
    text = as_text(plan(found.desired, Actual(), NOW))
    golden = ROOT / "tests" / "golden" / "examples" / f"{example.name}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_independent_validator_agrees(example: Path) -> None:
    validator = jsonschema_rs.Draft202012Validator(schema_of(None))
    documents = [each for path in _files(example) for each in yaml.load_all(path.read_text("utf-8"), yaml.BaseLoader)]
    assert documents
    for document in documents:
        # BaseLoader reads all scalars as text, so only the shape of documents without numbers and booleans is judged.
        if not _holds_others(document):
            validator.validate(document)


def _files(example: Path) -> list[Path]:
    return [path for path in example.rglob("*.yaml") if not any(part.startswith(".") for part in path.parts)]


def _holds_others(value: object) -> bool:
    match value:
        case dict():
            return any(_holds_others(each) for each in value.values())
        case list():
            return any(_holds_others(each) for each in value)
        case str():
            return value in ("true", "false", "null") or value.replace(".", "", 1).isdecimal()
        case _:
            return True
