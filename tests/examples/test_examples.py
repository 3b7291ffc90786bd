"""Every example: valid by our checks and by an independent validator, and planned as its golden file says.

`RECONCILER_UPDATE_GOLDEN=1` writes the golden files anew: read the difference before committing it.
"""

from __future__ import annotations

import os
import re
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
from reconciler.resources.resource import KINDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"


def _projects(example: Path) -> list[Path]:
    """The folders of an example of several projects, or its own."""
    return [path.parent for path in example.glob("*/reconcile.yaml")] or [example]


def _name(project: Path) -> str:
    return "-".join(project.relative_to(FOLDER).parts)


EXAMPLES = sorted(
    project for path in FOLDER.iterdir() if next(path.rglob("*.yaml"), None) for project in _projects(path)
)
NOW = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def test_there_are_examples() -> None:
    named = "quickstart s3 multi-team lakehouse opt-outs alerts governed weekly-sftp two-agencies suppression-daily hourly-tombstones"
    named += " handover-growth handover-lifecycle"
    assert set(named.split()) <= set(map(_name, EXAMPLES))


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_is_planned_as_the_golden_file_says(example: Path) -> None:
    found = load(example)
    assert found.diagnostics == ()
    assert found.desired is not None
    text = as_text(plan(found.desired, Actual(), NOW))
    golden = ROOT / "tests" / "golden" / "examples" / f"{_name(example)}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("example", EXAMPLES, ids=_name)
def test_an_independent_validator_agrees(example: Path) -> None:
    documents = [each for path in _files(example) for each in yaml.load_all(path.read_text("utf-8"), Core)]
    assert len(documents) >= 6
    for document in documents:
        for validator in (VALIDATORS[None], VALIDATORS[document["kind"]]):
            validator.validate(document)
            assert not validator.is_valid(document | {"extra": 1})
            assert not validator.is_valid(document | {"spec": document.get("spec", {}) | {"extra": 1}})


class Core(yaml.SafeLoader):
    """Scalars as YAML 1.2's core schema says: PyYAML by itself takes `NO` for a boolean and a day for a date."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))

VALIDATORS = {kind: jsonschema_rs.Draft202012Validator(schema_of(kind)) for kind in (None, *KINDS)}


def _files(example: Path) -> list[Path]:
    """Of resources: what begins with a dot is a forge's, and overlays are patches."""
    found = (path.relative_to(example) for path in example.rglob("*.yaml"))
    return [example / path for path in found if path.parts[0] != "environments" and path.parts[0][0] != "."]
