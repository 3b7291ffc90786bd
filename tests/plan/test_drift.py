"""Drift: what a look showed, listed apart from what is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.ledger.observed import Observed, SeenDestination, SeenExport
from reconciler.ledger.records import Actual
from reconciler.plan.bind import check_saved, save
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from reconciler.version import __version__
from tests.plan.planning import NIGHT, NOW, activation, apply, audience, small

FLOW = "outbox/audience/us"
FINE = SeenDestination(name="outbox", reached=True, readable=True, marker="line")


def lived(folder: Path) -> Actual:
    desired = small(folder)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    return apply(plan(desired, actual, NIGHT), actual)


def seen(actual: Actual, *places: SeenDestination, exports: tuple[SeenExport, ...] = ()) -> Actual:
    return actual.model_copy(update={"observed": Observed(destinations=places, exports=exports)})


def export(**changes: object) -> SeenExport:
    data = {"flow": FLOW, "slot": NIGHT, "runId": "r" + "0" * 16, "files": 5}
    return SeenExport.model_validate(data).model_copy(update=changes)


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ({}, None, ""),
        (
            {"reached": False, "error": "D102 no bucket. Why."},
            "unreachable",
            "It can't be looked at: D102 no bucket. Why.",
        ),
        ({"marker": None}, "unmarked", "owner marker is gone"),
        ({"marker": "theirs"}, "not-ours", "another ledger now, with lineage theirs"),
        ({"error": "D104 denied. s3:PutObject."}, "not-writable", "It can't be written to: D104 denied. s3:PutObject."),
        ({"readable": False, "marker": None}, None, ""),
        ({"readable": False, "marker": None, "error": "D104 denied."}, "not-writable", "D104"),
    ],
)
def test_a_destination(tmp_path: Path, place: dict[str, object], code: str | None, said: str) -> None:
    found = plan(small(tmp_path), seen(lived(tmp_path), FINE.model_copy(update=place)), NIGHT)
    assert (found.refreshed, found.is_empty) == (True, True)
    assert [(each.code, each.subject) for each in found.drift] == ([(code, "outbox")] if code else [])
    assert said in "".join(each.sentence for each in found.drift)


def test_files(tmp_path: Path) -> None:
    bad = export(missing=("a/1", "a/2", "a/3", "a/4"), changed=("a/m.json",))
    found = plan(small(tmp_path), seen(lived(tmp_path), FINE, exports=(bad,)), NIGHT)
    which = "its last export (slot 2026-12-02 02:00 UTC, run r0000000000000000)"
    assert [(each.code, each.subject, each.sentence) for each in found.drift] == [
        ("files-changed", FLOW, f"1 of 5 files of {which} is changed: a/m.json."),
        ("files-missing", FLOW, f"4 of 5 files of {which} are gone: a/1, a/2, a/3 and 1 more."),
    ]
    unread = export(error="D104 denied.")
    (one,) = plan(small(tmp_path), seen(lived(tmp_path), FINE, exports=(unread,)), NIGHT).drift
    assert (one.code, "can't be looked at: D104 denied." in one.sentence) == ("unread", True)


def test_it_changes_nothing_else(tmp_path: Path) -> None:
    actual = lived(tmp_path)
    desired = small(tmp_path, audience("de"), activation=activation("us", "de"))
    blind = plan(desired, actual, NIGHT)
    looked = plan(desired, seen(actual, FINE.model_copy(update={"marker": None})), NIGHT)
    assert looked.model_copy(update={"refreshed": False, "drift": ()}) == blind
    assert check_saved(save(looked), desired, actual, NIGHT, __version__) is None


def test_a_part_shows_that_parts_drift(tmp_path: Path) -> None:
    gone = FINE.model_copy(update={"marker": None})
    actual = seen(lived(tmp_path), gone, gone.model_copy(update={"name": "other"}), exports=(export(missing=("a",)),))
    found = plan(small(tmp_path), actual, NIGHT, select=("outbox/us",))
    assert [each.subject for each in found.drift] == [FLOW]
    found = plan(small(tmp_path), actual, NIGHT, select=("outbox",))
    assert [each.subject for each in found.drift] == ["outbox", FLOW]


def test_it_is_shown_apart(tmp_path: Path) -> None:
    actual = lived(tmp_path)
    assert "rift" not in as_text(plan(small(tmp_path), actual, NIGHT))
    fine = plan(small(tmp_path), seen(actual, FINE), NIGHT)
    assert as_text(fine).splitlines()[1:] == ["No drift: what was looked at is as recorded."]
    assert "The destinations are as recorded." in as_markdown(fine).splitlines()[0]
    gone = plan(small(tmp_path), seen(actual, FINE.model_copy(update={"marker": None})), NIGHT)
    text = as_text(gone)
    assert text.startswith("Nothing to do: 1 flow as declared")
    assert (
        "Drift: 1 thing not as recorded; nothing is done about it by itself.\n  ! outbox  Its owner marker is gone"
        in text
    )
    comment = as_markdown(gone)
    assert comment.splitlines()[0].endswith(" At the destinations, 1 thing not as recorded.**")
    assert "- unmarked: <code>outbox</code>" in comment
