"""`recipient.until`: after an agreement's last day nothing is added, changed or resumed that would send to whom it was with."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.bind import check_saved, save
from reconciler.plan.governance import review
from reconciler.plan.planner import plan
from reconciler.plan.verdicts import findings
from reconciler.plan.whatif import Trial, tried
from reconciler.present.markdown import code
from reconciler.present.plan_json import as_json, read_saved, saved_text
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from reconciler.present.policy_test import as_data
from reconciler.present.policy_test import as_text as answer
from reconciler.version import __version__
from tests.plan.planning import NOW, apply
from tests.plan.test_governance import project, sends, to

LATE = NOW + timedelta(days=1)  # its last day is NOW's


def agency(until: str = "2026-12-01") -> str:
    return to("agency", f"recipient: {{name: Agency Ltd, country: IE, until: {until}}}")


def to_both(folder: Path, *columns: str, until: str = "2026-12-01", more: str = "") -> Desired:
    sent = sends("out", "agency", *(columns or ("id",)))
    sent = sent.replace("backfill: full", f"backfill: full{more}")
    return project(folder, agency(until), to("own"), sent, sends("own", "own", "id"))


def codes(desired: Desired, actual: Actual, at: datetime) -> list[str]:
    return [each.code for each in plan(desired, actual, at).refusals]


def test_its_last_day_is_one_of_them_and_after_it_no_flow_begins(tmp_path: Path) -> None:
    desired = to_both(tmp_path)
    assert codes(desired, Actual(), NOW.replace(hour=23, minute=59)) == []
    found = plan(desired, Actual(), LATE)
    (refusal,) = found.refusals
    assert refusal.code == "G144"
    line = (tmp_path / "all.yaml").read_text().splitlines()[17]
    assert "until: 2026-12-01" in line
    assert refusal.sentence == (
        "The agreement with Agency Ltd was until 2026-12-01 (all.yaml:18): nothing leaves by agency/us. Have its new last day "
        "reviewed, if it is prolonged; else suspend what is exported there, or take it out."
    )


def test_who_is_there_already_is_named_and_others_go_on(tmp_path: Path) -> None:
    desired = to_both(tmp_path)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    found = plan(desired, actual, LATE)
    assert found.refusals == ()
    said = "Agency Ltd, until 2026-12-01 (all.yaml:18): over, nothing leaves by agency/us (G144)"
    assert f"  agreement  {said}\n" in as_text(found)
    assert f"- Agreement: {code(said)}" in as_markdown(found)
    assert '"ended"' in as_json(found)
    more = project(tmp_path, agency(), to("own"), sends("out", "agency", "id"), sends("own", "own", "id", "country"))
    assert codes(more, actual, LATE) == []


def test_it_is_neither_changed_nor_resumed_and_may_be_suspended_or_removed(tmp_path: Path) -> None:
    actual = apply(plan(to_both(tmp_path), Actual(), NOW), Actual())
    assert codes(to_both(tmp_path, "id", "country"), actual, LATE) == ["G144"]
    suspended = to_both(tmp_path, more=", suspend: true")
    assert codes(suspended, actual, LATE) == []
    assert review(suspended, Actual(), LATE).ended == ()
    stopped = apply(plan(suspended, actual, LATE), actual)
    assert codes(to_both(tmp_path), stopped, LATE) == ["G144"]
    gone = project(tmp_path, agency(), to("own"), sends("own", "own", "id"))
    assert plan(gone, actual, LATE, allow_removals="all").refusals == ()


def test_a_new_last_day_lets_it_go_on(tmp_path: Path) -> None:
    actual = apply(plan(to_both(tmp_path), Actual(), NOW), Actual())
    assert codes(to_both(tmp_path, "id", "country", until="2027-12-01"), actual, LATE) == []


def test_a_plan_saved_on_the_last_day_is_refused_on_the_next(tmp_path: Path) -> None:
    desired, eve = to_both(tmp_path), NOW.replace(hour=22)
    saved = read_saved(saved_text(save(plan(desired, Actual(), eve))).encode(), __version__)
    assert check_saved(saved, desired, Actual(), eve + timedelta(hours=1), __version__) is None
    refusal = check_saved(saved, desired, Actual(), eve + timedelta(hours=3), __version__)
    assert refusal is not None
    assert refusal.code == "G144"


def test_validate_warns_where_the_day_stands_and_a_what_if_is_refused(tmp_path: Path) -> None:
    desired = to_both(tmp_path)
    (found,) = findings(review(desired, Actual(), LATE), desired)
    text = (tmp_path / "all.yaml").read_text().splitlines()[found.source.line - 1]
    assert (found.code, found.severity, found.source.line, found.subject) == (
        "G144",
        "warning",
        18,
        "Destination/agency",
    )
    assert text[found.source.column - 1 :].startswith("2026-12-01")
    assert "until: 2026-12-01" in text
    trial = Trial(destination="agency", dataset="prospects", columns=("id",))
    verdict = tried(trial, desired, Actual(), LATE)
    assert verdict.denied
    assert "Refused  G144  The agreement with Agency Ltd was until 2026-12-01." in answer(verdict, lambda text, _: text)
    assert as_data(verdict)["agreementEnded"] == "2026-12-01"
    assert not tried(trial, desired, Actual(), NOW).denied
