"""A policy that is broken by what goes on stops no plan that only takes away: what leaves becomes less, and what is broken is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.bind import check_saved, save
from reconciler.plan.plan import Plan
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from reconciler.version import __version__
from tests.plan.planning import NIGHT, NOW, apply
from tests.plan.test_governance import agency, policy, project, sends, to

NO_EMAIL = policy("no-email", "{deny: I1}")
BROKEN = "Warning  G140  This breaks policy no-email."


def declares(folder: Path, *more: str, bad: bool = True, suspend: bool = False) -> Desired:
    """Two flows, of which `bad` breaks a policy once that is among `more`."""
    sent = sends("bad", "agency", "id", "email")
    sent = sent.replace("backfill: full", "backfill: full, suspend: true") if suspend else sent
    return project(folder, agency(), to("own"), *([sent] if bad else []), *more)


def applied(folder: Path) -> Actual:
    return apply(plan(declares(folder, sends("fine", "own", "id")), Actual(), NOW), Actual())


def does(found: Plan) -> list[str]:
    return [f"{each.change} {each.subject}" for each in found.changes]


def codes(found: Plan) -> list[str]:
    return [each.code for each in found.refusals]


def test_a_removal_is_done_and_what_stays_is_told(tmp_path: Path) -> None:
    actual = applied(tmp_path)
    found = plan(declares(tmp_path, NO_EMAIL), actual, NOW, allow_removals="all")
    assert codes(found) == []
    assert does(found) == ["remove-flow own/audience/us"]
    assert BROKEN in as_text(found)
    comment = as_markdown(found)
    assert comment.startswith("**<code>own</code>: 1 audience removed, files kept. What goes on breaks policies.**\n")
    assert "- Warning G140: <code>This breaks policy no-email" in comment
    assert "1 violation" in as_text(found)


def test_what_breaks_it_can_be_suspended_at_once_and_not_be_resumed(tmp_path: Path) -> None:
    actual = applied(tmp_path)
    fine = sends("fine", "own", "id")
    found = plan(declares(tmp_path, NO_EMAIL, fine, suspend=True), actual, NOW)
    assert codes(found) == []
    assert does(found) == ["suspend-flow agency/audience/us"]
    assert BROKEN in as_text(found)
    stopped = apply(found, actual)
    assert codes(plan(declares(tmp_path, NO_EMAIL, fine), stopped, NOW)) == ["G140"]


def test_what_breaks_it_is_not_exported_by_the_apply(tmp_path: Path) -> None:
    actual = applied(tmp_path)
    due = plan(declares(tmp_path), actual, NIGHT, allow_removals="all")
    assert does(due) == ["remove-flow own/audience/us", "export agency/audience/us"]
    found = plan(declares(tmp_path, NO_EMAIL), actual, NIGHT, allow_removals="all")
    assert codes(found) == []
    assert does(found) == ["remove-flow own/audience/us"]
    assert "No apply exports what breaks a policy." in as_text(found)


def test_others_are_exported_by_it(tmp_path: Path) -> None:
    more = sends("more", "own", "id").replace("backfill: full", "backfill: full, feed: more")
    fine = sends("fine", "own", "id")
    actual = apply(plan(declares(tmp_path, fine, more), Actual(), NOW), Actual())
    found = plan(declares(tmp_path, NO_EMAIL, fine), actual, NIGHT, allow_removals="all")
    assert codes(found) == []
    assert does(found) == ["remove-flow own/audience/us/more", "export own/audience/us"]


def test_with_anything_that_sends_it_is_refused_and_with_nothing_too(tmp_path: Path) -> None:
    actual = applied(tmp_path)
    other = sends("other", "own", "id").replace("backfill: full", "backfill: full, feed: other")
    assert codes(plan(declares(tmp_path, NO_EMAIL, other), actual, NOW, allow_removals="all")) == ["G140"]
    assert codes(plan(declares(tmp_path, NO_EMAIL, sends("fine", "own", "id")), actual, NOW)) == ["G140"]


def test_a_part_that_only_takes_away_is_planned_beside_a_new_flow_that_is_forbidden(tmp_path: Path) -> None:
    fine = sends("fine", "own", "id")
    actual = apply(plan(declares(tmp_path, fine, bad=False), Actual(), NOW), Actual())
    desired = declares(tmp_path, NO_EMAIL)
    assert codes(plan(desired, actual, NOW, allow_removals="all")) == ["G140"]
    found = plan(desired, actual, NOW, select=("own/*",), allow_removals="all")
    assert codes(found) == []
    assert does(found) == ["remove-flow own/audience/us"]


def test_an_override_that_has_ended_does_not_stop_it_either(tmp_path: Path) -> None:
    lift = "metadata: {override: {policy: core-third-party, until: 2026-12-04, reason: x}, name: bad}"

    def with_lift(*more: str) -> Desired:
        sent = sends("bad", "agency", "id", "income").replace("metadata: {name: bad}", lift)
        return project(tmp_path, agency(), to("own"), sent, *more)

    actual = apply(plan(with_lift(sends("fine", "own", "id")), Actual(), NOW), Actual())
    found = plan(with_lift(), actual, NOW + timedelta(days=4), allow_removals="all")
    assert codes(found) == []
    said = as_text(found)
    assert "Warning  G143  Activation bad (all.yaml:" in said
    assert "Warning  G140  This breaks policy core-third-party" in said


def test_what_was_saved_before_sends_nothing_that_is_forbidden_since(tmp_path: Path) -> None:
    """Another project of the ledger began to send to the same recipient: a removal goes on, an export beside it doesn't."""
    meet = [agency(), sends("email", "agency", "email")]
    fine = sends("fine", "own", "id")
    actual = apply(plan(project(tmp_path, to("own"), *meet, fine), Actual(), NOW), Actual())
    desired = project(tmp_path, to("own"), *meet)

    noon, night = (save(plan(desired, actual, at, allow_removals="all")) for at in (NOW, NIGHT))
    theirs = project(tmp_path, agency("theirs"), sends("segment", "theirs", "segment"))
    head = next(iter(apply(plan(theirs, Actual(), NOW), Actual()).flows.values()))
    flows = {**actual.flows, head.flow: head.model_copy(update={"owner": "another"})}
    now = actual.model_copy(update={"flows": flows})
    assert check_saved(noon, desired, now, NOW, __version__) is None
    refusal = check_saved(night, desired, now, NIGHT, __version__)
    assert refusal is not None
    assert refusal.code == "G140"
