"""The core policies: the limits that the core labels state, enforced from the start. A `Policy` of the same name switches one off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from reconciler.catalog.marketing import THIRD_PARTY
from reconciler.resources.policy import AnyDeny, Deny, Outer, PolicySpec

PREFIX: Final = "core-"


@dataclass(frozen=True, slots=True)
class CorePolicy:
    """`why`: in a sentence. `actions`: none for every destination."""

    name: str
    actions: tuple[str, ...]
    deny: Deny
    why: str


def _any(*labels: str) -> Outer:
    return Outer(operator="OR", operands=labels)


CORE_POLICIES: Final = (
    CorePolicy(
        "core-aggregate-only", (), "C1", "Every export is rows about people, and C1 leaves as an aggregate only."
    ),
    CorePolicy("core-no-export", (), "C12", "C12 isn't exported at all, whatever it is for."),
    CorePolicy("core-third-party", (THIRD_PARTY,), "C2", "C2 isn't given to another organisation."),
    CorePolicy(
        "core-combine",
        ("combine-with-directly-identifiable",),
        "C3",
        "C3 isn't combined with direct identifiers, which is what such a recipient does.",
    ),
    CorePolicy(
        "core-combined-here",
        (),
        Outer(operator="AND", operands=("C3", "I1")),
        "Who receives C3 beside what identifies people directly has it combined, in one file or in two.",
    ),
    CorePolicy(
        "core-cross-site-targeting",
        ("cross-site-targeting",),
        _any("C4", "C5"),
        "C4 and C5 aren't for targeting across sites.",
    ),
    CorePolicy(
        "core-email-targeting",
        ("email-targeting",),
        _any("C4", "C5"),
        "C4 and C5 aren't for choosing whom to write to.",
    ),
    CorePolicy(
        "core-onsite-advertising",
        ("onsite-advertising",),
        _any("C4", "C6"),
        "C4 and C6 aren't for advertisements on one's own site.",
    ),
    CorePolicy(
        "core-onsite-personalization",
        ("onsite-personalization",),
        _any("C4", "C7"),
        "C4 and C7 aren't for choosing content on one's own site.",
    ),
    CorePolicy("core-analytics", ("analytics",), "C8", "C8 isn't for measurement."),
    CorePolicy("core-data-science", ("data-science",), "C9", "C9 isn't for data science."),
    CorePolicy(
        "core-single-identity",
        ("single-identity-personalization",),
        _any("C4", "C10"),
        "C10 isn't for identities that join several sources, and C4 isn't for choosing content.",
    ),
    CorePolicy("core-segment-match", ("segment-match",), "C11", "C11 isn't shared for matching segments."),
)

Status = Literal["draft", "enabled", "disabled"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy as it is in effect. `why`: for people; of a core policy that isn't enabled, why it isn't. `core`: it comes with the tool."""

    name: str
    status: Status
    actions: tuple[str, ...]
    deny: AnyDeny
    why: str
    core: bool


def in_effect(own: Mapping[str, tuple[PolicySpec, str]]) -> tuple[Rule, ...]:
    """The core policies as `own` (name to policy and description) leaves them, and the project's others, by name."""
    found = []
    for core in CORE_POLICIES:
        switched = own[core.name][0] if core.name in own else PolicySpec()
        found.append(Rule(core.name, switched.status, core.actions, core.deny, switched.reason or core.why, core=True))
    names = {each.name for each in CORE_POLICIES}
    for name, (spec, why) in own.items():
        if name not in names and spec.deny is not None:
            found.append(Rule(name, spec.status, spec.marketing_actions, spec.deny, why, core=False))
    return tuple(sorted(found, key=lambda each: each.name))
