"""Handing over between two projects of one ledger: what each plan says, in either order; and what is in use and can't go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.ledger.records import Actual
from reconciler.plan.bind import check_saved, save
from reconciler.plan.plan import AdoptDestination, AdoptFlow, Export, Plan, UpdateFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_markdown import as_markdown
from reconciler.present.plan_text import as_text
from reconciler.version import __version__
from tests.plan import planning
from tests.plan.planning import DATASET, NIGHT, NOW, PROJECT, SCHEDULE, activation, apply, audience, declared, small

OUTBOX = planning.OUTBOX.replace("path: out", "path: /srv/out")
LAKE = DATASET.replace("location: lake", "location: /srv/lake")
LATER = NIGHT + timedelta(hours=1)
AGENCY = PROJECT.replace("name: growth", "name: agency")
GIVE, TAKE = "transferTo: agency", "adoptFrom: growth"
POST = OUTBOX.replace("name: outbox", "name: post").replace("path: /srv/out", "path: /srv/post")


def outbox(meta: str) -> str:
    return OUTBOX.replace("name: outbox", f"name: outbox, {meta}", 1)


def codes(found: Plan) -> list[str]:
    return [each.code for each in found.refusals]


def changes(found: Plan) -> list[tuple[str, str]]:
    return [(each.change, each.subject) for each in found.changes]


PARTS = {"dataset": LAKE, "destination": OUTBOX}


class Teams:
    """One ledger, and the folders of two projects."""

    def __init__(self, root: Path) -> None:
        self.growth_dir, self.agency_dir = root / "growth", root / "agency"
        self.growth_dir.mkdir()
        self.agency_dir.mkdir()
        self.actual = Actual()

    def growth(self, *extra: str, **parts: str) -> Plan:
        return plan(small(self.growth_dir, *extra, **PARTS | parts), self.actual, LATER)

    def agency(self, *extra: str, **parts: str) -> Plan:
        return plan(small(self.agency_dir, *extra, **PARTS | {"project": AGENCY} | parts), self.actual, LATER)

    def performed(self, found: Plan) -> None:
        self.actual = apply(found, self.actual)


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    """Growth exports us to outbox, and has done so for a night."""
    found = Teams(tmp_path)
    found.actual = apply(plan(small(found.growth_dir, **PARTS), Actual(), NOW), Actual())
    found.actual = apply(plan(small(found.growth_dir, **PARTS), found.actual, NIGHT), found.actual)
    return found


FLOW = "outbox/audience/us"


def test_the_old_project_offers_and_goes_on_exporting(teams: Teams) -> None:
    found = teams.growth(activation=activation("us", meta=GIVE))
    assert changes(found) == [("update-flow", FLOW)]
    offer = found.changes[0]
    assert isinstance(offer, UpdateFlow)
    assert (offer.reason.code, offer.cursor) == ("offered", "keep")
    assert [(each.path, each.after) for each in offer.fields] == [("transferTo", "agency")]
    teams.performed(found)
    again = teams.growth(activation=activation("us", meta=GIVE))
    assert again.is_empty
    assert "outbox/us is offered to project agency" in as_text(again)
    next_night = plan(
        small(teams.growth_dir, **PARTS | {"activation": activation("us", meta=GIVE)}),
        teams.actual,
        LATER + timedelta(days=1),
    )
    assert [each.subject for each in next_night.changes if isinstance(each, Export)] == [FLOW]


@pytest.mark.parametrize("where", ["activation", "destination", "audience"])
def test_the_new_project_takes_over_where_the_old_one_was(teams: Teams, where: str) -> None:
    """On whatever object both say it: cursor, slots, folder and history of the flow stay."""
    before = teams.actual.flows[FLOW]

    def said(line: str) -> dict[str, str]:
        return {
            "activation": {"activation": activation("us", meta=line)},
            "destination": {"destination": outbox(line)},
            "audience": {"audience": audience("us", meta=line)},
        }[where]

    teams.performed(teams.growth(**said(GIVE)))
    found = teams.agency(**said(TAKE))
    assert not found.refusals
    expected = [("adopt-destination", "outbox")] if where == "destination" else []
    assert changes(found) == [*expected, ("adopt-flow", FLOW)]
    adopted = found.changes[-1]
    assert isinstance(adopted, AdoptFlow)
    assert (adopted.adopted_from, adopted.cursor) == ("growth", "keep")
    teams.performed(found)
    head = teams.actual.flows[FLOW]
    assert (head.owner, head.cursor, head.last_slot, head.since) == (
        "agency",
        before.cursor,
        before.last_slot,
        before.since,
    )
    assert (head.source_id, head.born, head.epoch) == (before.source_id, before.born, before.epoch)
    assert teams.actual.destinations["outbox"].owner == ("agency" if where == "destination" else "growth")
    assert teams.agency(**said(TAKE)).is_empty
    done = teams.growth(**said(GIVE))
    assert done.is_empty
    assert "outbox/us belongs to project agency now" in as_text(done)


def test_what_was_handed_over_can_be_taken_out_of_the_old_project(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    teams.performed(teams.agency(destination=outbox(TAKE)))
    assert plan(declared(teams.growth_dir, PROJECT), teams.actual, LATER).is_empty


def test_taking_over_without_consent_is_refused(teams: Teams) -> None:
    found = teams.agency(destination=outbox(TAKE))
    assert set(codes(found)) == {"G170"}
    assert "transferTo: agency" in found.refusals[0].sentence


@pytest.mark.parametrize("offer", ["", "transferTo: other"])
def test_each_flow_needs_consent_of_its_own(teams: Teams, offer: str) -> None:
    """Without the destination, nothing but the flow's own head tells of it."""
    if offer:
        teams.performed(teams.growth(activation=activation("us", meta=offer)))
    found = teams.agency(activation=activation("us", meta=TAKE))
    assert (codes(found), changes(found)) == (["G170"], [])


def test_a_destination_without_flows_needs_consent_too(teams: Teams) -> None:
    teams.performed(teams.growth(POST))
    taken = POST.replace("name: post", f"name: post, {TAKE}", 1)
    elsewhere = OUTBOX.replace("name: outbox", "name: own").replace("/srv/out", "/srv/own")
    found = teams.agency(taken, destination=elsewhere, activation=activation("us", to="own"))
    assert codes(found) == ["G170"]


def test_an_offer_to_another_project_is_no_consent(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox("transferTo: other")))
    assert set(codes(teams.agency(destination=outbox(TAKE)))) == {"G170"}


def test_an_offer_alone_takes_nothing_over(teams: Teams) -> None:
    """The new project says so too: else a copied document would take over what is merely offered."""
    teams.performed(teams.growth(destination=outbox(GIVE)))
    found = teams.agency()
    assert set(codes(found)) == {"G103"}
    assert "adoptFrom: growth" in " ".join(each.sentence for each in found.refusals)


def test_an_offer_can_be_withdrawn_until_it_is_taken(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    back = teams.growth()
    assert [each.reason.code for each in back.changes] == ["offer-withdrawn", "offer-withdrawn"]
    teams.performed(back)
    assert set(codes(teams.agency(destination=outbox(TAKE)))) == {"G170"}


def test_withdrawing_after_it_was_taken_is_refused_and_says_why(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    teams.performed(teams.agency(destination=outbox(TAKE)))
    assert set(codes(teams.growth())) == {"G103"}


def test_what_is_offered_cannot_be_removed_before_it_is_taken(teams: Teams) -> None:
    """Else there would be a gap: the new project counts on the old one exporting until then."""
    teams.performed(teams.growth(destination=outbox(GIVE)))
    found = plan(declared(teams.growth_dir, PROJECT), teams.actual, LATER, allow_removals="all")
    assert codes(found) == ["G172", "G172"]


def test_a_saved_plan_to_take_over_goes_stale_when_the_offer_is_withdrawn(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    desired = small(teams.agency_dir, project=AGENCY, dataset=LAKE, destination=outbox(TAKE))
    saved = save(plan(desired, teams.actual, LATER))
    assert check_saved(saved, desired, teams.actual, LATER, __version__) is None
    teams.performed(teams.growth())
    refused = check_saved(saved, desired, teams.actual, LATER, __version__)
    assert refused is not None
    assert refused.code == "G123"


def test_adopting_what_is_not_there_is_refused_instead_of_exporting_everything(teams: Teams) -> None:
    """A name that isn't the old project's would begin a second flow beside the old one."""
    teams.performed(teams.growth(destination=outbox(GIVE)))
    found = teams.agency(
        destination=outbox(TAKE), audience=audience("usa", meta=TAKE), activation=activation("usa", meta=TAKE)
    )
    assert "G171" in codes(found)


def test_more_can_be_added_once_something_was_adopted(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    teams.performed(teams.agency(destination=outbox(TAKE)))
    found = teams.agency(audience("de"), destination=outbox(TAKE), activation=activation("us", "de"))
    assert not found.refusals
    assert ("add-flow", "outbox/audience/de") in changes(found)


def test_a_changed_filter_is_shown_and_rebuilds_as_ever(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    found = teams.agency(destination=outbox(TAKE), audience=audience("us", "country = 'CA'"))
    adopted = found.changes[-1]
    assert isinstance(adopted, AdoptFlow)
    assert adopted.cursor == "rebuild"
    assert "REBUILD" in as_text(found)


def test_protection_is_taken_over_and_cannot_be_lost_on_the_way(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(f"{GIVE}, protect: true")))
    assert set(codes(teams.agency(destination=outbox(TAKE)))) == {"G173"}
    found = teams.agency(destination=outbox(f"{TAKE}, protect: true"))
    assert not found.refusals
    teams.performed(found)
    assert teams.actual.flows[FLOW].protected
    assert teams.actual.destinations["outbox"].protected


def test_a_destination_that_stays_is_used_where_its_owner_applied_it(teams: Teams) -> None:
    teams.performed(teams.growth(activation=activation("us", meta=GIVE)))
    elsewhere = teams.agency(
        activation=activation("us", meta=TAKE), destination=OUTBOX.replace("path: /srv/out", "path: /srv/elsewhere")
    )
    assert codes(elsewhere) == ["G174"]
    teams.performed(teams.agency(activation=activation("us", meta=TAKE)))
    more = teams.agency(audience("de"), activation=activation("us", "de", meta=TAKE))
    assert codes(more) == ["G103"]


def test_a_destination_that_another_project_exports_to_cannot_go_nor_move(teams: Teams) -> None:
    teams.performed(teams.growth(activation=activation("us", meta=GIVE)))
    teams.performed(teams.agency(activation=activation("us", meta=TAKE)))
    gone = plan(declared(teams.growth_dir, PROJECT, POST), teams.actual, LATER)
    assert codes(gone) == ["G175"]
    assert "outbox/us of project agency" in gone.refusals[0].sentence
    moved = teams.growth(
        activation=activation("us", meta=GIVE), destination=OUTBOX.replace("path: /srv/out", "path: /srv/new")
    )
    assert codes(moved) == ["G175"]


def test_flows_can_be_handed_over_one_by_one(teams: Teams) -> None:
    """Until the last of them, each is of one project exactly."""
    teams.performed(teams.growth(audience("de"), activation=activation("us", "de")))
    teams.performed(teams.growth(audience("de"), destination=outbox(GIVE), activation=activation("us", "de")))
    teams.performed(teams.agency(destination=outbox(TAKE)))
    assert {name: head.owner for name, head in teams.actual.flows.items()} == {
        "outbox/audience/us": "agency",
        "outbox/audience/de": "growth",
    }
    left = teams.growth(audience("de"), destination=outbox(GIVE), activation=activation("us", "de"))
    assert left.is_empty
    teams.performed(teams.agency(audience("de"), destination=outbox(TAKE), activation=activation("us", "de")))
    assert {head.owner for head in teams.actual.flows.values()} == {"agency"}


def test_a_comparison_with_a_revision_knows_no_other_project(teams: Teams) -> None:
    """It can't tell whether there is something to adopt: it says so, and speaks of no first export."""
    from reconciler.plan.assumed import as_applied

    base = declared(teams.agency_dir, AGENCY, SCHEDULE)
    found = plan(
        small(teams.agency_dir, project=AGENCY, dataset=LAKE, destination=outbox(TAKE)),
        as_applied(base, NOW),
        NOW,
        base="main",
    )
    assert not found.refusals
    assert changes(found) == [("adopt-destination", "outbox"), ("adopt-flow", FLOW)]
    assert "FIRST EXPORT" not in as_text(found)


def test_both_plans_say_what_happens(teams: Teams) -> None:
    offered = teams.growth(destination=outbox(GIVE))
    assert "offered to project agency" in as_text(offered)
    teams.performed(offered)
    found = teams.agency(destination=outbox(TAKE))
    text, comment = as_text(found), as_markdown(found)
    assert "adopted from project growth" in text.lower()
    assert "1 destination to adopt · 1 flow to adopt" in text
    assert "FIRST EXPORT" not in text
    assert "taken over from project" in comment
    adopted = found.changes[0]
    assert isinstance(adopted, AdoptDestination)
    assert adopted.adopted_from == "growth"


@pytest.mark.parametrize(
    "part", [{"dataset": DATASET}, {"destination": planning.OUTBOX}], ids=["dataset", "destination"]
)
def test_a_relative_folder_is_another_one_in_another_project(tmp_path: Path, part: dict[str, str]) -> None:
    teams = Teams(tmp_path)
    teams.performed(teams.growth(**part, audience=audience("us", meta=GIVE)))
    found = teams.agency(**part, audience=audience("us", meta=TAKE))
    assert codes(found) == ["G177"]
    assert "absolute path" in found.refusals[0].sentence


# In use ---------------------------------------------------------------------------------------------------------------


def selecting(name: str = "nightly-out") -> str:
    return f"""{{apiVersion: reconciler/v1, kind: Activation, metadata: {{name: {name}}},
  spec: {{destination: outbox, schedule: nightly, audienceSelector: {{matchLabels: {{tier: gold}}}}}}}}"""


def gold(name: str) -> str:
    return audience(name, meta="labels: {tier: gold}")


def test_an_audience_that_a_selector_exports_cannot_be_removed_by_leaving_it_out(tmp_path: Path) -> None:
    both = small(tmp_path, gold("de"), audience=gold("us"), activation=selecting())
    actual = apply(plan(both, Actual(), NOW), Actual())
    found = plan(small(tmp_path, audience=gold("us"), activation=selecting()), actual, NOW)
    assert codes(found) == ["G176"]
    for part in ("de", "nightly-out", "all.yaml", "outbox"):
        assert part in found.refusals[0].sentence
    first = small(tmp_path, audience("de"), audience=gold("us"), activation=selecting())
    actual = apply(plan(first, actual, NOW), actual)
    assert plan(small(tmp_path, audience=gold("us"), activation=selecting()), actual, NOW).is_empty


def test_an_audience_goes_with_the_activation_that_selects_it(tmp_path: Path) -> None:
    whole = small(tmp_path, gold("de"), audience=gold("us"), activation=selecting())
    actual = apply(plan(whole, Actual(), NOW), Actual())
    found = plan(small(tmp_path, audience=audience("us"), activation=activation("us")), actual, NOW)
    assert codes(found) == []


# Together with a rename -----------------------------------------------------------------------------------------------


def renamed_destination() -> str:
    return OUTBOX.replace("name: outbox", f"name: post, {TAKE}, renamedFrom: outbox", 1)


@pytest.mark.parametrize("what", ["destination", "audience", "both"])
def test_what_is_adopted_under_another_name_is_adopted_first_and_renamed_then(teams: Teams, what: str) -> None:
    """Each of the two is one swap of a head that is of one project before and after: wherever it ends, the next apply goes on."""
    before = teams.actual.flows[FLOW]
    teams.performed(teams.growth(destination=outbox(GIVE)))
    of_destination = what in ("destination", "both")
    of_audience = what in ("audience", "both")
    to, name = ("post" if of_destination else "outbox"), ("usa" if of_audience else "us")
    parts = {
        "destination": renamed_destination() if of_destination else outbox(TAKE),
        "audience": audience(name, meta="renamedFrom: us" if of_audience else ""),
        "activation": activation(name, to=to),
    }
    first = teams.agency(**parts)
    assert (codes(first), changes(first)) == ([], [("adopt-destination", "outbox"), ("adopt-flow", FLOW)])
    assert f"the next apply renames it to {to}/{name}" in as_text(first)
    assert "FIRST EXPORT" not in as_text(first)
    teams.performed(first)
    new = f"{to}/audience/{name}"
    assert (teams.actual.flows[FLOW].owner, new in teams.actual.flows and new != FLOW) == ("agency", False)
    second = teams.agency(**parts)
    assert not second.refusals
    assert ("move-flow", new) in changes(second)
    teams.performed(second)
    head = teams.actual.flows[new]
    assert (head.owner, head.cursor, head.last_slot, head.source_id) == (
        "agency",
        before.cursor,
        before.last_slot,
        before.source_id,
    )
    assert teams.agency(**parts).is_empty
    # The old project, whose documents are still there, begins nothing anew.
    left = teams.growth(destination=outbox(GIVE))
    assert left.is_empty, changes(left)
    assert "outbox/us belongs to project agency now" in as_text(left)


def test_a_rename_needs_the_same_consent(teams: Teams) -> None:
    parts = {"destination": renamed_destination(), "activation": activation("us", to="post")}
    assert set(codes(teams.agency(**parts))) == {"G170"}
    teams.performed(teams.growth(destination=outbox("transferTo: other")))
    assert set(codes(teams.agency(**parts))) == {"G170"}


def test_what_the_new_project_has_ended_is_not_begun_anew_by_the_old_one(teams: Teams) -> None:
    teams.performed(teams.growth(destination=outbox(GIVE)))
    teams.performed(teams.agency(destination=outbox(TAKE)))
    teams.performed(plan(declared(teams.agency_dir, AGENCY), teams.actual, LATER, allow_removals="all"))
    assert teams.actual.flows[FLOW].state == "removed"
    left = teams.growth(destination=outbox(GIVE))
    assert ("add-flow", FLOW) not in changes(left)
