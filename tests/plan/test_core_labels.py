"""What each core label keeps its column from, action by action: by a table of our own, from what the labels say."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.catalog.labels import CORE_LABELS
from reconciler.catalog.marketing import CORE_ACTIONS
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.whatif import Trial, tried
from reconciler.resources.core_policies import CORE_POLICIES
from tests.plan.planning import NOW
from tests.plan.test_governance import project, sends, to

ANY = tuple(CORE_ACTIONS)
DENIED: dict[str, dict[str, tuple[str, ...]]] = {
    "C1": {"core-aggregate-only": ANY},
    "C2": {"core-third-party": ("export-to-third-party",)},
    "C3": {"core-combine": ("combine-with-directly-identifiable",)},
    "C4": {
        "core-cross-site-targeting": ("cross-site-targeting",),
        "core-email-targeting": ("email-targeting",),
        "core-onsite-advertising": ("onsite-advertising",),
        "core-onsite-personalization": ("onsite-personalization",),
        "core-single-identity": ("single-identity-personalization",),
    },
    "C5": {"core-cross-site-targeting": ("cross-site-targeting",), "core-email-targeting": ("email-targeting",)},
    "C6": {"core-onsite-advertising": ("onsite-advertising",)},
    "C7": {"core-onsite-personalization": ("onsite-personalization",)},
    "C8": {"core-analytics": ("analytics",)},
    "C9": {"core-data-science": ("data-science",)},
    "C10": {"core-single-identity": ("single-identity-personalization",)},
    "C11": {"core-segment-match": ("segment-match",)},
    "C12": {"core-no-export": ANY},
    # These say what the data is. Projects decide by policies of their own what it isn't for; C3 beside I1 is decided below.
    **{label: {} for label in ("I1", "I2", "S1", "S2", "PSPD", "RHD", "third-party")},
}


@pytest.fixture(scope="module")
def desired(tmp_path_factory: pytest.TempPathFactory) -> Desired:
    return project(tmp_path_factory.mktemp("core"), to("own"), sends("out", "own", "id"))


def broken(desired: Desired, labels: tuple[str, ...], *actions: str) -> set[str]:
    found = tried(Trial(labels=labels, actions=actions), desired, Actual(), NOW)
    assert not any(each.draft for each in found.violations)
    return {each.policy for each in found.violations}


@pytest.mark.parametrize("label", CORE_LABELS)
def test_a_label_keeps_its_column_from_what_it_says_and_nothing_else(desired: Desired, label: str) -> None:
    for action in CORE_ACTIONS:
        expected = {policy for policy, actions in DENIED[label].items() if action in actions}
        assert broken(desired, (label,), action) == expected, action
    everywhere = {policy for policy, actions in DENIED[label].items() if actions == ANY}
    assert broken(desired, (label,)) == everywhere


def test_what_identifies_is_not_combined_with_what_must_not_be(desired: Desired) -> None:
    assert broken(desired, ("C3", "I1")) == {"core-combined-here"}
    assert broken(desired, ("C3", "I2")) == set()


def test_every_core_policy_is_in_the_table(desired: Desired) -> None:
    named = {policy for each in DENIED.values() for policy in each}
    assert named | {"core-combined-here"} == {each.name for each in CORE_POLICIES}
    assert set(DENIED) == set(CORE_LABELS)


def test_switched_off_in_a_file_it_is_off(tmp_path: Path) -> None:
    for policy in CORE_POLICIES:
        off = f"""{{apiVersion: reconciler/v1, kind: Policy, metadata: {{name: {policy.name}}},
          spec: {{status: disabled, reason: Tried here.}}}}"""
        known = project(tmp_path, to("own"), sends("out", "own", "id"), off)
        labels = tuple(sorted(CORE_LABELS))
        assert broken(known, labels, *CORE_ACTIONS) == {each.name for each in CORE_POLICIES} - {policy.name}
