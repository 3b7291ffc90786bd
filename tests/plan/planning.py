"""Projects to plan, and what a ledger looks like once a plan has been applied to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.config.desired import Desired
from reconciler.config.load import load
from reconciler.ledger import transitions
from reconciler.ledger.records import (
    Actual,
    Applied,
    DestinationRecord,
    FlowHead,
    LastRun,
    Lease,
    OpenRun,
    ProjectRecord,
)
from reconciler.plan.plan import (
    AddFlow,
    AdoptDestination,
    AdoptFlow,
    CreateDestination,
    Export,
    MoveFlow,
    Plan,
    RemoveDestination,
    RemoveFlow,
    ResumeFlow,
    SuspendFlow,
    UpdateAccess,
    UpdateDestination,
    UpdateFlow,
)
from reconciler.resources.effective import fingerprint
from reconciler.values.cursor import FilesCursor

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 12, 2, 2, 0, tzinfo=UTC)

PROJECT = "{apiVersion: reconciler/v1, kind: Project, metadata: {name: growth}}"
SCHEDULE = """{apiVersion: reconciler/v1, kind: Schedule, metadata: {name: nightly},
  spec: {frequency: daily, time: "02:00"}}"""
DATASET = """{apiVersion: reconciler/v1, kind: Dataset, metadata: {name: prospects},
  spec: {location: lake, format: parquet, columns: {id: {type: string}, country: {type: string}}}}"""
OUTBOX = """{apiVersion: reconciler/v1, kind: Destination, metadata: {name: outbox},
  spec: {type: local, connection: {path: out}}}"""


def audience(name: str, where: str = "country = 'US'", meta: str = "") -> str:
    """An audience of the dataset."""
    more = f", {meta}" if meta else ""
    return f"""{{apiVersion: reconciler/v1, kind: Audience, metadata: {{name: {name}{more}}},
  spec: {{dataType: prospects, dataset: prospects, where: "{where}"}}}}"""


def activation(*audiences: str, more: str = "", name: str = "nightly-out", meta: str = "", to: str = "outbox") -> str:
    """An activation of audiences on a destination."""
    extra = f", {more}" if more else ""
    about = f", {meta}" if meta else ""
    return f"""{{apiVersion: reconciler/v1, kind: Activation, metadata: {{name: {name}{about}}},
  spec: {{destination: {to}, schedule: nightly, audiences: [{", ".join(audiences)}]{extra}}}}}"""


def declared(folder: Path, *documents: str, environment: str | None = None) -> Desired:
    """What the documents mean."""
    for old in folder.glob("*.yaml"):
        old.unlink()
    (folder / "all.yaml").write_text("\n---\n".join(documents) + "\n", "utf-8")
    loaded = load(folder, environment)
    assert loaded.desired is not None, loaded.diagnostics
    return loaded.desired


def small(folder: Path, *extra: str, **parts: str) -> Desired:
    """One audience to one folder every night; `parts` replace documents by name."""
    documents = {
        "project": PROJECT,
        "schedule": SCHEDULE,
        "dataset": DATASET,
        "destination": OUTBOX,
        "audience": audience("us"),
        "activation": activation("us"),
    }
    return declared(folder, *(documents | parts).values(), *extra)


def apply(plan: Plan, actual: Actual, *, export: bool = True, protect: Mapping[str, bool] | None = None) -> Actual:
    """The ledger after a plan was performed in order, by the ledger's own transitions. Exports are recorded as done."""
    assert not plan.refusals
    applied = Applied(at=plan.at, by="test", revision=plan.revision)
    record = actual.project or ProjectRecord(
        nonce="n",
        format_version=1,
        lineage="line",
        environment=plan.environment,
        simulated=plan.simulated,
        serial=0,
        created_at=plan.at,
    )
    owners = {**record.owners, plan.project: applied}
    record = record.model_copy(update={"serial": record.serial + 1, "owners": owners})
    destinations, flows = dict(actual.destinations), dict(actual.flows)
    for change in plan.changes:
        name, head = change.subject, flows.get(change.subject)
        match change:
            case CreateDestination() | UpdateDestination() | AdoptDestination():
                destinations[name] = DestinationRecord(
                    nonce="n",
                    name=name,
                    owner=change.owner,
                    spec=change.spec,
                    fingerprint=fingerprint(change.spec),
                    generation=change.generation + 1,
                    protected=change.protected,
                    transfer_to=change.transfer_to,
                    applied=applied,
                )
            case RemoveDestination():
                del destinations[name]
            case AddFlow():
                flows[name] = transitions.added(
                    change.spec, owner=change.owner, source_id=change.source_id, applied=applied, nonce="n", before=head
                )
            case MoveFlow():
                old = flows[change.moved_from]
                flows[change.moved_from] = transitions.moved_away(old, name, applied=applied, nonce="n", before=head)
                flows[name] = transitions.moved_here(
                    old,
                    change.spec,
                    applied=applied,
                    nonce="n",
                    before=head,
                    source_id=change.source_id,
                    rebuild=change.rebuild,
                )
            case AdoptFlow():
                assert head
                flows[name] = transitions.adopted(
                    head,
                    change.spec,
                    owner=change.owner,
                    rebuild=change.rebuild,
                    source_id=change.source_id,
                    applied=applied,
                    nonce="n",
                )
            case RemoveFlow():
                assert head
                flows[name] = transitions.removed(head, purge=change.purge, applied=applied, nonce="n")
            case UpdateFlow() | SuspendFlow() | ResumeFlow():
                assert head
                flows[name] = transitions.updated(
                    head,
                    change.spec,
                    rebuild=change.rebuild if isinstance(change, UpdateFlow) else None,
                    source_id=change.source_id,
                    applied=applied,
                    nonce="n",
                )
            case UpdateAccess():
                kept = {owner: each for owner, each in (record.governing or {}).items() if owner != change.owner}
                governing = kept | ({change.owner: change.spec} if change.spec else {})
                record = record.model_copy(update={"governing": governing or None})
            case Export():
                assert head
                flows[name] = exported(head, change) if export else head
    return Actual(project=record, destinations=destinations, flows=flows)


def opened(head: FlowHead, slot: datetime, *, run_id: str = "r" + "0" * 16, on_demand: bool = False) -> FlowHead:
    """A head with an undecided run."""
    run = OpenRun(
        run_id=run_id,
        epoch=head.epoch + 1,
        generation=head.generation,
        kind="full",
        slot=slot,
        on_demand=on_demand,
        spec=head.spec,
        source_id=head.source_id,
        folder="f",
        pin="p",
        lease=Lease(holder="h", until=slot + timedelta(minutes=5)),
        claimed_at=slot,
    )
    return transitions.claim(head, run, nonce="n")


def exported(head: FlowHead, change: Export) -> FlowHead:
    """A head after its run was recorded."""
    head = head if head.open else opened(head, change.slot)
    run = head.open
    assert run
    if run.phase == "staging":
        head = transitions.decide(head, run.run_id, "d", nonce="n")
    cursor = FilesCursor(pin="p", location=head.spec.source.dataset_spec.location, files=1)
    last = {
        "run_id": run.run_id,
        "slot": run.slot,
        "kind": run.kind,
        "rows": 1,
        "files": 1,
        "size": 1,
        "finished_at": run.slot,
        "location": "out",
    }
    return transitions.record(
        head, run.run_id, cursor=cursor, last=LastRun.model_validate(last), now=run.slot, nonce="n"
    )
