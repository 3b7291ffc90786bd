"""What a plan refuses: other people's objects, protected ones, too much at once, the wrong ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from reconciler.catalog.base import LOCAL_STORE
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual, DestinationRecord, FlowHead
from reconciler.plan.plan import AnyChange, CreateDestination, Refusal, RemoveDestination, RemoveFlow, UpdateDestination
from reconciler.resources.effective import EffectiveDestination

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


def foreign(kind: str, record: DestinationRecord | FlowHead) -> Refusal:
    """Something that is declared here and owned by another project."""
    name = record.name if isinstance(record, DestinationRecord) else record.flow_id.short
    return Refusal(code="G103", sentence=f"The {kind} {name} belongs to project {record.owner}.")


def shared(owner: str, changes: Iterable[AnyChange], actual: Actual) -> tuple[Refusal, ...]:
    """Destinations that would come to lie in a folder of another project's, or around one. Relative folders are each project's own."""
    others = [record for record in actual.destinations.values() if record.owner != owner]
    found = []
    for change in changes:
        if not isinstance(change, CreateDestination | UpdateDestination):
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
                found.append(Refusal(code="G104", sentence=f"The flow {name} is protected and no longer declared."))
            case RemoveDestination() if (
                change.reason.code != "renamed" and actual.destinations[change.subject].protected
            ):
                sentence = f"The destination {change.subject} is protected and no longer declared."
                found.append(Refusal(code="G104", sentence=sentence))
            case _:
                pass
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
