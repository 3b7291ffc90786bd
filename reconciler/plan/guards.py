"""What a plan refuses: other people's objects, protected ones, too much at once, the wrong ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from reconciler.catalog.base import LOCAL_STORE
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual, DestinationRecord, FlowHead
from reconciler.plan.plan import (
    AdoptDestination,
    AdoptFlow,
    AnyChange,
    CreateDestination,
    Refusal,
    RemoveDestination,
    RemoveFlow,
    UpdateDestination,
)
from reconciler.resources.effective import EffectiveDestination
from reconciler.values.identity import FlowId

AllowRemovals = int | Literal["all"] | None
_NAMED = 5


def wrong_ledger(desired: Desired, actual: Actual) -> tuple[Refusal, ...]:
    """A ledger of another environment, or one that is simulated where the project isn't, or the reverse."""
    record = actual.project
    if record is None:
        return ()
    found = []
    if record.environment != desired.environment:
        names = [
            f"environment {name}" if name else "no environment" for name in (record.environment, desired.environment)
        ]
        found.append(
            Refusal(code="G101", sentence=f"The ledger belongs to {names[0]}, and this plan is for {names[1]}.")
        )
    if record.simulated != desired.project.spec.ledger.simulated:
        kinds = ("simulated", "not simulated") if record.simulated else ("not simulated", "simulated")
        found.append(
            Refusal(code="G102", sentence=f"The ledger is {kinds[0]}, and the project says that it is {kinds[1]}.")
        )
    return tuple(found)


def rewinds(owner: str, actual: Actual, committed_at: datetime | None) -> tuple[Refusal, ...]:
    """A commit older than the one that this project applied last. Unknown commit times are not judged."""
    last = actual.project.owners.get(owner) if actual.project else None
    if last is None or last.committed_at is None or committed_at is None or committed_at >= last.committed_at:
        return ()
    sentence = (
        f"Revision {(last.revision or '')[:12]} of {last.committed_at:%Y-%m-%d %H:%M} UTC is applied; "
        f"this one is of {committed_at:%Y-%m-%d %H:%M} UTC."
    )
    return (Refusal(code="G108", sentence=sentence),)


def foreign(kind: str, record: DestinationRecord | FlowHead, *, offered: bool = False) -> Refusal:
    """Something that is declared here and owned by another project. `offered`: to this one."""
    name = record.name if isinstance(record, DestinationRecord) else record.flow_id.short
    mend = f" It is offered to this one: to take it over, say adoptFrom: {record.owner}." if offered else ""
    return Refusal(code="G103", sentence=f"The {kind} {name} belongs to project {record.owner}.{mend}")


def shared(owner: str, changes: Iterable[AnyChange], actual: Actual) -> tuple[Refusal, ...]:
    """Destinations that would come to lie in a folder of another project's, or around one. Relative folders are each project's own."""
    others = [record for record in actual.destinations.values() if record.owner != owner]
    found = []
    for change in changes:
        if not isinstance(change, CreateDestination | UpdateDestination | AdoptDestination):
            continue
        known = actual.destinations.get(change.subject)
        if known is not None and known.spec.place == change.spec.place:
            continue
        for other in others:
            if other.name != change.subject and _overlap(other.spec, change.spec):
                whose = f"that of {other.name}, which belongs to project {other.owner}"
                sentence = f"The folder of destination {change.subject} overlaps {whose}."
                found.append(Refusal(code="G109", sentence=sentence))
    return tuple(found)


def _overlap(one: EffectiveDestination, other: EffectiveDestination) -> bool:
    """Whether one's folder is the other's, or lies in it."""
    if one.place.store != other.place.store:
        return False
    if one.place.store == LOCAL_STORE and not (one.place.path.startswith("/") and other.place.path.startswith("/")):
        return False
    paths = [[part for part in each.place.path.split("/") if part] for each in (one, other)]
    return all(a == b for a, b in zip(*paths, strict=False))


def protected(changes: Iterable[AnyChange], actual: Actual) -> tuple[Refusal, ...]:
    """Removals of what the ledger knows as protected; a destination's record that is renamed isn't removed."""
    found = []
    for change in changes:
        match change:
            case RemoveFlow() if actual.flows[change.subject].protected:
                name = actual.flows[change.subject].flow_id.short
                found.append(_protected("flow", name))
            case RemoveDestination() if (
                change.reason.code != "renamed" and actual.destinations[change.subject].protected
            ):
                found.append(_protected("destination", change.subject))
            case _:
                pass
    return tuple(found)


def _protected(kind: str, name: str) -> Refusal:
    sentence = f"The {kind} {name} is protected and no longer declared. Declare it again; if it is to go, apply protect: false first."
    return Refusal(code="G104", sentence=sentence)


def offered(changes: Iterable[AnyChange], actual: Actual) -> tuple[Refusal, ...]:
    """Removals of what another project may adopt, and counts on being exported until then."""
    found = []
    for change in changes:
        match change:
            case RemoveFlow() if (to := actual.flows[change.subject].spec.transfer_to) is not None:
                found.append(_still_offered("flow", actual.flows[change.subject].flow_id.short, to))
            case RemoveDestination() if (
                change.reason.code != "renamed" and (to := actual.destinations[change.subject].transfer_to) is not None
            ):
                found.append(_still_offered("destination", change.subject, to))
            case _:
                pass
    return tuple(found)


def _still_offered(kind: str, name: str, to: str) -> Refusal:
    sentence = f"The {kind} {name} is offered to project {to}, which hasn't adopted it yet, and is no longer declared."
    return Refusal(code="G172", sentence=sentence)


def in_use(owner: str, changes: Sequence[AnyChange], actual: Actual) -> tuple[Refusal, ...]:
    """Destinations that would go, or go elsewhere, while flows of another project are there: those were handed over without it."""
    found = []
    adopted = {change.subject for change in changes if isinstance(change, AdoptFlow)}
    for change in changes:
        if not _leaves(change, actual):
            continue
        users = [
            f"{head.flow_id.short} of project {head.owner}"
            for flow, head in sorted(actual.flows.items())
            if head.flow_id.destination == change.subject
            and head.owner != owner
            and head.state not in ("removed", "moved")
            and flow not in adopted
        ]
        if users:
            goes = "would go" if isinstance(change, RemoveDestination) else "would go to another folder"
            more = f" and {len(users) - _NAMED:,} more" if len(users) > _NAMED else ""
            sentence = f"Destination {change.subject} {goes}, and is used by {', '.join(users[:_NAMED])}{more}."
            found.append(Refusal(code="G175", sentence=sentence))
    return tuple(found)


def _leaves(change: AnyChange, actual: Actual) -> bool:
    match change:
        case RemoveDestination():
            return True
        case UpdateDestination() | AdoptDestination():
            record = actual.destinations.get(change.subject)
            return record is not None and record.spec.place != change.spec.place
        case _:
            return False


def selected(changes: Iterable[AnyChange], desired: Desired) -> tuple[Refusal, ...]:
    """Audiences and datasets that were left out while an activation that is still declared exports them by their labels: a name that is
    listed is a missing reference, and what is selected would go without a word."""
    found = []
    for change in changes:
        if not isinstance(change, RemoveFlow):
            continue
        flow = FlowId.parse(change.subject)
        activation = desired.activations.get(change.spec.activation)
        if activation is None or flow.source in (desired.audiences if flow.kind == "audience" else desired.datasets):
            continue
        selector = activation.spec.audience_selector if flow.kind == "audience" else activation.spec.dataset_selector
        to, feed = activation.spec.destination, activation.spec.feed or ""
        if selector is None or (to, feed) != (flow.destination, flow.feed):
            continue
        at = desired.at("Activation", change.spec.activation, ("spec",))
        sentence = (
            f"The {flow.kind} {flow.source} is in use and no longer declared: activation {change.spec.activation} "
            f"({at.path}:{at.line}) exports it to {flow.destination} by its labels."
        )
        found.append(Refusal(code="G176", sentence=sentence))
    return tuple(found)


def removals(removed: Sequence[str], applied: int, max_share: str, allow: AllowRemovals) -> tuple[Refusal, ...]:
    """Too many of the `applied` flows removed at once; `removed`: their short names.

    One flow may always go, unless it is the last one or `maxShare` is 0 %: a quarter of three flows would be none.
    `allow`: a number to raise the limit to, or `all`, without which never all of them go.
    """
    if not removed or allow == "all":
        return ()
    names = ", ".join(removed[:_NAMED]) + (f" and {len(removed) - _NAMED:,} more" if len(removed) > _NAMED else "")
    if len(removed) >= applied:
        sentence = (
            f"All applied flows would be removed ({len(removed):,}): {names}. If that is meant: --allow-removals all."
        )
        return (Refusal(code="G106", sentence=sentence),)
    share = int(max_share.rstrip("%"))
    limit = max(applied * share // 100, 1 if share else 0, allow or 0)
    if len(removed) <= limit:
        return ()
    sentence = (
        f"{len(removed):,} of {applied:,} applied flows would be removed, and {limit:,} may be at once ({max_share}): "
        f"{names}. "
        f"If that is meant: --allow-removals {len(removed)}."
    )
    return (Refusal(code="G105", sentence=sentence),)
