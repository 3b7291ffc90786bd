"""An activation's override, as configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.load import load
from reconciler.ledger.records import Actual
from reconciler.plan.plan import AddFlow, UpdateFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from tests.plan.planning import NIGHT, NOW, activation, apply, small

GUARDS = "guards: {audience: {maxChange: 50%}}"
OVERRIDE = 'override: {guard: audience.maxChange, until: 2026-12-05, reason: "the autumn list grew | @team"}'


def test_it_is_a_change_that_a_reviewer_sees(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path, activation=activation("us", more=GUARDS)), Actual(), NOW), Actual())
    found = plan(small(tmp_path, activation=activation("us", more=GUARDS, meta=OVERRIDE)), actual, NOW)
    (update,) = found.changes
    assert isinstance(update, UpdateFlow)
    assert update.reason.sentence == "Its override changed."
    assert "override     (none)  →  " in as_text(found)
    assert "guards of 1 changed" in as_markdown(found).splitlines()[0]
    again = plan(small(tmp_path, activation=activation("us", more=GUARDS)), apply(found, actual), NOW)
    assert [each.change for each in again.changes] == ["update-flow"]


def test_a_new_flow_shows_it_with_its_guards(tmp_path: Path) -> None:
    found = plan(small(tmp_path, activation=activation("us", more=GUARDS, meta=OVERRIDE)), Actual(), NOW)
    assert isinstance(found.changes[-1], AddFlow)
    assert "audience.maxChange LIFTED through 2026-12-05: the autumn list grew" in as_text(found)


def test_without_one_an_applied_ledger_is_as_it_was(tmp_path: Path) -> None:
    desired = small(tmp_path, activation=activation("us", more=GUARDS))
    assert "override" not in next(iter(desired.flows.values())).spec.to_json()
    assert plan(desired, apply(plan(desired, Actual(), NOW), Actual()), NOW).is_empty
    assert NIGHT > NOW


@pytest.mark.parametrize(
    ("override", "code", "said"),
    [
        ("{guard: export.maxRows, until: 2026-12-05, reason: x}", "C110", "has audience.maxChange"),
        ("{guard: audience.size, until: 2026-12-05, reason: x}", "C104", "audience.minRows"),
        ("{guard: audience.maxChange, until: 2026-02-30, reason: x}", "C110", "no such day"),
        ("{guard: audience.maxChange, until: 2026-12-05}", "C102", "reason"),
        ("{guard: audience.maxChange, reason: x}", "C102", "until"),
        ('{guard: audience.maxChange, until: 2026-12-05, reason: ""}', "", "reason"),
    ],
)
def test_what_it_must_say(tmp_path: Path, override: str, code: str, said: str) -> None:
    small(tmp_path, activation=activation("us", more=GUARDS))
    text = (tmp_path / "all.yaml").read_text()
    (tmp_path / "all.yaml").write_text(
        text.replace("metadata: {name: nightly-out}", f"metadata: {{name: nightly-out, override: {override}}}")
    )
    found = load(tmp_path).diagnostics
    assert len(found) == 1, found
    assert found[0].code.startswith(code)
    assert said in found[0].detail or said in found[0].summary or said in found[0].subject or not code
