"""What a saved plan is bound to. Each reason for refusing it has a code of its own, and the exit code that it means."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.config.desired import Desired
from reconciler.errors import Conflict, Refused
from reconciler.ledger.records import Actual, ProjectRecord
from reconciler.plan.assumed import as_applied
from reconciler.plan.bind import SavedPlan, check_saved, refuse, save
from reconciler.plan.plan import AddFlow, Change, Export, Plan, RemoveFlow, UpdateFlow
from reconciler.plan.planner import plan
from reconciler.version import __version__
from tests.plan.planning import NIGHT, NOW, PROJECT, activation, apply, audience, declared, exported, opened, small

FLOW = "outbox/audience/us"
LATER = NIGHT + timedelta(hours=1)


def lived(folder: Path) -> Actual:
    """Applied, and exported for one night."""
    desired = small(folder)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    return apply(plan(desired, actual, NIGHT), actual)


def edited(folder: Path) -> Desired:
    """The same with another filter."""
    return small(folder, audience=audience("us", "country = 'DE'"))


def check(
    saved: SavedPlan,
    desired: Desired,
    actual: Actual,
    after: timedelta = timedelta(hours=1),
    tool: str = __version__,
) -> str | None:
    found = check_saved(saved, desired, actual, saved.plan.at + after, tool)
    return found.code if found else None


def ledger(actual: Actual, **changed: object) -> Actual:
    assert isinstance(actual.project, ProjectRecord)
    return actual.model_copy(update={"project": actual.project.model_copy(update=changed)})


def test_it_is_performed_while_nothing_it_stands_on_changed(tmp_path: Path) -> None:
    actual, desired = lived(tmp_path), edited(tmp_path)
    saved = save(plan(desired, actual, LATER))
    assert check(saved, desired, actual) is None
    assert check(saved, desired, actual, timedelta(hours=23, minutes=59)) is None


def test_it_is_bound(tmp_path: Path) -> None:
    actual, desired = lived(tmp_path), edited(tmp_path)
    saved = save(plan(desired, actual, LATER))
    head = actual.flows[FLOW]
    serial = actual.project.serial if actual.project else 0
    newer = {FLOW: head.model_copy(update={"generation": head.generation + 1})}
    assert check(saved, desired, actual, timedelta(days=1)) == "G121"
    assert check(saved, desired, ledger(actual, lineage="other")) == "G122"
    assert check(saved, desired, Actual()) == "G122"
    assert check(saved, desired, ledger(actual, serial=serial + 1)) == "G123"
    assert check(saved, desired, actual.model_copy(update={"flows": newer})) == "G124"
    assert check(saved, desired, actual.model_copy(update={"flows": {}})) == "G124"
    assert check(saved, small(tmp_path), actual) == "G125"
    assert check(saved, desired, actual, tool="9.9.9") == "G126"


def test_without_a_ledger_it_is_bound_to_none(tmp_path: Path) -> None:
    desired = small(tmp_path)
    saved = save(plan(desired, Actual(), NOW))
    assert check(saved, desired, Actual()) is None
    assert check(saved, desired, lived(tmp_path)) == "G122"


def test_another_environments_is_another_configuration(tmp_path: Path) -> None:
    desired = small(tmp_path)
    (tmp_path / "environments").mkdir()
    same = "{apiVersion: reconciler/v1, kind: Schedule, metadata: {name: nightly}, spec: {frequency: daily}}"
    (tmp_path / "environments" / "prod.yaml").write_text(same)
    documents = (tmp_path / "all.yaml").read_text().split("\n---\n")
    other = declared(tmp_path, *documents, environment="prod")
    assert check(save(plan(desired, Actual(), NOW)), other, Actual()) == "G125"


def test_a_comparison_with_a_revision_knows_no_ledger(tmp_path: Path) -> None:
    desired = small(tmp_path)
    before = as_applied(desired, NIGHT)
    assert check(save(plan(edited(tmp_path), before, NIGHT, base="main")), edited(tmp_path), before) == "G122"


def test_a_refused_plan_stays_refused(tmp_path: Path) -> None:
    actual, empty = lived(tmp_path), declared(tmp_path, PROJECT)
    assert check(save(plan(empty, actual, LATER)), empty, actual) == "G106"


def test_nightly_runs_dont_make_it_stale(tmp_path: Path) -> None:
    actual, desired = lived(tmp_path), edited(tmp_path)
    saved = save(plan(desired, actual, LATER))
    ran = exported(actual.flows[FLOW], export(NIGHT + timedelta(days=1), saved.plan))
    assert check(saved, desired, actual.model_copy(update={"flows": {FLOW: ran}})) is None


def test_a_due_export_that_another_did_meanwhile_doesnt_make_it_stale(tmp_path: Path) -> None:
    desired = small(tmp_path)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    found = plan(desired, actual, NIGHT)
    (due,) = found.changes
    assert isinstance(due, Export)
    ran = actual.model_copy(update={"flows": {FLOW: exported(actual.flows[FLOW], due)}})
    assert check(save(found), desired, ran) is None


@pytest.mark.parametrize("ended", ["discarded", "recorded"])
def test_an_open_run_that_ended_meanwhile_doesnt_make_it_stale(tmp_path: Path, ended: str) -> None:
    desired = small(tmp_path)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    head = opened(actual.flows[FLOW], NIGHT)
    found = plan(desired, actual.model_copy(update={"flows": {FLOW: head}}), NIGHT + timedelta(days=2))
    (change,) = found.changes
    assert isinstance(change, Export)
    over = exported(head, change) if ended == "recorded" else actual.flows[FLOW]
    after = actual.model_copy(update={"flows": {FLOW: over}})
    assert check(save(found), desired, after) is None
    forged = change.model_copy(update={"slot": NIGHT + timedelta(minutes=1)})
    never = actual.model_copy(update={"flows": {FLOW: actual.flows[FLOW]}})
    assert check(save(found.model_copy(update={"changes": (forged,)})), desired, never) == "G128"


def test_a_first_export_since_then_would_make_the_next_one_a_rebuild_that_nobody_reviewed(tmp_path: Path) -> None:
    desired = small(tmp_path)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    found = plan(edited(tmp_path), actual, NOW)
    (update,) = found.changes
    assert isinstance(update, UpdateFlow)
    assert update.cursor == "none"
    ran = actual.model_copy(update={"flows": {FLOW: exported(actual.flows[FLOW], export(NIGHT, found))}})
    assert check(save(found), edited(tmp_path), ran) == "G127"
    assert check(save(found), edited(tmp_path), actual) is None


def forged_spec(change: Change) -> Change:
    assert isinstance(change, UpdateFlow)
    to = change.spec.destination
    elsewhere = to.model_copy(
        update={"spec": to.spec.model_copy(update={"connection": to.spec.connection.model_copy(update={"path": "x"})})}
    )
    return change.model_copy(update={"spec": change.spec.model_copy(update={"destination": elsewhere})})


def forged_rebuild(change: Change) -> Change:
    return change.model_copy(update={"rebuild": None})


def forged_removal(change: Change) -> Change:
    assert isinstance(change, UpdateFlow)
    return RemoveFlow(
        subject=change.subject,
        owner=change.owner,
        reason=change.reason,
        generation=change.generation,
        spec=change.spec,
        source_id=change.source_id,
        purge=True,
    )


def forged_export(change: Change) -> Change:
    return Export(
        subject=change.subject,
        owner=change.owner,
        reason=change.reason,
        generation=change.generation,
        slot=NIGHT + timedelta(days=300),
        kind="full",
    )


@pytest.mark.parametrize("forge", [forged_spec, forged_rebuild, forged_removal, forged_export])
def test_a_forged_change_is_none_of_ours(tmp_path: Path, forge: Callable[[Change], Change]) -> None:
    """Also with a digest that fits: nothing but what is declared is ever performed."""
    actual, desired = lived(tmp_path), edited(tmp_path)
    found = plan(desired, actual, LATER)
    forged = save(found.model_copy(update={"changes": (forge(found.changes[0]),)}))
    assert check(forged, desired, actual) == "G128"


def test_a_change_left_out_is_a_forgery_too(tmp_path: Path) -> None:
    both = small(tmp_path, audience("de"), activation=activation("us", "de"))
    found = plan(both, Actual(), NOW)
    less = tuple(each for each in found.changes if not (isinstance(each, AddFlow) and each.subject == FLOW))
    assert check(save(found.model_copy(update={"changes": less})), both, Actual()) == "G128"


def test_a_plan_of_a_part_is_performed_as_that_part(tmp_path: Path) -> None:
    both = small(tmp_path, audience("de"), activation=activation("us", "de"))
    assert check(save(plan(both, Actual(), NOW, select=("outbox/us",))), both, Actual()) is None


def test_what_was_allowed_when_it_was_planned_stays_allowed(tmp_path: Path) -> None:
    actual, empty = lived(tmp_path), declared(tmp_path, PROJECT)
    assert check(save(plan(empty, actual, LATER, allow_removals="all")), empty, actual) is None


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [(f"G12{each}", Conflict, 5) for each in range(1, 9)] + [(f"G10{each}", Refused, 4) for each in range(1, 9)],
)
def test_a_guards_no_is_told_from_a_stale_plan(code: str, kind: type[Exception], exit_code: int) -> None:
    from reconciler.plan.plan import Refusal

    error = refuse(Refusal(code=code, sentence="Why."))
    assert isinstance(error, kind)
    assert (error.code, error.detail, error.exit_code) == (code, "Why.", exit_code)


def export(slot: object, of: Plan) -> Export:
    return Export.model_validate(
        {
            "subject": FLOW,
            "owner": of.project,
            "reason": {"code": "x", "sentence": "x"},
            "slot": slot,
            "kind": "full",
        }
    )
