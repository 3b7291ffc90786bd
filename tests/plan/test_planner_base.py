"""Two revisions compared, without a ledger."""

from __future__ import annotations

from pathlib import Path

from reconciler.plan.assumed import as_applied
from reconciler.plan.plan import UpdateFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from tests.plan.planning import NIGHT, activation, audience, small


def test_the_same_changes_nothing(tmp_path: Path) -> None:
    desired = small(tmp_path)
    found = plan(desired, as_applied(desired, NIGHT), NIGHT, base="main")
    assert found.is_empty
    assert as_text(found) == "Nothing changes: 1 flow as in the base.\n"


def test_an_edit_is_shown_as_if_the_base_had_run(tmp_path: Path) -> None:
    before = as_applied(small(tmp_path), NIGHT)
    found = plan(small(tmp_path, audience=audience("us", "country = 'DE'")), before, NIGHT, base="origin/main")
    (update,) = found.changes
    assert isinstance(update, UpdateFlow)
    assert update.cursor == "rebuild"
    assert "compared with origin/main" in as_text(found)
    assert "compared with <code>origin/main</code>, not with a ledger" in as_markdown(found)


def test_new_flows_are_shown_without_exports(tmp_path: Path) -> None:
    before = as_applied(small(tmp_path), NIGHT)
    after = small(tmp_path, audience("de"), activation=activation("us", "de"))
    assert [each.change for each in plan(after, before, NIGHT, base="main").changes] == ["add-flow"]
