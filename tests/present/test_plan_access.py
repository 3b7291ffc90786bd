"""Who gets which right is said in words that can be signed, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.planner import plan
from reconciler.present.plan_access import access_value
from reconciler.present.plan_text import as_text
from tests.plan.planning import NOW, apply
from tests.plan.test_governance import policy, project, sends, to

ROLE = """{{apiVersion: reconciler/v1, kind: Role, metadata: {{name: growth}}, spec: {{subjects: [{}], grants: [view-destinations,
  manage-destinations, activate-destinations, manage-dataset-destinations, activate-datasets],
  destinationSelector: {{matchLabels: {{team: growth}}}}}}}}"""
PRIVACY = """{apiVersion: reconciler/v1, kind: Role, metadata: {name: privacy},
  spec: {subjects: [{claim: {name: department, value: privacy}}], grants: [manage-policies]}}"""


def test_a_plan_says_who_may_do_what(tmp_path: Path) -> None:
    trial = policy("trial", "{status: draft, marketingActions: [analytics], deny: {operator: AND, operands: [C3, I1]}}")
    off = policy("core-analytics", "{status: disabled, reason: DPA-7}")

    own = to("own").replace("name: own", "name: own, labels: {team: growth}")

    def desired(subjects: str) -> Desired:
        return project(tmp_path, own, sends("own", "own", "id"), ROLE.format(subjects), PRIVACY, trial, off)

    first = plan(desired("{group: growth}, {user: ana}"), Actual(), NOW)
    said = as_text(first)
    rights = (
        "view-destinations, manage-destinations, activate-destinations, manage-dataset-destinations, activate-datasets"
    )
    assert f"(none)  →  group growth, user ana: {rights} on team=growth\n" in said
    assert "(none)  →  claim department=privacy: manage-policies\n" in said
    assert "(none)  →  denies C3 AND I1 for analytics (draft)\n" in said
    assert "(none)  →  disabled: DPA-7\n" in said
    assert "(none)  →  address [S2], email [I1], income [C2], segment [C3]\n" in said
    then = plan(desired("{user: ben}"), apply(first, Actual()), NOW)
    assert "roles.growth.subjects group growth, user ana  →  user ben\n" in as_text(then)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("roles.x.grants", '["view-destinations", "manage-policies"]', "view-destinations, manage-policies"),
        ("roles.x.destinations", "[]", "(none)"),
        ("policies.x.deny.operands", '["C3", "I1"]', "C3, I1"),
        ("policies.x.deny", '{"operator": "OR", "operands": ["C3", "I1"]}', "C3 OR I1"),
        ("destinations.agency", '{"team": "growth"}', "team=growth"),
        ("roles.x", '{"rank": 7}', '{"rank": 7}'),
        ("policies.x.status", "draft", "draft"),
        ("identity.issuer", "[broken", "[broken"),
    ],
)
def test_each_side(path: str, text: str, said: str) -> None:
    assert access_value(path, text) == said


def test_who_proves_it() -> None:
    text = '{"issuer": "https://id", "audience": "x", "keys": {"url": "https://id/keys"}, "algorithms": ["RS256"]}'
    assert access_value("identity", text) == "tokens of https://id for x: sub and groups; RS256 by https://id/keys"
