"""Policies over everything that one recipient receives: what is forbidden, what a draft would forbid, what is lifted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.governed import Bearer, Ended, Governance, Lifted, SwitchedOff, Violation
from reconciler.plan.received import Carried, Party, parties, without
from reconciler.resources.core_policies import Rule, in_effect
from reconciler.resources.override import listed
from reconciler.resources.policy import holds


def review(desired: Desired, actual: Actual, now: datetime) -> Governance:
    """What the policies say at `now` (aware) of all that is declared, and of what other projects of the ledger send to the same recipients.

    What an override lifts isn't counted for that policy while it is in force. A violation that nothing of this project has a part in isn't
    its to mend, and is left to the others.
    """
    rules = rules_of(desired)
    known = parties(desired, actual, now)
    ours = {str(flow_id) for flow_id in desired.flows}
    violations = [each for party in known for each in judged(party, desired) if _has_part(each, ours)]
    return Governance(
        evaluated=sum(1 for each in rules if each.status != "disabled"),
        off=tuple(_switched(rule, desired) for rule in rules if rule.core and rule.status != "enabled"),
        violations=tuple(sorted(violations, key=lambda each: (each.policy, each.third_party, each.recipient))),
        received=tuple(each.received() for each in known if each.labels),
        overrides=tuple(_overrides(desired, known, now)),
        ended=tuple(_ended(desired, now)),
    )


def judged(party: Party, desired: Desired) -> tuple[Violation, ...]:
    """Every policy that is broken by what somebody receives, drafts too, by name."""
    found = (_violated(rule, party, desired) for rule in rules_of(desired) if rule.status != "disabled")
    return tuple(each for each in found if each is not None)


def _has_part(violation: Violation, ours: set[str]) -> bool:
    return any(flow in ours for each in violation.bearers for flow in each.flows)


def rules_of(desired: Desired) -> tuple[Rule, ...]:
    """The policies in effect, by name."""
    return in_effect({name: (each.spec, each.metadata.description or "") for name, each in desired.policies.items()})


def _violated(rule: Rule, party: Party, desired: Desired) -> Violation | None:
    """How a policy is broken by what somebody receives; None where it isn't."""
    if rule.actions and not party.actions.intersection(rule.actions):
        return None
    lifted = party.lifted.get(rule.name, set())
    counted = party.labels if not lifted else without(party.labels, lifted)
    labels = holds(rule.deny, frozenset(counted))
    if labels is None:
        return None
    return Violation(
        policy=rule.name,
        draft=rule.status == "draft",
        why=rule.why,
        recipient=party.name,
        third_party=party.third,
        destinations=tuple(sorted(party.destinations)),
        actions=tuple(sorted(party.actions.intersection(rule.actions))),
        bearers=tuple(
            _bearer(carried, flows, desired)
            for label in sorted(labels)
            for carried, flows in sorted(counted[label].items())
        ),
    )


def _overrides(desired: Desired, known: Sequence[Party], now: datetime) -> Iterator[Lifted]:
    """Every override that is declared, by activation. One of a policy is needed where the policy would be broken without it."""
    rules = {each.name: each for each in rules_of(desired) if each.status != "disabled"}
    brought: dict[str, set[str]] = {}
    for flow_id, flow in desired.flows.items():
        brought.setdefault(flow.spec.activation, set()).add(str(flow_id))
    for name, activation in desired.activations.items():
        flows = brought.get(name, set())
        for at, each in enumerate(listed(activation.metadata.override)):
            needed = None
            if each.policy is not None:
                rule = rules.get(each.policy)
                needed = rule is not None and any(_needs(party, rule, flows, desired) for party in known)
            several = isinstance(activation.metadata.override, tuple)
            place = desired.at("Activation", name, ("metadata", "override", *([at] if several else [])))
            yield Lifted(
                activation=name,
                guard=each.guard,
                policy=each.policy,
                until=each.until,
                reason=each.reason,
                days_left=each.days_left(now),
                needed=needed,
                place=f"{place.path}:{place.line}",
            )


def _ended(desired: Desired, now: datetime) -> Iterator[Ended]:
    """By destination: whose agreement is over, where something would still be sent."""
    flows: dict[str, list[str]] = {}
    for flow_id, flow in desired.flows.items():
        if not flow.spec.suspend:
            flows.setdefault(flow.spec.destination.name, []).append(str(flow_id))
    for name, sending in sorted(flows.items()):
        to = desired.destinations[name].spec.recipient
        if to is not None and to.until is not None and to.ended(now):
            at = desired.at("Destination", name, ("spec", "recipient", "until"))
            yield Ended(recipient=to.name, until=to.until, flows=tuple(sorted(sending)), place=f"{at.path}:{at.line}")


def _needs(party: Party, rule: Rule, flows: set[str], desired: Desired) -> bool:
    """Whether a policy would be broken by what these flows bring, if it weren't lifted for them."""
    lifted = {**party.lifted, rule.name: party.lifted.get(rule.name, set()) - flows}
    found = _violated(rule, replace(party, lifted=lifted), desired)
    return found is not None and any(flow in flows for each in found.bearers for flow in each.flows)


def _bearer(carried: Carried, flows: list[str], desired: Desired) -> Bearer:
    label, dataset, column, name = carried
    place = None
    if dataset in desired.datasets and column in desired.datasets[dataset].spec.columns:
        at = desired.at("Dataset", dataset, ("spec", "columns", column, "labels"))
        place = f"{at.path}:{at.line}"
    return Bearer(
        label=label, dataset=dataset, column=column, leaves_as=name or None, place=place, flows=tuple(sorted(flows))
    )


def _switched(rule: Rule, desired: Desired) -> SwitchedOff:
    at = desired.at("Policy", rule.name, ("metadata", "name"))
    status: Literal["draft", "disabled"] = "draft" if rule.status == "draft" else "disabled"
    return SwitchedOff(policy=rule.name, status=status, reason=rule.why, place=f"{at.path}:{at.line}")
