"""`metadata.override` of an activation for a policy: counted out while it lasts, refused once it has ended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.config.load import load
from reconciler.ledger.records import Actual
from reconciler.plan.bind import check_saved, save
from reconciler.plan.governance import review
from reconciler.plan.planner import plan
from reconciler.plan.verdicts import findings
from reconciler.present.markdown import code
from reconciler.present.plan_json import as_json, read_saved, saved_text
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from reconciler.version import __version__
from tests.plan.planning import NOW, PROJECT, SCHEDULE, activation, apply, audience
from tests.plan.test_governance import COLUMNS, EMAIL, agency, policy, project, refused, sends

LIFT = 'override: {policy: core-third-party, until: 2026-12-04, reason: "amendment 2"}'


def lifted(override: str, *columns: str, name: str = "out", where: str = "agency") -> str:
    return activation("us", name=name, to=where, meta=override, more=f"columns: [{', '.join(columns)}], backfill: full")


def test_it_lets_pass_while_it_lasts_and_the_plan_says_so(tmp_path: Path) -> None:
    desired = project(tmp_path, agency(), lifted(LIFT, "id", "income"))
    found = plan(desired, Actual(), NOW)
    assert found.refusals == ()
    said = "policy core-third-party of out (all.yaml:20), through 2026-12-04 (3 days left): amendment 2"
    assert f"  override   {said}\n" in as_text(found)
    assert f"- Override: {code(said)}" in as_markdown(found)
    assert '"daysLeft": 3' in as_json(found)
    assert "policy core-third-party LIFTED through 2026-12-04" in as_text(found)
    last = plan(desired, Actual(), NOW + timedelta(days=3))
    assert "(last day today)" in as_text(last)
    assert findings(review(desired, Actual(), NOW), desired) == []


def test_after_its_last_day_nothing_is_applied(tmp_path: Path) -> None:
    desired = project(tmp_path, agency(), lifted(LIFT, "id", "income"))
    late = NOW + timedelta(days=4)
    found = plan(desired, Actual(), late)
    assert [each.code for each in found.refusals] == ["G140", "G143"]
    assert (
        "Activation out (all.yaml:20) lifted policy core-third-party through 2026-12-04" in found.refusals[1].sentence
    )
    assert [each.code for each in findings(review(desired, Actual(), late), desired)] == ["G143", "G140"]


def test_a_plan_saved_on_its_last_day_is_refused_on_the_next(tmp_path: Path) -> None:
    desired = project(tmp_path, agency(), lifted(LIFT, "id", "income"))
    eve = NOW + timedelta(days=3)
    saved = read_saved(saved_text(save(plan(desired, Actual(), eve))).encode(), __version__)
    assert check_saved(saved, desired, Actual(), eve + timedelta(hours=11), __version__) is None
    refusal = check_saved(saved, desired, Actual(), eve + timedelta(hours=13), __version__)
    assert refusal is not None
    assert refusal.code == "G140"


def test_it_lifts_that_policy_of_that_activation_alone(tmp_path: Path) -> None:
    other = sends("more", "agency", "id", "income").replace("backfill: full", "backfill: full, feed: more")
    (said,) = refused(project(tmp_path, agency(), lifted(LIFT, "id", "income"), other))
    assert "by agency/us/more." in said
    no_income = policy("no-income", "{deny: C2}")
    assert len(refused(project(tmp_path, agency(), lifted(LIFT, "id", "income"), no_income))) == 1
    both = LIFT.replace("{policy", "[{policy").replace("}", "}, {policy: no-income, until: 2026-12-09, reason: x}]")
    assert refused(project(tmp_path, agency(), lifted(both, "id", "income"), no_income)) == []


def test_where_labels_meet_it_counts_out_what_its_flows_bring(tmp_path: Path) -> None:
    meet = LIFT.replace("core-third-party", "core-combined-here")
    one, two = sends("one", "a", "id", "segment"), lifted(meet, EMAIL, name="two", where="b")
    assert refused(project(tmp_path, agency("a"), agency("b"), one, two)) == []
    third = sends("three", "b", EMAIL).replace("backfill: full", "backfill: full, feed: x")
    (said,) = refused(project(tmp_path, agency("a"), agency("b"), one, two, third))
    assert "prospects.email as hashed (I1, all.yaml:8) by b/us/x." in said


def test_one_that_lifts_nothing_is_warned_of(tmp_path: Path) -> None:
    desired = project(tmp_path, agency(), lifted(LIFT, "id"))
    found = plan(desired, Actual(), NOW)
    assert found.refusals == ()
    assert "lifts nothing that is broken: remove it (G142)" in as_text(found)
    (warning,) = findings(review(desired, Actual(), NOW), desired)
    assert (warning.code, warning.severity, warning.source.line) == ("G142", "warning", 20)


def test_a_guards_override_is_listed_too(tmp_path: Path) -> None:
    guard = 'override: {guard: export.maxRows, until: 2026-12-02, reason: "a campaign"}'
    text = lifted(guard, "id").replace("backfill: full", "backfill: full, guards: {export: {maxRows: 5}}")
    found = plan(project(tmp_path, agency(), text), Actual(), NOW)
    assert "  override   export.maxRows of out (all.yaml:20), through 2026-12-02 (1 day left): a campaign\n" in as_text(
        found
    )
    again = plan(project(tmp_path, agency(), text), apply(found, Actual()), NOW)
    assert again.is_empty
    assert "export.maxRows of out" in as_text(again)
    assert plan(project(tmp_path, agency(), text), Actual(), NOW + timedelta(days=9)).refusals == ()


@pytest.mark.parametrize(
    ("override", "code_", "said"),
    [
        ("{policy: core-thirdparty, until: 2026-12-05, reason: x}", "R153", "Did you mean core-third-party?"),
        (
            "{policy: core-third-party, guard: export.maxRows, until: 2026-12-05, reason: x}",
            "C110",
            "either guard or policy",
        ),
        ("{until: 2026-12-05, reason: x}", "C110", "either guard or policy"),
        ("[]", "C106", "1 entries"),
        (
            "[{policy: core-third-party, until: 2026-12-05, reason: x}, {policy: core-third-party, until: 2026-12-06, reason: y}]",
            "C110",
            "lifted twice",
        ),
        ("[{guard: export.maxRows, until: 2026-12-05, reason: x}]", "C110", "no guard export.maxRows"),
    ],
)
def test_what_it_must_say(tmp_path: Path, override: str, code_: str, said: str) -> None:
    text = "\n---\n".join((PROJECT, SCHEDULE, COLUMNS, audience("us"), agency(), lifted(f"override: {override}", "id")))
    (tmp_path / "all.yaml").write_text(text)
    (found,) = load(tmp_path).diagnostics
    assert (found.code, said in found.detail) == (code_, True), found
