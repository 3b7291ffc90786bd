"""Plans as people and forges see them, against golden files. RECONCILER_UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from reconciler.ledger.records import Actual
from reconciler.plan.plan import FieldDiff, Plan, Reason, Refusal, RemoveFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_json import as_json
from reconciler.present.plan_markdown import MAX_LENGTH, as_markdown, code
from reconciler.present.plan_text import as_text
from tests.config.support import SAMPLE, loaded
from tests.plan.planning import NIGHT, NOW, activation, apply, audience, small

GOLDEN = Path(__file__).parents[1] / "golden"
HOSTILE = "a|b `c` <img src=x> @team [x](https://evil.example) #12 www.evil.example **b** \x1b[2J\u202e"


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("RECONCILER_UPDATE_GOLDEN") == "1":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def changed(folder: Path) -> Plan:
    """A plan with many kinds of changes."""
    before = small(
        folder,
        *(audience(name) for name in ("de", "fr", "it", "old", "gone")),
        activation=activation("us", "de", "fr", "it", "old", "gone"),
    )
    actual = apply(plan(before, Actual(), NOW), Actual())
    actual = apply(plan(before, actual, NIGHT), actual)
    after = small(
        folder,
        audience("de", "country IN ('DE', 'AT')"),
        audience("fr"),
        audience("new", meta="renamedFrom: old"),
        audience("it"),
        audience("es"),
        activation("fr", name="paused", more="suspend: true"),
        activation=activation("us", "de", "it", "new", "es"),
    )
    return plan(after, actual, NIGHT + timedelta(days=2), revision="3f2c9aa" + "0" * 33)


def first(folder: Path) -> Plan:
    """The model's own sample, planned for the first time when a slot is due."""
    desired = loaded(folder, SAMPLE).desired
    assert desired
    return plan(desired, Actual(), NIGHT)


def test_text(tmp_path: Path) -> None:
    golden("plan-changes.txt", as_text(changed(tmp_path), ledger="file://.reconcile/ledger"))


def test_text_of_the_first_plan(tmp_path: Path) -> None:
    golden("plan-first.txt", as_text(first(tmp_path)))


def test_markdown(tmp_path: Path) -> None:
    golden("plan-changes.md", as_markdown(changed(tmp_path), digest="ab" * 32, expires="2026-12-05 02:00 UTC"))


def test_markdown_of_the_first_plan(tmp_path: Path) -> None:
    golden("plan-first.md", as_markdown(first(tmp_path)))


def test_nothing_to_do_is_one_line(tmp_path: Path) -> None:
    desired = small(tmp_path)
    found = plan(desired, apply(plan(desired, Actual(), NOW), Actual()), NOW)
    expected = "Nothing to do: 1 flow as declared, next export 2026-12-02 02:00 UTC (outbox/us).\n"
    assert as_text(found) == expected
    assert expected.strip() in as_markdown(found)


def test_refusals_are_said(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    text = as_text(plan(small(tmp_path, activation=audience("de")), actual, NOW))
    assert "Refused  G106  All applied flows would be removed (1): outbox/us." in text
    assert "Nothing of this can be applied · reconcile explain G106" in text


def hostile(folder: Path, many: int = 1) -> Plan:
    found = changed(folder)
    update = next(each for each in found.changes if each.change == "update-flow")
    field = FieldDiff(path=HOSTILE, before=HOSTILE, after=HOSTILE)
    changes = tuple(update.model_copy(update={"fields": (field,)}) for _ in range(many))
    gone = next(each for each in found.changes if isinstance(each, RemoveFlow))
    bad = gone.model_copy(update={"reason": Reason(code="x", sentence=HOSTILE)})
    refusals = (Refusal(code="G103", sentence=HOSTILE),)
    return found.model_copy(update={"changes": (*changes, bad), "refusals": refusals, "environment": HOSTILE})


def test_markdown_is_inert(tmp_path: Path) -> None:
    text = as_markdown(hostile(tmp_path))
    outside = text
    for tag in ("<code>", "</code>", "<details>", "</details>", "<summary>", "</summary>"):
        outside = outside.replace(tag, "")
    for sign in ("<", "@", "[", "](", "://", "`", "www.", "\x1b", "\u202e"):
        assert sign not in outside, sign
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows} <= {4, 5}


def test_code_escapes_all_of_ascii() -> None:
    shown = code("".join(map(chr, range(32, 127))))
    assert not set(shown.removeprefix("<code>").removesuffix("</code>")) & set("<>@[]()`*_~|\\!\"'{}+.:")


def test_text_moves_no_cursor(tmp_path: Path) -> None:
    text = as_text(hostile(tmp_path))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_markdown_is_bounded(tmp_path: Path) -> None:
    text = as_markdown(hostile(tmp_path, 3_000))
    assert 10_000 < len(text) <= MAX_LENGTH
    assert "more; `reconcile plan` shows all." in text
    assert text.count("<details>") == text.count("</details>") == 1


def test_json(tmp_path: Path) -> None:
    found = changed(tmp_path)
    shown = json.loads(as_json(found))
    assert shown["version"] == 1
    assert Plan.model_validate(shown["plan"]) == found
