"""What a plan refuses, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.ledger.records import Actual
from reconciler.plan.guards import removals
from reconciler.plan.plan import Plan
from reconciler.plan.planner import plan
from tests.plan.planning import NIGHT, NOW, OUTBOX, PROJECT, activation, apply, audience, declared, small

POST = OUTBOX.replace("name: outbox", "name: post").replace("path: out", "path: post")


def codes(found: Plan) -> list[str]:
    return [each.code for each in found.refusals]


def changes(found: Plan) -> list[tuple[str, str]]:
    return [(each.change, each.subject) for each in found.changes]


def first(folder: Path, *extra: str, **parts: str) -> Actual:
    return apply(plan(small(folder, *extra, **parts), Actual(), NOW), Actual())


def test_an_empty_project_removes_nothing(tmp_path: Path) -> None:
    actual = first(tmp_path)
    found = plan(declared(tmp_path, PROJECT), actual, NOW)
    assert changes(found) == [("remove-flow", "outbox/audience/us"), ("remove-destination", "outbox")]
    assert codes(found) == ["G106"]
    assert codes(plan(declared(tmp_path, PROJECT), actual, NOW, allow_removals=5)) == ["G106"]
    meant = plan(declared(tmp_path, PROJECT), actual, NOW, allow_removals="all")
    assert meant.refusals == ()
    assert plan(declared(tmp_path, PROJECT), apply(meant, actual), NOW).is_empty


@pytest.mark.parametrize(
    ("removed", "applied", "share", "allow", "expected"),
    [
        (0, 4, "25%", None, []),
        (1, 4, "25%", None, []),
        (2, 4, "25%", None, ["G105"]),
        (2, 4, "25%", 2, []),
        (3, 4, "25%", 2, ["G105"]),
        (2, 4, "50%", None, []),
        (1, 3, "25%", None, []),
        (1, 3, "0%", None, ["G105"]),
        (1, 3, "0%", 1, []),
        (1, 1, "25%", None, ["G106"]),
        (4, 4, "100%", None, ["G106"]),
        (4, 4, "100%", 4, ["G106"]),
        (4, 4, "0%", "all", []),
        (25, 100, "25%", None, []),
        (26, 100, "25%", None, ["G105"]),
    ],
)
def test_removal_limits(removed: int, applied: int, share: str, allow: int | None, expected: list[str]) -> None:
    names = [f"outbox/a{number}" for number in range(removed)]
    assert [each.code for each in removals(names, applied, share, allow)] == expected


def test_the_limit_is_the_projects(tmp_path: Path) -> None:
    names = ("us", "de", "fr", "it")
    rest = [audience(name) for name in names[1:]]
    actual = first(tmp_path, *rest, activation=activation(*names))
    two = activation("us", "de")
    assert codes(plan(small(tmp_path, *rest, activation=two), actual, NOW)) == ["G105"]
    loose = PROJECT.replace("name: growth}", "name: growth}, spec: {removals: {maxShare: 50%}}")
    assert codes(plan(small(tmp_path, *rest, activation=two, project=loose), actual, NOW)) == []


def test_protection_outlives_its_document(tmp_path: Path) -> None:
    kept = audience("kept", meta="protect: true")
    actual = first(tmp_path, kept, activation=activation("us", "kept"))
    found = plan(small(tmp_path), actual, NOW)
    assert codes(found) == ["G104"]
    assert "Declare it again; if it is to go, apply protect: false first." in found.refusals[0].sentence
    unprotected = small(tmp_path, audience("kept"), activation=activation("us", "kept"))
    actual = apply(plan(unprotected, actual, NOW), actual)
    assert codes(plan(small(tmp_path), actual, NOW)) == []


def test_a_protected_destination_stays(tmp_path: Path) -> None:
    protected = POST.replace("name: post", "name: post, protect: true", 1)
    found = plan(small(tmp_path), first(tmp_path, protected), NOW)
    assert codes(found) == ["G104"]
    assert changes(found) == [("remove-destination", "post")]


def test_an_heir_that_was_applied_long_ago_is_no_way_around_protection(tmp_path: Path) -> None:
    """A line `renamedFrom` at another destination, old or new to the line, doesn't make a removal a rename."""
    protected = POST.replace("name: post", "name: post, protect: true", 1)
    actual = first(tmp_path, protected)
    heir = OUTBOX.replace("name: outbox", "name: outbox, renamedFrom: post", 1)
    found = plan(small(tmp_path, destination=heir), actual, NOW)
    assert codes(found) == ["G104"]
    assert found.changes[0].reason.code != "renamed"


def test_a_destination_that_came_back_after_its_rename_is_protected(tmp_path: Path) -> None:
    actual = first(tmp_path)
    heir = {
        "destination": OUTBOX.replace("name: outbox", "name: post, renamedFrom: outbox", 1),
        "activation": activation("us", to="post"),
    }
    actual = apply(plan(small(tmp_path, **heir), actual, NOW), actual)
    assert sorted(actual.destinations) == ["post"]
    later = NOW + timedelta(days=1)
    back = OUTBOX.replace("name: outbox", "name: outbox, protect: true", 1).replace("path: out", "path: other")
    without_line = heir | {"destination": heir["destination"].replace(", renamedFrom: outbox", "")}
    actual = apply(plan(small(tmp_path, back, **without_line), actual, later), actual)
    found = plan(small(tmp_path, **heir), actual, later)
    assert (codes(found), changes(found)) == (["G104"], [("remove-destination", "outbox")])


def test_a_rename_that_ended_halfway_is_completed_though_protected(tmp_path: Path) -> None:
    """The new record is there and the flows have moved; what is left is the old record."""
    about = OUTBOX.replace("name: outbox", "name: outbox, protect: true", 1)
    actual = first(tmp_path, destination=about)
    renamed = small(
        tmp_path,
        destination=about.replace("name: outbox", "name: post, renamedFrom: outbox", 1),
        activation=activation("us", to="post"),
    )
    whole = plan(renamed, actual, NOW + timedelta(hours=1))
    assert codes(whole) == []
    half = whole.model_copy(
        update={"changes": tuple(each for each in whole.changes if each.change != "remove-destination")}
    )
    found = plan(renamed, apply(half, actual), NOW + timedelta(hours=2))
    assert (codes(found), changes(found)) == ([], [("remove-destination", "outbox")])
    assert found.changes[0].reason.code == "renamed"


def test_what_others_own_is_neither_removed_nor_taken(tmp_path: Path) -> None:
    theirs = PROJECT.replace("growth", "sales")
    actual = first(tmp_path, project=theirs)
    assert plan(declared(tmp_path, PROJECT), actual, NOW).is_empty
    found = plan(small(tmp_path, audience=audience("us", "country = 'DE'")), actual, NIGHT)
    assert codes(found) == ["G103", "G103"]
    assert found.changes == ()


def test_others_flows_dont_count_for_the_limit(tmp_path: Path) -> None:
    """All of ours is all, however much others have in the same ledger."""
    ours = first(tmp_path)
    parts = {
        "project": PROJECT.replace("growth", "sales"),
        "destination": POST,
        "activation": activation("us", to="post"),
    }
    both = apply(plan(small(tmp_path, **parts), ours, NOW), ours)
    assert codes(plan(declared(tmp_path, PROJECT), both, NOW)) == ["G106"]


def test_a_rename_is_not_taken_from_others(tmp_path: Path) -> None:
    actual = first(tmp_path, project=PROJECT.replace("growth", "sales"))
    parts = {"destination": POST.replace("name: post", "name: post, renamedFrom: outbox", 1)}
    found = plan(small(tmp_path, activation=activation("us", to="post"), **parts), actual, NOW)
    assert changes(found) == [("create-destination", "post"), ("add-flow", "post/audience/us")]


def test_another_environment_is_refused(tmp_path: Path) -> None:
    actual = first(tmp_path)
    assert actual.project
    other = actual.model_copy(update={"project": actual.project.model_copy(update={"environment": "prod"})})
    found = plan(declared(tmp_path, PROJECT), other, NIGHT)
    assert codes(found) == ["G101"]
    assert found.changes == ()
    assert "environment prod" in found.refusals[0].sentence


def test_a_simulated_ledger_is_no_real_one(tmp_path: Path) -> None:
    actual = first(tmp_path)
    simulated = PROJECT.replace("name: growth}", "name: growth}, spec: {ledger: {simulated: true}}")
    assert codes(plan(small(tmp_path, project=simulated), actual, NOW)) == ["G102"]


def test_an_older_commit_is_refused(tmp_path: Path) -> None:
    desired, actual = small(tmp_path), first(tmp_path)
    assert actual.project
    last = actual.project.owners["growth"].model_copy(update={"revision": "ab" * 20, "committed_at": NOW})
    actual = actual.model_copy(update={"project": actual.project.model_copy(update={"owners": {"growth": last}})})
    older = NOW - timedelta(hours=1)
    assert codes(plan(desired, actual, NOW, committed_at=older)) == ["G108"]
    assert codes(plan(desired, actual, NOW, committed_at=older, allow_rewind=True)) == []
    assert codes(plan(desired, actual, NOW, committed_at=NOW)) == []


# Selection ------------------------------------------------------------------------------------------------------------


def two_destinations(folder: Path) -> Actual:
    return first(folder, POST, activation("us", to="post", name="to-post"))


@pytest.mark.parametrize("pattern", ["outbox", "outbox/us", "outbox/audience/us", "out*", "*/us"])
def test_a_selection_adds_what_its_flows_need(tmp_path: Path, pattern: str) -> None:
    desired = small(tmp_path, POST)
    found = plan(desired, Actual(), NOW, select=(pattern,))
    assert changes(found) == [("create-destination", "outbox"), ("add-flow", "outbox/audience/us")]
    assert found.selected == (pattern,)


def test_a_selection_removes_nothing_outside_of_it(tmp_path: Path) -> None:
    actual = two_destinations(tmp_path)
    without = small(tmp_path)
    assert plan(without, actual, NOW, select=("outbox/*",)).is_empty
    found = plan(without, actual, NOW, select=("post",))
    assert changes(found) == [("remove-flow", "post/audience/us"), ("remove-destination", "post")]
    only_flow = plan(without, actual, NOW, select=("post/us",))
    assert changes(only_flow) == [("remove-flow", "post/audience/us")]


def test_a_selection_of_a_former_name_moves(tmp_path: Path) -> None:
    actual = first(tmp_path)
    desired = small(tmp_path, audience=audience("usa", meta="renamedFrom: us"), activation=activation("usa"))
    for pattern in ("outbox/us", "outbox/usa"):
        assert changes(plan(desired, actual, NOW, select=(pattern,))) == [("move-flow", "outbox/audience/usa")]


def test_a_renamed_destination_stays_while_a_flow_is_left(tmp_path: Path) -> None:
    actual = first(tmp_path, audience("de"), activation=activation("us", "de"))
    parts = {"destination": OUTBOX.replace("name: outbox", "name: post, renamedFrom: outbox", 1)}
    desired = small(tmp_path, audience("de"), activation=activation("us", "de", to="post"), **parts)
    found = plan(desired, actual, NOW, select=("post/us",))
    assert changes(found) == [("create-destination", "post"), ("move-flow", "post/audience/us")]
    after = apply(found, actual)
    rest = plan(desired, after, NOW)
    assert changes(rest) == [("move-flow", "post/audience/de"), ("remove-destination", "outbox")]
    assert plan(desired, apply(rest, after), NOW).is_empty


def test_a_selection_of_nothing_is_refused(tmp_path: Path) -> None:
    assert codes(plan(small(tmp_path), Actual(), NOW, select=("outbux",))) == ["G107"]


def in_bucket(name: str, path: str) -> str:
    spec = f"{{type: s3, account: aws, connection: {{bucket: shared, path: {path}}}}}"
    account = "{apiVersion: reconciler/v1, kind: Account, metadata: {name: aws}, spec: {type: aws}}"
    return f"{{apiVersion: reconciler/v1, kind: Destination, metadata: {{name: {name}}}, spec: {spec}}}\n---\n{account}"


@pytest.mark.parametrize(
    ("path", "refused"), [("a/b", True), ("a/b/c", True), ("a", True), ("a/bc", False), ("z", False)]
)
def test_two_projects_of_one_ledger_never_share_a_folder(tmp_path: Path, path: str, refused: bool) -> None:
    theirs = PROJECT.replace("name: growth", "name: theirs")
    actual = apply(plan(declared(tmp_path, theirs, in_bucket("box", "a/b")), Actual(), NOW), Actual())
    found = plan(declared(tmp_path, PROJECT, in_bucket("mine", path)), actual, NOW)
    assert codes(found) == (["G109"] if refused else [])
    assert all("mine" in each.sentence and "box" in each.sentence for each in found.refusals)
    elsewhere = apply(plan(declared(tmp_path, PROJECT, in_bucket("mine", "y")), actual, NOW), actual)
    moved = plan(declared(tmp_path, PROJECT, in_bucket("mine", path)), elsewhere, NOW)
    assert codes(moved) == (["G109"] if refused else [])
    assert "G109" not in codes(plan(declared(tmp_path, theirs, in_bucket("box", "a/b/c")), elsewhere, NOW))


def test_relative_folders_of_two_projects_are_two_folders(tmp_path: Path) -> None:
    theirs = PROJECT.replace("name: growth", "name: theirs")
    actual = apply(plan(declared(tmp_path, theirs, OUTBOX), Actual(), NOW), Actual())
    assert plan(declared(tmp_path, PROJECT, OUTBOX.replace("name: outbox", "name: mine")), actual, NOW).refusals == ()
