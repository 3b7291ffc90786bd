"""Roles: which change needs what, judged by the roles that were applied before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.desired import Desired
from reconciler.config.load import load
from reconciler.ledger.records import Actual
from reconciler.plan.access import Access, governing_of
from reconciler.plan.assumed import as_applied
from reconciler.plan.permitted import Principal
from reconciler.plan.plan import Plan
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from tests.plan.planning import NOW, PROJECT, SCHEDULE, activation, apply, audience, declared
from tests.plan.test_governance import COLUMNS, policy, sends, to

ADMIN = Principal(name="root", groups=("privacy",))
ANA = Principal(name="ana", groups=("growth",))
BOB = Principal(name="bob", claims={"department": ("finance",)})


def role(name: str, subjects: str, grants: str, scope: str = "") -> str:
    extra = f", {scope}" if scope else ""
    return f"""{{apiVersion: reconciler/v1, kind: Role, metadata: {{name: {name}}},
      spec: {{subjects: [{subjects}], grants: [{grants}]{extra}}}}}"""


def labelled(name: str, team: str, more: str = "accepts: [prospects]") -> str:
    return to(name, more).replace(f"name: {name}}}", f"name: {name}, labels: {{team: {team}}}}}", 1)


EVERYTHING = "view-destinations, manage-destinations, activate-destinations"
PRIVACY = role("privacy", "{group: privacy}", "manage-policies")
GROWTH = role("growth", "{group: growth}", EVERYTHING, "destinationSelector: {matchLabels: {team: growth}}")
FINANCE = role("finance", "{claim: {name: department, value: finance}}", EVERYTHING, "destinations: [ledgers]")
ROLES = (PRIVACY, GROWTH, FINANCE)
NOBODYS = role("x", "{user: a}", "view-destinations", "destinationSelector: {matchLabels: {team: x}}")
HEAD = (PROJECT, SCHEDULE, audience("us"))
PLACES = (labelled("post", "growth"), labelled("ledgers", "finance"))
FLOWS = (sends("one", "post", "id"), sends("two", "ledgers", "id"))


def project(folder: Path, *documents: str) -> Desired:
    return declared(folder, PROJECT, SCHEDULE, COLUMNS, audience("us"), *documents)


@pytest.fixture
def actual(tmp_path: Path) -> Actual:
    """Two teams with a destination and a flow each."""
    first = plan(project(tmp_path, *PLACES, *FLOWS, *ROLES), Actual(), NOW, principal=BOB)
    assert first.refusals == ()
    assert [each.change for each in first.changes][-1] == "update-access"
    return apply(first, Actual())


def lacking(found: Plan) -> list[str]:
    assert all(each.code == "G150" for each in found.refusals)
    return [each.sentence for each in found.refusals]


def test_without_any_role_all_is_allowed_and_nothing_recorded(tmp_path: Path) -> None:
    found = plan(project(tmp_path, *PLACES, *FLOWS), Actual(), NOW, principal=ANA)
    assert found.refusals == ()
    assert found.permissions is None
    assert {each.change for each in found.changes} == {"create-destination", "add-flow"}


def test_nothing_to_do_stays_nothing(tmp_path: Path, actual: Actual) -> None:
    again = plan(project(tmp_path, *PLACES, *FLOWS, *ROLES), actual, NOW, principal=ANA)
    assert again.is_empty
    assert actual.governing("growth") == governing_of(project(tmp_path, *PLACES, *FLOWS, *ROLES))


def test_each_team_changes_its_own(tmp_path: Path, actual: Actual) -> None:
    edited = (FLOWS[0].replace("columns: [id]", "columns: [id, country]"), FLOWS[1])
    desired = project(tmp_path, *PLACES, *edited, *ROLES)
    assert lacking(plan(desired, actual, NOW, principal=ANA)) == []
    (said,) = lacking(plan(desired, actual, NOW, principal=BOB))
    assert said == (
        "bob may not update flow post/us, for lack of activate-destinations on post (granted by role growth (group growth)) and "
        "view-destinations on post (granted by role growth (group growth))."
    )


@pytest.mark.parametrize(
    ("more", "permission"),
    [
        ("accepts: [prospects], format: {type: csv}", "manage-destinations"),
        ("accepts: [datasets]", "manage-dataset-destinations"),
    ],
)
def test_connecting_needs_view_and_manage(tmp_path: Path, actual: Actual, more: str, permission: str) -> None:
    new = labelled("extra", "growth", more)
    found = plan(project(tmp_path, *PLACES, *FLOWS, *ROLES, new), actual, NOW, principal=ADMIN)
    (said,) = [each for each in lacking(found) if "extra" in each]
    assert f"{permission} on extra" in said
    assert "view-destinations on extra" in said
    ana = lacking(plan(project(tmp_path, *PLACES, *FLOWS, *ROLES, new), actual, NOW, principal=ANA))
    assert ana == ([] if permission == "manage-destinations" else ana)
    if permission == "manage-dataset-destinations":
        assert ana == [
            "ana may not create destination extra, for lack of manage-dataset-destinations on extra (which no role grants)."
        ]


def test_widening_a_destination_to_datasets_needs_theirs_too(tmp_path: Path, actual: Actual) -> None:
    wider = (labelled("post", "growth", "accepts: [prospects, datasets]"), PLACES[1])
    (said,) = lacking(plan(project(tmp_path, *wider, *FLOWS, *ROLES), actual, NOW, principal=ANA))
    assert "manage-dataset-destinations on post (which no role grants)" in said


def test_a_dataset_is_activated_by_its_own_permission(tmp_path: Path, actual: Actual) -> None:
    flow = sends("data", "post", "id").replace("audiences: [us]", "datasets: [prospects]")
    place = labelled("post", "growth", "accepts: [prospects, datasets]")
    granted = role(
        "data",
        "{user: ana}",
        "activate-datasets, manage-dataset-destinations, view-destinations",
        "destinations: [post]",
    )
    now = apply(plan(project(tmp_path, *PLACES, *FLOWS, *ROLES, granted), actual, NOW, principal=ADMIN), actual)
    desired = project(tmp_path, place, PLACES[1], *FLOWS, flow, *ROLES, granted)
    assert lacking(plan(desired, now, NOW, principal=ANA)) == []
    others = lacking(plan(desired, now, NOW, principal=Principal(name="eve", groups=("growth",))))
    assert any("may not add flow post/prospects, for lack of activate-datasets on post" in each for each in others)


def test_removing_is_changing(tmp_path: Path, actual: Actual) -> None:
    desired = project(
        tmp_path,
        PLACES[0],
        FLOWS[0],
        PRIVACY,
        GROWTH,
        FINANCE.replace("destinations: [ledgers]", "destinations: [post]"),
    )
    found = plan(desired, actual, NOW, principal=ANA, allow_removals="all")
    said = " ".join(lacking(found))
    assert "ana may not remove flow ledgers/us" in said
    assert "ana may not remove destination ledgers" in said
    assert (
        "ana may not change what permissions are judged by, for lack of manage-policies (granted by role privacy (group privacy))"
        in said
    )


def test_roles_are_changed_by_who_may_under_the_roles_before(tmp_path: Path, actual: Actual) -> None:
    wider = GROWTH.replace("destinationSelector: {matchLabels: {team: growth}}", "destinations: [post, ledgers]")
    desired = project(tmp_path, *PLACES, *FLOWS, PRIVACY, wider, FINANCE)
    (said,) = lacking(plan(desired, actual, NOW, principal=ANA))
    assert "manage-policies" in said
    assert lacking(plan(desired, actual, NOW, principal=ADMIN)) == []
    both = (FLOWS[0], FLOWS[1].replace("columns: [id]", "columns: [id, country]"))
    grab = project(tmp_path, *PLACES, *both, PRIVACY, wider, FINANCE)
    assert len(lacking(plan(grab, actual, NOW, principal=ANA))) == 2
    after = apply(plan(desired, actual, NOW, principal=ADMIN), actual)
    assert lacking(plan(grab, after, NOW, principal=ANA)) == []


def test_taking_all_roles_away_is_a_change_of_roles(tmp_path: Path, actual: Actual) -> None:
    desired = project(tmp_path, *PLACES, *FLOWS)
    assert len(lacking(plan(desired, actual, NOW, principal=ANA))) == 1
    free = apply(plan(desired, actual, NOW, principal=ADMIN), actual)
    assert free.governing("growth") is None


def test_a_label_moves_nothing_into_reach(tmp_path: Path, actual: Actual) -> None:
    """By its own label alone somebody would take over what is another team's, or take along what is theirs."""
    grabbed = (PLACES[0], labelled("ledgers", "growth"))
    said = lacking(plan(project(tmp_path, *grabbed, *FLOWS, *ROLES), actual, NOW, principal=ANA))
    assert len(said) == 1
    assert "manage-destinations on ledgers" in said[0]
    edited = (FLOWS[0], FLOWS[1].replace("columns: [id]", "columns: [id, country]"))
    assert len(lacking(plan(project(tmp_path, *grabbed, *edited, *ROLES), actual, NOW, principal=ANA))) == 2
    given = (labelled("post", "finance"), PLACES[1])
    theirs = role("growth", "{group: growth}", EVERYTHING, "destinations: [ledgers]")
    assert (
        len(lacking(plan(project(tmp_path, *given, *FLOWS, PRIVACY, FINANCE, theirs), actual, NOW, principal=ANA))) == 1
    )


def test_a_policy_and_what_gets_around_it_are_the_privacy_officers(tmp_path: Path, actual: Actual) -> None:
    off = policy("core-third-party", "{status: disabled, reason: x}")
    lift = "override: {policy: core-third-party, until: 2027-01-01, reason: x}"
    lifted = activation("us", name="one", to="post", meta=lift, more="columns: [id], backfill: full")
    rest = (*PLACES, *FLOWS, *ROLES)
    for changed in (
        lambda: project(tmp_path, *rest, off),
        lambda: declared(tmp_path, *HEAD, COLUMNS.replace(", labels: [C2]", ""), *rest),
        lambda: project(tmp_path, *PLACES, FLOWS[1], lifted, *ROLES),
    ):
        (said,) = [each for each in lacking(plan(changed(), actual, NOW, principal=ANA)) if "manage-policies" in each]
        assert "granted by role privacy (group privacy)" in said
    more = COLUMNS.replace("country: {type: string}", "country: {type: string, labels: [I2]}")
    stricter = plan(declared(tmp_path, *HEAD, more, *rest), actual, NOW, principal=ANA)
    assert not any("manage-policies" in each for each in lacking(stricter))


def test_what_a_destination_is_for_and_whom_is_taken_from_it_by_the_privacy_officers(tmp_path: Path) -> None:
    """Else a team would get around a policy by its own destination, once that is applied."""
    spec = "accepts: [prospects], marketingActions: [email-targeting], recipient: {name: Agency, country: IE}"
    place = labelled("post", "growth", spec)

    def desired(before: str, after: str) -> Desired:
        return project(tmp_path, place.replace(before, after), PLACES[1], *ROLES)

    actual = apply(plan(desired("", ""), Actual(), NOW, principal=ADMIN), Actual())
    for before, after in (
        ("marketingActions: [email-targeting]", "marketingActions: []"),
        ("name: Agency", "name: Another"),
        (", recipient: {name: Agency, country: IE}", ""),
    ):
        (said,) = lacking(plan(desired(before, after), actual, NOW, principal=ANA))
        assert "for lack of manage-policies (granted by role privacy" in said
    renamed = place.replace("name: post", "name: mail, renamedFrom: post")
    for now, lacks in ((renamed, False), (renamed.replace("[email-targeting]", "[]"), True)):
        found = plan(project(tmp_path, now, PLACES[1], *ROLES), actual, NOW, principal=ANA)
        assert any("manage-policies" in each for each in lacking(found)) is lacks
    for before, after in (
        ("[email-targeting]", "[email-targeting, analytics]"),
        ("name: Agency", "name: ' agency'"),
        ("IE}", "IE, until: 2030-01-01}"),
    ):
        assert lacking(plan(desired(before, after), actual, NOW, principal=ANA)) == []


def test_a_dataset_that_goes_is_free_and_one_that_is_renamed_keeps_its_labels(tmp_path: Path, actual: Actual) -> None:
    extra = COLUMNS.replace("name: prospects", "name: extra").replace("location: ", "location: more/")
    free = declared(tmp_path, *HEAD, COLUMNS, extra, *PLACES, *FLOWS, *ROLES)
    now = apply(plan(free, actual, NOW, principal=ADMIN), actual)
    assert lacking(plan(project(tmp_path, *PLACES, *FLOWS, *ROLES), now, NOW, principal=ANA)) == []
    renamed = extra.replace("name: extra", "name: other, renamedFrom: extra")
    for data, policies in ((renamed, 0), (renamed.replace(", labels: [C2]", ""), 1)):
        desired = declared(tmp_path, *HEAD, COLUMNS, data, *PLACES, *FLOWS, *ROLES)
        assert len(lacking(plan(desired, now, NOW, principal=ANA))) == policies


def test_another_projects_name_is_no_way_around(tmp_path: Path, actual: Actual) -> None:
    """A project that is new to a ledger with roles is let in by who may change roles; one that was there before has its own."""
    mine = PROJECT.replace("growth", "mine")
    box = to("mine", "accepts: [prospects]")
    desired = declared(tmp_path, mine, SCHEDULE, COLUMNS, audience("us"), box, sends("out", "mine", "id"))
    said = lacking(plan(desired, actual, NOW, principal=ANA))
    assert len(said) == 2
    assert all("manage-policies (granted by role growth/privacy (group privacy))" in each for each in said)
    after = apply(plan(desired, actual, NOW, principal=ADMIN), actual)
    assert Access.of("mine", after, desired) is None


def test_another_issuer_is_a_change_of_roles(tmp_path: Path, actual: Actual) -> None:
    own = PROJECT.replace(
        "{name: growth}}",
        "{name: growth}, spec: {identity: {issuer: 'https://me', audience: x, keys: {url: 'https://me/k'}}}}",
    )
    desired = declared(tmp_path, own, SCHEDULE, COLUMNS, audience("us"), *PLACES, *FLOWS, *ROLES)
    (said,) = lacking(plan(desired, actual, NOW, principal=ANA))
    assert "manage-policies" in said


def test_who_isnt_known_sees_who_could(tmp_path: Path, actual: Actual) -> None:
    edited = (FLOWS[0].replace("columns: [id]", "columns: [id, country]"), FLOWS[1])
    found = plan(project(tmp_path, *PLACES, *edited, *ROLES), actual, NOW)
    assert found.refusals == ()
    assert (
        "Permissions  it isn't known who this is; to apply it somebody needs\n"
        "  activate-destinations on post: role growth (group growth)\n"
        "  view-destinations on post: role growth (group growth)\n"
    ) in as_text(found)
    assert "role growth" in as_markdown(found)
    known = plan(project(tmp_path, *PLACES, *edited, *ROLES), actual, NOW, principal=ANA)
    assert "Permissions  ana has all that is needed\n" in as_text(known)
    refused = plan(project(tmp_path, *PLACES, *edited, *ROLES), actual, NOW, principal=BOB)
    assert "Permissions  bob lacks 2 permissions\n" in as_text(refused)


def test_a_comparison_is_judged_by_the_roles_of_its_base(tmp_path: Path) -> None:
    base = as_applied(project(tmp_path, *PLACES, *FLOWS, *ROLES), NOW)
    wider = GROWTH.replace("destinationSelector: {matchLabels: {team: growth}}", "destinations: [post, ledgers]")
    edited = (FLOWS[0], FLOWS[1].replace("columns: [id]", "columns: [id, country]"))
    found = plan(project(tmp_path, *PLACES, *edited, PRIVACY, wider, FINANCE), base, NOW, base="main", principal=ANA)
    assert len(lacking(found)) == 2


def test_the_change_is_shown_by_its_roles(tmp_path: Path, actual: Actual) -> None:
    wider = GROWTH.replace("destinationSelector: {matchLabels: {team: growth}}", "destinations: [post, ledgers]")
    found = plan(project(tmp_path, *PLACES, *FLOWS, PRIVACY, wider, FINANCE), actual, NOW, principal=ADMIN)
    text = as_text(found)
    assert "  ~ access       growth  what permissions are judged by: roles, identity, policies, labels\n" in text
    assert "roles.growth.destinations (none)  →  post, ledgers" in text
    assert "permissions to record" in text
    assert "what permissions are judged by changed" in as_markdown(found).splitlines()[0]


def test_a_part_of_the_project_leaves_roles_alone(tmp_path: Path, actual: Actual) -> None:
    wider = GROWTH.replace("destinationSelector: {matchLabels: {team: growth}}", "destinations: [post, ledgers]")
    found = plan(
        project(tmp_path, *PLACES, *FLOWS, PRIVACY, wider, FINANCE), actual, NOW, select=("post*",), principal=ANA
    )
    assert found.is_empty


def test_exports_on_demand_are_activating(actual: Actual) -> None:
    access = Access.of("growth", actual)
    assert access is not None
    head = actual.flows["ledgers/audience/us"]
    assert access.export(head, BOB) is None
    refusal = access.export(head, ANA)
    assert refusal is not None
    assert "ana may not export ledgers/us" in refusal.sentence
    assert Access.of("another-project", Actual()) is None


@pytest.mark.parametrize(
    ("documents", "code", "said"),
    [
        ((GROWTH, PLACES[0]), "R160", "No role grants manage-policies"),
        ((PRIVACY, role("x", "{user: a}", "view-destinations", "destinations: [pst]"), PLACES[0]), "R101", "Did you mean post?"),
        ((PRIVACY, NOBODYS, PLACES[0]), "R111", "team: x"),
        ((PRIVACY, role("x", "{user: a}", "manage-policies", "destinations: [post]"), PLACES[0]), "C110", "without destinations"),
        ((PRIVACY, role("x", "{user: a, group: b}", "view-destinations")), "C110", "one thing"),
        ((PRIVACY, role("x", "{}", "view-destinations")), "C110", "one thing"),
        ((PRIVACY, role("x", "{user: a}", "manage-destination")), "C104", "manage-destinations"),
        ((PRIVACY, role("x", "", "view-destinations")), "C106", "1 entries"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, documents: tuple[str, ...], code: str, said: str) -> None:
    (tmp_path / "all.yaml").write_text("\n---\n".join((PROJECT, *documents)))
    (found,) = load(tmp_path).diagnostics
    assert (found.code, said in found.detail) == (code, True), found
