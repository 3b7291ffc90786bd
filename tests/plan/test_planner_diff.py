# ruff: noqa: E501 - tables of cases read best a case a line
"""Strategy `diff` in a plan: which changes begin anew, which the next comparison tells by itself, and how the plan says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.plan.plan import Export, Plan, UpdateFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from tests.plan.planning import DATASET, NIGHT, OUTBOX, SCHEDULE, activation, audience, small
from tests.plan.test_planner import lived

LATER = NIGHT + timedelta(minutes=1)
KEYED = DATASET.replace("columns: {", "primaryKey: [id], columns: {")
TELLS = "{removed: folder, operationColumn: op, secret: {fromEnv: KEY}}"
DIFF = f"incremental: {{strategy: diff, changes: {TELLS}}}"
BASE = {"dataset": KEYED, "activation": activation("us", more=DIFF)}


def update(found: Plan) -> UpdateFlow:
    (change,) = (each for each in found.changes if isinstance(each, UpdateFlow))
    return change


def diff(**parts: str) -> str:
    return activation("us", more=", ".join([DIFF, *parts.values()]))


@pytest.mark.parametrize(
    ("parts", "code", "cursor"),
    [
        ({"audience": audience("us", "country = 'DE'")}, "filter-changed", "keep"),
        ({"dataset": KEYED.replace("lake", "pond")}, "changed", "keep"),
        ({"dataset": KEYED.replace("parquet", "csv")}, "changed", "keep"),
        ({"dataset": KEYED.replace("format:", "expiry: {column: at, after: 5d}, format:").replace("country: {", "at: {type: date}, country: {"),
          "activation": diff(columns="columns: [id, country]")}, "exclusions-changed", "keep"),
        ({"dataset": KEYED.replace("primaryKey: [id]", "primaryKey: [id, country]")}, "key-changed", "rebuild"),
        ({"activation": diff(columns="columns: [id]")}, "comparison-changed", "rebuild"),
        ({"activation": diff(columns="columns: [id, {column: country, required: true}]")}, "columns-changed", "keep"),
        ({"activation": activation("us", more=DIFF.replace("KEY", "OTHER"))}, "comparison-changed", "rebuild"),
        ({"activation": activation("us", more=DIFF.replace("op,", "what,"))}, "changes-told-otherwise", "keep"),
        ({"activation": activation("us", more=DIFF.replace("folder", "tombstone"))}, "changes-told-otherwise", "keep"),
        ({"activation": activation("us", more=DIFF.replace("folder", "ignore"))}, "comparison-changed", "rebuild"),
        ({"activation": activation("us")}, "strategy-changed", "rebuild"),
        ({"activation": activation("us", more="mode: full")}, "strategy-changed", "rebuild"),
        ({"activation": activation("us", more=DIFF + ", guards: {export: {maxRemoved: 5%}}")}, "changed", "keep"),
        ({"destination": OUTBOX.replace("path: out", "path: post")}, "destination-moved", "rebuild"),
        ({"schedule": SCHEDULE.replace("02:00", "03:00")}, "changed", "keep"),
    ],
)  # fmt: skip
def test_updates(tmp_path: Path, parts: dict[str, str], code: str, cursor: str) -> None:
    actual = lived(small(tmp_path, **BASE))
    change = update(plan(small(tmp_path, **(BASE | parts)), actual, LATER))
    assert (change.reason.code, change.cursor) == (code, cursor)


@pytest.mark.parametrize("more", ["", "incremental: {strategy: cursor, column: country}", "mode: full"])
def test_the_first_comparison_begins_anew(tmp_path: Path, more: str) -> None:
    before = {
        "dataset": KEYED.replace("country: {type: string}", "country: {type: long}"),
        "audience": audience("us", "country > 1"),
    }
    actual = lived(small(tmp_path, **before, activation=activation("us", more=more)))
    found = plan(small(tmp_path, **before, activation=activation("us", more=DIFF)), actual, NIGHT + timedelta(days=1))
    assert (update(found).reason.code, update(found).cursor) == ("strategy-changed", "rebuild")
    (export,) = (each for each in found.changes if isinstance(each, Export))
    assert (export.kind, export.cursor) == ("rebuild", "rebuild")


def test_a_plan_says_how_changes_are_told(tmp_path: Path) -> None:
    actual = lived(small(tmp_path, dataset=KEYED))
    both = activation("us", "de", more=DIFF)
    found = plan(small(tmp_path, audience("de", "country = 'DE'"), dataset=KEYED, activation=both), actual, LATER)
    text = as_text(found)
    assert "columns      id, country, op (added, changed or removed)" in text
    assert "increments   diff by id · who left in files of their own (_removed/)" in text
    assert "next export is a full REBUILD" in text
    comment = as_markdown(found)
    assert "3 columns newly leave (<code>country</code>, <code>id</code>, <code>op</code>)" in comment


def test_the_operation_is_a_column_that_newly_leaves(tmp_path: Path) -> None:
    plain = activation("us", more="incremental: {strategy: diff}")
    actual = lived(small(tmp_path, dataset=KEYED, activation=plain))
    telling = activation("us", more="incremental: {strategy: diff, changes: {operationColumn: op}}")
    found = plan(small(tmp_path, dataset=KEYED, activation=telling), actual, LATER)
    assert update(found).cursor == "keep"
    assert "1 column newly leaves (<code>op</code>)" in as_markdown(found).splitlines()[0]
