"""What policies found, in sentences: refusals of a plan, findings of `validate`. They name columns, files and flows, never data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.config.desired import Desired, DesiredFlow
from reconciler.diagnostics import Diagnostic, Source, diagnose
from reconciler.plan.governed import Bearer, Ended, Governance, Lifted, Violation
from reconciler.plan.plan import (
    AddFlow,
    AdoptFlow,
    AnyChange,
    Export,
    MoveFlow,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateFlow,
)
from reconciler.values.identity import FlowId

_NAMED = 5
_SENDS = (AddFlow, UpdateFlow, MoveFlow, AdoptFlow, ResumeFlow)
_TAKES = (RemoveFlow, SuspendFlow, RemoveDestination)


def takes_away(changes: Iterable[AnyChange]) -> bool:
    """Whether they remove or suspend, and nothing else: what leaves becomes less by it, whatever policies say of what goes on."""
    kinds = {type(each) for each in changes} - {UpdateAccess, Export}
    return bool(kinds) and kinds.issubset(_TAKES)


def refusals(governance: Governance, changes: Sequence[AnyChange]) -> tuple[Refusal, ...]:
    """One for each policy and recipient, and for each override of a policy that has ended; none where `changes` only take away, and export
    nothing of it."""
    sent = {each.subject for each in changes if isinstance(each, Export)}
    return () if takes_away(changes) and not sent & forbidden(governance) else broken(governance)


def forbidden(governance: Governance) -> frozenset[str]:
    """The flows that have a part in what is forbidden."""
    found = (each.bearers for each in governance.violations if not each.draft)
    return frozenset(flow for bearers in found for each in bearers for flow in each.flows)


def broken(governance: Governance) -> tuple[Refusal, ...]:
    """What is forbidden as things are declared, whether the plan is refused by it or not."""
    found = [Refusal(code="G140", sentence=sentence(each)) for each in governance.violations if not each.draft]
    found += [Refusal(code="G143", sentence=_ended(each)) for each in governance.overrides if has_ended(each)]
    return tuple(found)


def too_late(changes: Iterable[AnyChange], governance: Governance) -> tuple[Refusal, ...]:
    """For each agreement that is over: flows to whom it was with that would begin, change or go on."""
    touched = {each.subject for each in changes if isinstance(each, _SENDS)}
    found = ((each, [flow for flow in each.flows if flow in touched]) for each in governance.ended)
    return tuple(Refusal(code="G144", sentence=over(each, flows)) for each, flows in found if flows)


def over(ended: Ended, flows: Sequence[str]) -> str:
    """Whose agreement is over, what sends to them, and the mends."""
    return (
        f"The agreement with {ended.recipient} was until {ended.until} ({ended.place}): nothing leaves by {by_flows(flows)}. "
        "Have its new last day reviewed, if it is prolonged; else suspend what is exported there, or take it out."
    )


def by_flows(flows: Iterable[str]) -> str:
    """`agency/us, agency/de and 3 more`."""
    return _listed([FlowId.parse(each).short if "/" in each else each for each in flows])


def has_ended(lifted: Lifted) -> bool:
    """Whether it lifted a policy, and its last day is over: the flows of its activation stop."""
    return lifted.policy is not None and lifted.days_left < 0


def is_needless(lifted: Lifted) -> bool:
    """Whether it lifts a policy that nothing of its activation breaks."""
    return lifted.needed is False and lifted.days_left >= 0


def _ended(lifted: Lifted) -> str:
    return (
        f"Activation {lifted.activation} ({lifted.place}) lifted policy {lifted.policy} through {lifted.until}, and its flows export "
        "nothing since. Remove the override and mend what it let pass, or have a later day reviewed."
    )


def _needless(lifted: Lifted) -> str:
    return (
        f"Activation {lifted.activation} ({lifted.place}) lifts policy {lifted.policy} through {lifted.until}, and nothing of it "
        "is broken by what the activation sends. Remove the override: its flows stop when it ends."
    )


def findings(governance: Governance, desired: Desired) -> list[Diagnostic]:
    """What `validate` says: errors of policies that are enabled, warnings of drafts, each at what lets the first column out; overrides that
    have ended, or lift nothing; warnings of agreements that are over."""
    found = []
    for violation in governance.violations:
        flow, bearer = _first(violation, desired)
        place, subject = _place(flow, bearer, desired), f"Activation/{flow.spec.activation}"
        if violation.draft:
            found.append(diagnose("G141", place, sentence(violation), severity="warning", subject=subject))
        else:
            found.append(diagnose("G140", place, sentence(violation), subject=subject))
    for each in governance.ended:
        name = FlowId.parse(each.flows[0]).destination
        at = desired.at("Destination", name, ("spec", "recipient", "until"))
        found.append(diagnose("G144", at, over(each, each.flows), severity="warning", subject=f"Destination/{name}"))
    for lifted in governance.overrides:
        path, _, line = lifted.place.rpartition(":")
        place, subject = Source(path, int(line)), f"Activation/{lifted.activation}"
        if has_ended(lifted):
            found.append(diagnose("G143", place, _ended(lifted), subject=subject))
        elif is_needless(lifted):
            found.append(diagnose("G142", place, _needless(lifted), severity="warning", subject=subject))
    return sorted(found)


def sentence(violation: Violation) -> str:
    """What is forbidden, who would get what by which flows, where the labels are declared, and how to mend it."""
    who = f"Destination {violation.recipient}" if violation.recipient else "Whoever it is"
    if violation.third_party:
        who = f"{violation.recipient}, a third party,"
    used = f" It is used for {_listed(violation.actions)}." if violation.actions else ""
    gets = "; ".join(map(_carried, violation.bearers[:_NAMED]))
    more = f"; and {len(violation.bearers) - _NAMED:,} more columns" if len(violation.bearers) > _NAMED else ""
    broken = f"This {'would break' if violation.draft else 'breaks'} policy {violation.policy}"
    why = f": {violation.why.rstrip('.')}." if violation.why else "."
    return f"{broken}{why} {who} gets {gets}{more}.{used} {_mends(violation)}"


def _carried(bearer: Bearer) -> str:
    """`email as hashed_email (I1, data.yaml:12) by agency/us`."""
    if not bearer.column:
        return f"a column with {bearer.label} by {by_flows(bearer.flows)}"
    name = f"{bearer.dataset}.{bearer.column}"
    what = f"people chosen by {name}" if bearer.leaves_as is None else name
    renamed = f" as {bearer.leaves_as}" if bearer.leaves_as not in (None, bearer.column) else ""
    label = bearer.label + (f", {bearer.place}" if bearer.place else "")
    return f"{what}{renamed} ({label}) by {by_flows(bearer.flows)}"


def _mends(violation: Violation) -> str:
    """Only what helps here."""
    leaves = any(each.leaves_as is not None for each in violation.bearers)
    chosen = any(each.leaves_as is None for each in violation.bearers)
    ways = ["leave the column out of the activation's columns (a transform keeps the label)"] if leaves else []
    ways += ["choose the audience without it"] if chosen else []
    ways += ["correct the label, if it is wrong"]
    if violation.actions and not violation.third_party:
        ways += ["take the marketing action from the destination, if it isn't used for that"]
    if not violation.draft:
        ways += ["lift the policy for a while with metadata.override of the activation"]
    return f"To mend it, {', '.join(ways[:-1])}{',' if len(ways) > 2 else ''} or {ways[-1]}."


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED]) + ([f"{len(names) - _NAMED:,} more"] if len(names) > _NAMED else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _first(violation: Violation, desired: Desired) -> tuple[DesiredFlow, Bearer]:
    """The first column by which this project has a part in it, and its flow."""
    ours = {str(flow_id): flow for flow_id, flow in desired.flows.items()}
    return next((ours[flow], each) for each in violation.bearers for flow in each.flows if flow in ours)


def _place(flow: DesiredFlow, bearer: Bearer, desired: Desired) -> Source:
    """Where the activation lists the column, or names what is exported; where the audience is chosen by it."""
    if bearer.leaves_as is None:
        return desired.at("Audience", flow.id.source, ("spec", "where"))
    listed: Iterable[object] = desired.activations[flow.spec.activation].spec.columns or ()
    for at, each in enumerate(listed):
        if bearer.leaves_as == (each if isinstance(each, str) else getattr(each, "name", None)):
            return flow.document.at(("spec", "columns", at))
    return flow.source
