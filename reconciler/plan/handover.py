"""Handing over between the projects of one ledger: what a plan makes of objects that belong to another project. Pure.

The old project consents on the ledger (`transferTo`), the new one takes over (`adoptFrom`); until it does, the old one goes on. A flow
changes its owner by one swap of its head, so that at every instant it is of one project exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.catalog.base import LOCAL_STORE
from reconciler.config.desired import Adopting, DesiredFlow
from reconciler.ledger.records import DestinationRecord, FlowHead
from reconciler.plan import guards, reasons
from reconciler.plan.diff import differences, origin, place
from reconciler.plan.flow_changes import TRANSFER
from reconciler.plan.plan import AdoptDestination, AdoptFlow, FieldDiff, Handover, Refusal
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.resources.metadata import OwnedMetadata
from reconciler.values.identity import FlowId


def of_flow(
    owner: str, flow: DesiredFlow, head: FlowHead, then: FlowId | None = None
) -> AdoptFlow | Handover | Refusal:
    """What becomes of a declared flow that is applied by another project. `then`: the id that it is declared with, where it has
    another one there (`formerly`)."""
    if flow.spec.transfer_to == head.owner:
        return Handover(subject=head.flow, to=head.owner, adopted=True)
    if head.owner not in {each.project for each in flow.adopting}:
        return guards.foreign("flow", head, offered=head.spec.transfer_to == owner)
    if head.spec.transfer_to != owner:
        return _no_consent("flow", head, owner)
    if head.protected and not flow.spec.protect:
        return _unprotected("flow", head)
    if relative := list(_relative(head.spec, flow.spec)):
        return _not_the_same("flow", head, relative)
    return adopt_flow(owner, flow, head, head.owner, then)


def formerly(flow: DesiredFlow, old: FlowId) -> DesiredFlow:
    """A flow as it would be declared under the id that it has in the other project. Under that it is adopted; the rename is a change of its
    own, of the next plan: so that each is one swap of a head that one project owns before, and one after."""
    spec = flow.spec
    source = spec.source.model_copy(update={"name": old.source})
    to = spec.destination.model_copy(update={"name": old.destination})
    return replace(flow, id=old, spec=spec.model_copy(update={"source": source, "destination": to}))


def taken(flow: DesiredFlow, gone: FlowHead | None, owner: str) -> Handover | None:
    """What this project offers, and the other one has taken over and then renamed or removed: nothing of it is begun anew here."""
    to = flow.spec.transfer_to
    if gone is None or to is None or gone.owner != to or gone.owner == owner:
        return None
    return Handover(subject=gone.flow, to=to, adopted=True)


def taken_destination(
    spec: EffectiveDestination, metadata: OwnedMetadata, records: Iterable[DestinationRecord]
) -> Handover | None:
    """The same of a destination: the other project has its folder, under another name by now."""
    to = metadata.transfer_to
    if to is None or not any(each.owner == to and place(each.spec) == place(spec) for each in records):
        return None
    return Handover(subject=spec.name, to=to, adopted=True)


def adopt_flow(owner: str, flow: DesiredFlow, head: FlowHead | None, of: str, then: FlowId | None = None) -> AdoptFlow:
    """The change. `head` is None where no ledger is at hand, and what is there isn't known."""
    spec = flow.spec
    source_id = spec.source.id or (head.source_id if head else spec.source.name)
    found = reasons.rebuilds(head.spec, spec, head.source_id, source_id) if head else ()
    return AdoptFlow(
        subject=str(flow.id),
        owner=owner,
        reason=reasons.adopted(of, known=head is not None, then=then.short if then else None),
        fields=_fields(differences(head.spec, spec)) if head else (),
        cursor=reasons.effect(head, found) if head else "keep",
        generation=head.generation if head else 0,
        spec=spec,
        source_id=source_id,
        adopted_from=of,
        rebuild=" ".join(each.sentence for each in found) or None,
    )


def of_destination(
    owner: str,
    spec: EffectiveDestination,
    metadata: OwnedMetadata,
    record: DestinationRecord,
    *,
    uses: bool,
    adds: bool,
    offered: bool,
    then: str | None = None,
) -> AdoptDestination | Handover | Refusal | None:
    """What becomes of a declared destination that is another project's; None: it stays that, and is used here.

    `uses`: this project has flows there, or adopts some. `adds`: it would have new ones there. `offered`: some are offered to it.
    `then`: the name that it is declared with, where that is another one.
    """
    if metadata.transfer_to == record.owner:
        return Handover(subject=record.name, to=record.owner, adopted=True)
    if metadata.adopt_from == record.owner:
        if record.transfer_to != owner:
            return _no_consent("destination", record, owner)
        if record.protected and not metadata.protect:
            return _unprotected("destination", record)
        if relative := list(_relative_folder(record.spec, spec)):
            return _not_the_same("destination", record, relative)
        return adopt_destination(owner, spec, metadata, record, record.owner, then)
    if not uses or adds:
        return guards.foreign("destination", record, offered=offered or record.transfer_to == owner)
    if place(record.spec) != place(spec):
        sentence = (
            f"Destination {record.name} belongs to project {record.owner}, which applied it with {record.spec.spec.connection.url()}; "
            f"here it is {spec.spec.connection.url()}. Declare it with the same folder."
        )
        return Refusal(code="G174", sentence=sentence)
    return None


def adopt_destination(
    owner: str,
    spec: EffectiveDestination,
    metadata: OwnedMetadata,
    record: DestinationRecord | None,
    of: str,
    then: str | None = None,
) -> AdoptDestination:
    """The change. `record` is None where no ledger is at hand."""
    return AdoptDestination(
        subject=spec.name,
        owner=owner,
        reason=reasons.adopted(of, known=record is not None, then=then),
        fields=_fields(differences(record.spec, spec)) if record else (),
        generation=record.generation if record else 0,
        spec=spec,
        protected=metadata.protect,
        transfer_to=metadata.transfer_to,
        adopted_from=of,
    )


def not_adopted(
    flow: DesiredFlow, owner: str, applied: Mapping[str, FlowHead], destinations: Mapping[str, DestinationRecord]
) -> Adopting | None:
    """The object that says `adoptFrom` and of which nothing is this project's yet, for a flow that isn't applied at all; None if there is
    none, so that the flow is a new one. `applied`: the project's own heads."""
    return next((each for each in flow.adopting if not _has(each, owner, applied.values(), destinations)), None)


def nothing_there(flow: DesiredFlow, waiting: Adopting) -> Refusal:
    """Why it is refused: begun anew, it would export everything beside the flow that was meant."""
    sentence = (
        f"{waiting.kind} {waiting.name} is to be adopted from project {waiting.project}, and no flow {flow.id.short} is applied there. "
        "Name destination, audience or dataset, and feed as they are there; or take adoptFrom out, if this flow is a new one."
    )
    return Refusal(code="G171", sentence=sentence)


def _has(
    each: Adopting, owner: str, applied: Iterable[FlowHead], destinations: Mapping[str, DestinationRecord]
) -> bool:
    if each.kind == "Destination":
        record = destinations.get(each.name)
        return record is not None and record.owner == owner
    for head in applied:
        source = head.spec.source
        of = {"Activation": head.spec.activation, "Dataset": source.dataset, "Audience": source.name}[each.kind]
        if of == each.name and (each.kind != "Audience" or source.kind == "audience"):
            return True
    return False


def _no_consent(kind: str, record: DestinationRecord | FlowHead, owner: str) -> Refusal:
    name, said = (
        (record.name, record.transfer_to)
        if isinstance(record, DestinationRecord)
        else (record.flow_id.short, record.spec.transfer_to)
    )
    offered = f"offers it to project {said}" if said else "doesn't offer it"
    sentence = (
        f"The {kind} {name} belongs to project {record.owner}, which {offered}. "
        f"Nothing is taken over until {record.owner} has applied {TRANSFER}: {owner}."
    )
    return Refusal(code="G170", sentence=sentence)


def _unprotected(kind: str, record: DestinationRecord | FlowHead) -> Refusal:
    name = record.name if isinstance(record, DestinationRecord) else record.flow_id.short
    sentence = f"The {kind} {name} of project {record.owner} is protected. Adopt it with protect: true, which a later change may take off."
    return Refusal(code="G173", sentence=sentence)


def _relative(before: FlowSpec, after: FlowSpec) -> Iterator[str]:
    """Folders that are written alike by both projects and are below each one's own directory: two places that look like one."""
    yield from _relative_folder(before.destination, after.destination)
    dataset = after.source.dataset_spec
    path = dataset.place.removeprefix("file://")
    if origin(before.source) == origin(after.source) and not dataset.remote and not path.startswith("/"):
        yield f"{path} of dataset {after.source.dataset}"


def _relative_folder(before: EffectiveDestination, after: EffectiveDestination) -> Iterator[str]:
    to = after.place
    if place(before) == place(after) and to.store == LOCAL_STORE and not to.path.startswith("/"):
        yield f"{to.path} of destination {after.name}"


def _not_the_same(kind: str, record: DestinationRecord | FlowHead, relative: list[str]) -> Refusal:
    name = record.name if isinstance(record, DestinationRecord) else record.flow_id.short
    sentence = (
        f"The {kind} {name} of project {record.owner} can't be taken over with {' and '.join(relative)}: relative to another project's "
        "directory, that is another folder. Let both projects write the absolute path, the old one first."
    )
    return Refusal(code="G177", sentence=sentence)


def _fields(found: tuple[FieldDiff, ...]) -> tuple[FieldDiff, ...]:
    """Without the consent, which ends with what it was given for."""
    return tuple(each for each in found if each.path != TRANSFER or each.after is not None)
