"""Each kind of change, with its reason, its fields and what becomes of the cursor."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.config.desired import Desired
from reconciler.ledger import transitions
from reconciler.ledger.records import Actual, Applied
from reconciler.plan.plan import (
    AddFlow,
    CreateDestination,
    Export,
    MoveFlow,
    Plan,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateFlow,
)
from reconciler.plan.planner import plan
from reconciler.present.plan_text import as_text
from reconciler.present.words import suppression
from tests.plan.planning import DATASET, NIGHT, NOW, OUTBOX, SCHEDULE, activation, apply, audience, opened, small

FLOW = "outbox/audience/us"


def kinds(found: Plan) -> list[tuple[str, str]]:
    return [(each.change, each.subject) for each in found.changes]


def lived(desired: Desired) -> Actual:
    """A ledger in which everything was applied and exported for one night."""
    actual = apply(plan(desired, Actual(), NOW), Actual())
    return apply(plan(desired, actual, NIGHT), actual)


def test_first_plan_creates_everything(tmp_path: Path) -> None:
    found = plan(small(tmp_path), Actual(), NOW)
    assert kinds(found) == [("create-destination", "outbox"), ("add-flow", FLOW)]
    create, add = found.changes
    assert isinstance(create, CreateDestination)
    assert isinstance(add, AddFlow)
    assert (create.generation, add.generation, add.cursor, add.source_id) == (0, 0, "none", "us")
    assert (found.lineage, found.serial) == (None, None)
    assert found.next_export is not None
    assert (found.next_export.flow, found.next_export.slot) == (FLOW, NIGHT)


def test_applied_is_nothing_to_do(tmp_path: Path) -> None:
    desired = small(tmp_path)
    found = plan(desired, lived(desired), NIGHT + timedelta(hours=1))
    assert found.is_empty
    assert found.unchanged == 1


def test_a_ledger_of_a_version_with_fewer_fields_is_nothing_to_do(tmp_path: Path) -> None:
    """A field that is new has its default there: the same meaning, and another fingerprint."""
    desired = small(tmp_path)
    actual = lived(desired)
    older = {
        "flows": {name: head.model_copy(update={"fingerprint": "older"}) for name, head in actual.flows.items()},
        "destinations": {
            name: record.model_copy(update={"fingerprint": "older"}) for name, record in actual.destinations.items()
        },
    }
    found = plan(desired, actual.model_copy(update=older), NIGHT + timedelta(hours=1))
    assert found.is_empty
    assert found.unchanged == 1


def test_a_new_flow_exports_a_slot_due_exactly_now(tmp_path: Path) -> None:
    found = plan(small(tmp_path), Actual(), NIGHT)
    export = found.changes[-1]
    assert isinstance(export, Export)
    assert (export.slot, export.kind, export.owner) == (NIGHT, "full", "growth")


def test_due_slots_and_what_they_stand_for(tmp_path: Path) -> None:
    desired = small(tmp_path)
    found = plan(desired, lived(desired), NIGHT + timedelta(days=3))
    (export,) = found.changes
    assert isinstance(export, Export)
    assert (export.slot, export.kind, export.missed) == (NIGHT + timedelta(days=3), "increment", 2)
    assert "2 earlier slots" in export.reason.sentence


def test_an_open_run_is_finished_first(tmp_path: Path) -> None:
    desired = small(tmp_path)
    actual = apply(plan(desired, Actual(), NOW), Actual())
    actual = actual.model_copy(update={"flows": {FLOW: opened(actual.flows[FLOW], NIGHT)}})
    (export,) = plan(desired, actual, NIGHT + timedelta(days=5)).changes
    assert isinstance(export, Export)
    assert (export.slot, export.run_id, export.reason.code) == (NIGHT, "r" + "0" * 16, "run-open")


@pytest.mark.parametrize(
    ("parts", "code", "cursor", "path"),
    [
        ({"audience": audience("us", "country = 'DE'")}, "filter-changed", "rebuild", "source.where"),
        (
            {"dataset": DATASET.replace("lake", "pond")},
            "source-moved",
            "rebuild",
            "source.datasetSpec.location",
        ),
        (
            {"dataset": DATASET.replace("parquet", "csv")},
            "source-format-changed",
            "rebuild",
            "source.datasetSpec.format",
        ),
        (
            {"destination": OUTBOX.replace("path: out", "path: post")},
            "destination-moved",
            "rebuild",
            "destination.spec.connection.path",
        ),
        ({"activation": activation("us", more="columns: [id]")}, "columns-changed", "keep", "columns.country"),
        ({"activation": activation("us", more="mode: full")}, "changed", "keep", "mode"),
        ({"schedule": SCHEDULE.replace("02:00", "03:00")}, "changed", "keep", "schedule.time"),
        (
            {"destination": OUTBOX.replace("{path: out}", "{path: out}, format: {type: csv}")},
            "destination-changed",
            "keep",
            "destination.spec.format.type",
        ),
    ],
)
def test_updates(tmp_path: Path, parts: dict[str, str], code: str, cursor: str, path: str) -> None:
    actual = lived(small(tmp_path))
    desired = small(tmp_path, **parts)
    found = plan(desired, actual, NIGHT + timedelta(minutes=1))
    update = next(each for each in found.changes if each.subject == FLOW)
    assert isinstance(update, UpdateFlow)
    assert (update.reason.code, update.cursor, update.generation) == (code, cursor, 1)
    assert path in [each.path for each in update.fields]
    assert (update.rebuild is not None) == (cursor == "rebuild")
    after = apply(found, actual)
    assert after.flows[FLOW].rebuild == update.rebuild
    again = plan(desired, after, NIGHT + timedelta(days=1))
    kind = again.changes[0].kind if isinstance(again.changes[0], Export) else None
    assert kind == ("rebuild" if update.rebuild else "full" if path == "mode" else "increment")


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("all/{source_id}/exportTime={slot:%Y%m%d%H%M}", "folder-moved"),
        ("{source}/{slot:%Y%m%d%H%M}/{source_id}", "folder-moved"),
        ("{source_id}-{slot:%Y%m%d%H%M}", "folder-moved"),
        ("{source_id}/dt={slot:%Y%m%d%H%M}", "destination-changed"),
        ("{source_id}/exportTime={slot:%Y/%m/%d/%H%M}", "destination-changed"),
    ],
)
def test_a_flow_whose_folder_moves_starts_there_with_everything(tmp_path: Path, folder: str, code: str) -> None:
    """Whoever reads the new folder would else find nothing but increments."""
    before = {"audience": audience("us", meta="id: theirs")}
    actual = lived(small(tmp_path, **before))
    files = f'{{path: out}}, files: {{folder: "{folder}"}}'
    found = plan(small(tmp_path, **before, destination=OUTBOX.replace("{path: out}", files)), actual, NIGHT)
    update = next(each for each in found.changes if each.subject == FLOW)
    assert isinstance(update, UpdateFlow)
    assert (update.reason.code, update.rebuild is not None) == (code, code == "folder-moved")


def test_another_id_is_another_folder(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    (update,) = plan(small(tmp_path, audience=audience("us", meta="id: theirs")), actual, NIGHT).changes
    assert isinstance(update, UpdateFlow)
    assert (update.reason.code, update.cursor, update.source_id) == ("folder-moved", "rebuild", "theirs")
    (same,) = plan(small(tmp_path, audience=audience("us", meta="id: us")), actual, NIGHT).changes
    assert isinstance(same, UpdateFlow)
    assert (same.cursor, same.rebuild) == ("keep", None)


KEYED = DATASET.replace("format: parquet,", "format: parquet, primaryKey: [id],")


def test_another_key_is_a_rebuild_and_a_first_one_is_none(tmp_path: Path) -> None:
    actual = lived(small(tmp_path, dataset=KEYED))
    for changed in (KEYED.replace("[id]", "[id, country]"), DATASET):
        (update,) = plan(small(tmp_path, dataset=changed), actual, NIGHT).changes
        assert isinstance(update, UpdateFlow)
        assert (update.reason.code, update.cursor) == ("key-changed", "rebuild")
    (first,) = plan(small(tmp_path, dataset=KEYED), lived(small(tmp_path)), NIGHT).changes
    assert (first.reason.code, first.cursor) == ("changed", "keep")


def suppressed(name: str, days: int) -> str:
    return f"""{{apiVersion: reconciler/v1, kind: Suppression, metadata: {{name: {name}}},
      spec: {{dataset: prospects, match: [{{list: id, column: id}}], maxAge: {days}d, unnotified: accept}}}}"""


def test_who_stays_out_is_named_and_makes_no_rebuild(tmp_path: Path) -> None:
    actual = lived(small(tmp_path, suppressed("gone", 2), suppressed("kept", 2)))
    (update,) = plan(small(tmp_path, suppressed("kept", 3)), actual, NIGHT).changes
    assert isinstance(update, UpdateFlow)
    assert (update.reason.code, update.cursor) == ("exclusions-changed", "keep")
    assert [(each.path, each.after) for each in update.fields] == [
        ("suppressions.gone", None),
        ("suppressions.kept.maxAge", "3d"),
    ]
    shown = as_text(plan(small(tmp_path, suppressed("kept", 3)), actual, NIGHT))
    assert "suppressions.gone list prospects by id, maxAge 2d, minRows 1  →  (none)\n" in shown
    assert suppression('{"of": "another version"}') == '{"of": "another version"}'


def test_a_rename_that_moves_the_folder_rebuilds(tmp_path: Path) -> None:
    named = OUTBOX.replace("{path: out}", '{path: out}, files: {folder: "{destination}/{source_id}/{slot:%Y%m%d%H%M}"}')
    actual = lived(small(tmp_path, destination=named))
    post = named.replace("name: outbox", "name: post, renamedFrom: outbox", 1)
    found = plan(small(tmp_path, destination=post, activation=activation("us", to="post")), actual, NIGHT)
    move = next(each for each in found.changes if isinstance(each, MoveFlow))
    assert (move.cursor, "folder" in (move.rebuild or "")) == ("rebuild", True)


@pytest.mark.parametrize("where", ["(country)='US'", "country   =   'US'", "( country = 'US' )"])
def test_the_same_filter_written_otherwise_needs_no_rebuild(tmp_path: Path, where: str) -> None:
    actual = lived(small(tmp_path))
    (update,) = plan(small(tmp_path, audience=audience("us", where)), actual, NIGHT).changes
    assert isinstance(update, UpdateFlow)
    assert (update.cursor, update.rebuild) == ("keep", None)
    assert [each.path for each in update.fields] == ["source.where"]


def test_an_undecided_run_gives_way_to_an_edit_and_its_slot_stays_due(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    actual = actual.model_copy(update={"flows": {FLOW: opened(actual.flows[FLOW], NIGHT)}})
    update, export = plan(small(tmp_path, audience=audience("us", "TRUE")), actual, NIGHT).changes
    assert isinstance(update, UpdateFlow)
    assert isinstance(export, Export)
    assert (update.cursor, export.slot, export.run_id, export.kind) == ("none", NIGHT, None, "full")


def test_no_rebuild_before_the_first_export(tmp_path: Path) -> None:
    """With `backfill: none`, a rebuild would send what was never meant to leave."""
    first = small(tmp_path, activation=activation("us", more="backfill: none"))
    actual = apply(plan(first, Actual(), NOW), Actual())
    desired = small(
        tmp_path, audience=audience("us", "country = 'DE'"), activation=activation("us", more="backfill: none")
    )
    found = plan(desired, actual, NOW)
    (update,) = found.changes
    assert isinstance(update, UpdateFlow)
    assert update.cursor == "none"
    assert apply(found, actual).flows[FLOW].rebuild is None


def test_an_edit_of_the_filter_rebuilds_what_a_run_exported_after_the_planning(tmp_path: Path) -> None:
    """Else who matches the new filter in files of before would never leave."""
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    found = plan(small(tmp_path, audience=audience("us", "country = 'DE'")), actual, NOW)
    meanwhile = apply(plan(small(tmp_path), actual, NIGHT), actual)
    assert meanwhile.flows[FLOW].cursor is not None
    after = apply(found, meanwhile).flows[FLOW]
    assert (after.cursor, after.rebuild is not None) == (None, True)


def test_an_edit_while_a_rebuild_is_due_says_that_it_is(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    filtered = {"audience": audience("us", "country = 'DE'")}
    actual = apply(plan(small(tmp_path, **filtered), actual, NIGHT), actual)
    later = small(tmp_path, **filtered, schedule=SCHEDULE.replace("02:00", "03:00"))
    (update,) = plan(later, actual, NIGHT).changes
    assert isinstance(update, UpdateFlow)
    assert (update.cursor, update.rebuild, update.reason.code) == ("rebuild", None, "changed")


@pytest.mark.parametrize("decided", [True, False])
def test_a_run_on_demand_is_tidied_up_and_the_slot_is_exported_besides(tmp_path: Path, decided: bool) -> None:
    desired = small(tmp_path)
    head = opened(lived(desired).flows[FLOW], NIGHT + timedelta(hours=3), on_demand=True)
    head = transitions.decide(head, "r" + "0" * 16, "d", nonce="n") if decided else head
    actual = lived(desired).model_copy(update={"flows": {FLOW: head}})
    first, second = plan(desired, actual, NIGHT + timedelta(days=1)).changes
    assert isinstance(first, Export)
    assert isinstance(second, Export)
    assert (first.run_id, first.on_demand) == ("r" + "0" * 16, True)
    assert ("completed" if decided else "discarded") in first.reason.sentence
    assert (second.run_id, second.slot, second.missed) == (None, NIGHT + timedelta(days=1), 0)


def test_an_edit_of_the_filter_while_a_decided_run_is_open_rebuilds(tmp_path: Path) -> None:
    actual = apply(plan(small(tmp_path), Actual(), NOW), Actual())
    head = transitions.decide(opened(actual.flows[FLOW], NIGHT), "r" + "0" * 16, "d", nonce="n")
    actual = actual.model_copy(update={"flows": {FLOW: head}})
    found = plan(small(tmp_path, audience=audience("us", "country = 'DE'")), actual, NIGHT + timedelta(hours=1))
    (update,) = found.changes
    assert isinstance(update, UpdateFlow)
    assert update.rebuild is not None


def test_removed_flow(tmp_path: Path) -> None:
    two = audience("de", "country = 'DE'")
    actual = lived(small(tmp_path, two, activation=activation("us", "de")))
    found = plan(small(tmp_path, two), actual, NIGHT)
    (remove,) = found.changes
    assert isinstance(remove, RemoveFlow)
    assert (remove.subject, remove.purge, found.refusals) == ("outbox/audience/de", False, ())
    assert plan(small(tmp_path, two), apply(found, actual), NIGHT).is_empty


def test_a_flow_that_comes_back_starts_anew(tmp_path: Path) -> None:
    two = audience("de", "country = 'DE'")
    both = activation("us", "de")
    actual = lived(small(tmp_path, two, activation=both))
    actual = apply(plan(small(tmp_path, two), actual, NIGHT), actual)
    (add,) = plan(small(tmp_path, two, activation=both), actual, NIGHT + timedelta(minutes=1)).changes
    assert isinstance(add, AddFlow)
    assert (add.reason.code, add.generation) == ("returned", 2)


def test_suspend_and_resume(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    paused = small(tmp_path, activation=activation("us", more="suspend: true"))
    found = plan(paused, actual, NIGHT + timedelta(days=2))
    (suspend,) = found.changes
    assert isinstance(suspend, SuspendFlow)
    assert suspend.cursor == "keep"
    actual = apply(found, actual)
    quiet = plan(paused, actual, NIGHT + timedelta(days=2))
    assert quiet.is_empty
    assert (quiet.suspended, quiet.next_export) == (1, None)
    resume, export = plan(small(tmp_path), actual, NIGHT + timedelta(days=2)).changes
    assert isinstance(resume, ResumeFlow)
    assert isinstance(export, Export)
    assert (export.missed, export.kind) == (1, "increment")


def test_renamed_audience_keeps_cursor_and_folder(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    desired = small(
        tmp_path, audience=audience("usa", meta="renamedFrom: us"), activation=activation("usa", meta="protect: true")
    )
    found = plan(desired, actual, NIGHT)
    (move,) = found.changes
    assert isinstance(move, MoveFlow)
    assert (move.subject, move.moved_from, move.cursor, move.source_id) == ("outbox/audience/usa", FLOW, "keep", "us")
    after = apply(found, actual)
    assert after.flows["outbox/audience/usa"].cursor == actual.flows[FLOW].cursor
    assert plan(desired, after, NIGHT).is_empty


def halfway(desired: Desired, actual: Actual) -> Actual:
    """After an apply that ended between the two heads of a rename."""
    (move,) = plan(desired, actual, NIGHT).changes
    assert isinstance(move, MoveFlow)
    old = actual.flows[move.moved_from]
    away = transitions.moved_away(
        old,
        move.subject,
        applied=Applied(at=NIGHT, by="test"),
        nonce="n",
        before=actual.flows.get(move.subject),
    )
    return actual.model_copy(update={"flows": {**actual.flows, old.flow: away}})


@pytest.mark.parametrize("lives", [0, 1, 4])
def test_a_rename_that_ended_halfway_goes_on_also_where_a_flow_of_that_name_was_removed(
    tmp_path: Path, lives: int
) -> None:
    actual = lived(small(tmp_path))
    usa = audience("usa")
    for _ in range(lives):
        for names in (("us", "usa"), ("us",)):
            actual = apply(plan(small(tmp_path, usa, activation=activation(*names)), actual, NIGHT), actual)
    renamed = small(tmp_path, audience=audience("usa", meta="renamedFrom: us"), activation=activation("usa"))
    broken = halfway(renamed, actual)
    (move,) = plan(renamed, broken, NIGHT).changes
    assert isinstance(move, MoveFlow)
    assert (move.moved_from, move.cursor) == (FLOW, "keep")
    after = apply(plan(renamed, broken, NIGHT), broken)
    assert after.flows["outbox/audience/usa"].cursor == actual.flows[FLOW].cursor
    assert plan(renamed, after, NIGHT).is_empty


def test_a_flow_that_was_renamed_removed_and_comes_back_is_no_rename(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    renamed = small(tmp_path, audience=audience("usa", meta="renamedFrom: us"), activation=activation("usa"))
    for desired in (renamed, small(tmp_path, audience("de"), activation=activation("de"))):
        actual = apply(plan(desired, actual, NIGHT, allow_removals="all"), actual)
    again = small(tmp_path, audience=audience("usa", meta="renamedFrom: us"), activation=activation("usa"))
    added = [each for each in plan(again, actual, NIGHT, allow_removals="all").changes if isinstance(each, AddFlow)]
    assert [each.subject for each in added] == ["outbox/audience/usa"]


def test_renamed_and_refiltered_moves_and_rebuilds(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    desired = small(
        tmp_path, audience=audience("usa", "country = 'CA'", "renamedFrom: us"), activation=activation("usa")
    )
    (move,) = plan(desired, actual, NIGHT).changes
    assert isinstance(move, MoveFlow)
    assert (move.cursor, move.rebuild is not None) == ("rebuild", True)
    after = apply(plan(desired, actual, NIGHT), actual)
    assert after.flows["outbox/audience/usa"].cursor is None


def test_renamed_destination_moves_its_flows(tmp_path: Path) -> None:
    actual = lived(small(tmp_path, destination=OUTBOX.replace("name: outbox", "name: outbox, protect: true", 1)))
    desired = small(
        tmp_path,
        destination=OUTBOX.replace("name: outbox", "name: post, renamedFrom: outbox"),
        activation=activation("us", to="post"),
    )
    found = plan(desired, actual, NIGHT)
    assert kinds(found) == [
        ("create-destination", "post"),
        ("move-flow", "post/audience/us"),
        ("remove-destination", "outbox"),
    ]
    assert found.refusals == ()
    move, gone = found.changes[1:]
    assert isinstance(move, MoveFlow)
    assert isinstance(gone, RemoveDestination)
    assert (move.cursor, gone.reason.code) == ("keep", "renamed")
    assert [each.path for each in found.changes[0].fields] == ["name", "protect"]
    assert plan(desired, apply(found, actual), NIGHT).is_empty


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"schedule": SCHEDULE.replace("02:00", "03:00")}, "Its schedule changed."),
        ({"audience": audience("us", meta="protect: true")}, "Its protection changed."),
        (
            {"activation": activation("us", more="guards: {export: {maxRows: 9}}, onRemove: purge, mode: full")},
            "Its guards, mode and onRemove changed.",
        ),
    ],
)
def test_an_update_says_what_changed(tmp_path: Path, parts: dict[str, str], sentence: str) -> None:
    actual = lived(small(tmp_path))
    (update,) = plan(small(tmp_path, **parts), actual, NIGHT).changes
    assert update.reason.sentence == sentence


def test_renamed_dataset_moves_its_flow(tmp_path: Path) -> None:
    of_dataset = activation().replace("audiences: []", "datasets: [prospects]")
    actual = lived(small(tmp_path, activation=of_dataset))
    desired = small(
        tmp_path,
        dataset=DATASET.replace("name: prospects", "name: leads, renamedFrom: prospects"),
        audience=audience("us").replace("dataset: prospects", "dataset: leads"),
        activation=of_dataset.replace("prospects", "leads"),
    )
    (move,) = plan(desired, actual, NIGHT).changes
    assert isinstance(move, MoveFlow)
    assert (move.subject, move.source_id, move.cursor) == ("outbox/dataset/leads", "prospects", "keep")


def test_protection_alone_is_an_update(tmp_path: Path) -> None:
    actual = lived(small(tmp_path))
    desired = small(tmp_path, destination=OUTBOX.replace("name: outbox", "name: outbox, protect: true", 1))
    found = plan(desired, actual, NIGHT)
    assert kinds(found) == [("update-destination", "outbox"), ("update-flow", FLOW)]
    assert [each.path for each in found.changes[0].fields] == ["protect"]
    after = apply(found, actual)
    assert after.flows[FLOW].protected
    assert plan(desired, after, NIGHT).is_empty


def test_same_inputs_same_bytes(tmp_path: Path) -> None:
    desired = small(tmp_path, audience("de"), activation=activation("us", "de"))
    one, two = (plan(desired, Actual(), NIGHT).model_dump_json(by_alias=True) for _ in range(2))
    assert one == two
    found = plan(desired, Actual(), NIGHT)
    assert Plan.model_validate(found.to_json()) == found


def test_a_renamed_feed_and_its_folder(tmp_path: Path) -> None:
    """Another feed is another flow, in a folder of its own."""
    actual = lived(small(tmp_path, activation=activation("us", more="feed: daily")))
    assert list(actual.flows) == ["outbox/audience/us/daily"]
    found = plan(small(tmp_path, activation=activation("us", more="feed: nightly")), actual, NIGHT)
    assert [each.change for each in found.changes][:2] == ["remove-flow", "add-flow"]
