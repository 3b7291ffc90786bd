"""Plans as people read them in a terminal, against golden files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.ledger.records import Actual
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from tests.plan.every_kind import every_kind, kinds
from tests.plan.planning import NIGHT, NOW, OUTBOX, activation, apply, audience, small
from tests.present.support import first, golden, hostile_configuration, hostile_values, refused


def test_every_kind_of_change(tmp_path: Path) -> None:
    found = every_kind(tmp_path)
    assert {each.change for each in found.changes} == kinds()
    golden("plan-every-kind.txt", as_text(found, ledger="file://.reconcile/ledger"))


def test_the_first_plan(tmp_path: Path) -> None:
    golden("plan-first.txt", as_text(first(tmp_path)))


def test_nothing_to_do_is_one_line(tmp_path: Path) -> None:
    desired = small(tmp_path)
    found = plan(desired, apply(plan(desired, Actual(), NOW), Actual()), NOW)
    expected = "Nothing to do: 1 flow as declared, next export 2026-12-02 02:00 UTC (outbox/us).\n"
    assert as_text(found) == expected
    simulated = expected.replace(").\n", "). The ledger is SIMULATED.\n")
    assert as_text(found.model_copy(update={"simulated": True})) == simulated


def test_an_export_to_whom_nothing_may_be_sent_any_more_says_so(tmp_path: Path) -> None:
    agency = "{path: out}, recipient: {name: Agency Ltd, country: IE, until: 2026-12-01}"
    third = small(
        tmp_path,
        destination=OUTBOX.replace("{path: out}", agency),
        activation=activation("us", more="columns: [id], backfill: full"),
    )
    actual = apply(plan(third, Actual(), NOW), Actual())
    lines = as_text(plan(third, actual, NIGHT)).splitlines()
    (line,) = [line for line in lines if "▶" in line]
    assert line.endswith(
        "slot 2026-12-02 02:00 · The agreement with Agency Ltd was until 2026-12-01: nothing will be sent (H113)."
    )


def test_a_rename_without_renamed_from_is_asked_about(tmp_path: Path) -> None:
    """It would send everything once more, to the same recipient."""
    before = small(tmp_path, activation=activation("us"))
    actual = apply(plan(before, Actual(), NOW), Actual())
    after = small(tmp_path, audience=audience("americans"), activation=activation("americans"))
    found = plan(after, actual, NOW)
    hint = (
        "if it is outbox/us under another name, write renamedFrom: us in audience americans: nothing is sent twice then"
    )
    assert f"      renamed?     {hint}\n" in as_text(found)
    assert "renamedFrom" in as_markdown(found)
    other = small(tmp_path, audience=audience("americans", "country = 'CA'"), activation=activation("americans"))
    assert "renamed?" not in as_text(plan(other, actual, NOW)), "it means something else"


def test_a_renamed_destination_is_asked_about_too(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    box = OUTBOX.replace("name: outbox", "name: box")
    text = as_text(plan(small(tmp_path, destination=box, activation=activation("us", to="box")), actual, NOW))
    assert "write renamedFrom: outbox in destination box: nothing" in text


def test_refusals_are_said(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    text = as_text(plan(small(tmp_path, activation=audience("de")), actual, NOW))
    assert "Refused  G106  All applied flows would be removed (1): outbox/us." in text
    assert "Nothing of this can be applied · reconcile explain G106" in text


def test_a_rename_that_rebuilds_says_both(tmp_path: Path) -> None:
    text = as_text(every_kind(tmp_path))
    assert "Renamed from outbox/old to outbox/new. The filter changed" in text


def test_an_edit_before_the_first_export_is_no_rebuild(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    text = as_text(plan(small(tmp_path, audience=audience("us", "country = 'DE'")), actual, NOW))
    assert "Its source changed. · nothing exported yet" in text
    assert "REBUILD" not in text


@pytest.mark.parametrize("make", [hostile_values, hostile_configuration])
def test_text_moves_no_cursor_and_hides_nothing(tmp_path: Path, make: object) -> None:
    assert callable(make)
    text = as_text(refused(make(tmp_path)))
    assert not set(text) & set("\x1b\x07\r\u202e\u2066\u200b\ufeff")
    assert len([line for line in text.splitlines() if line.startswith("# heading")]) == 0


def test_a_flow_shows_what_is_its_own_beside_its_destinations_change(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    boxed = OUTBOX.replace("{path: out}", "{path: out}, files: {maxRows: 7}")
    own = activation("us", more="files: {maxRows: 9}")
    lines = as_text(plan(small(tmp_path, destination=boxed, activation=own), actual, NOW)).splitlines()
    assert [line.strip() for line in lines if "maxRows" in line] == [
        "spec.files.maxRows 5000000  →  7",
        "destination.spec.files.maxRows 5000000  →  9",
    ]
    lines = as_text(plan(small(tmp_path, destination=boxed), actual, NOW)).splitlines()
    assert [line.strip() for line in lines if "maxRows" in line] == ["spec.files.maxRows 5000000  →  7"]
