"""A look at the destinations for `plan --refresh`: reached, ours, writable, and the last export of each flow as its manifest says.

No file is read but manifests: `verify` reads everything. A probe is written and removed, as an apply does it, at destinations
that are as applied otherwise; at others nothing is written at all.
"""

from __future__ import annotations

from reconciler.apply.reaching import reaching
from reconciler.apply.recorded import find_run
from reconciler.apply.verify import Open, manifest_problem
from reconciler.destinations.base import Destination
from reconciler.errors import ReconcilerError, StoreError
from reconciler.ledger.observed import Observed, SeenDestination, SeenExport
from reconciler.ledger.records import Actual, DestinationRecord, FlowHead, RunRecord
from reconciler.plan.selection import Selection
from reconciler.stores.ledger import Ledger


def look(ledger: Ledger, actual: Actual, owner: str, selection: Selection, connect: Open) -> Observed:
    """What is at the destinations that `owner` applied. Raises `StoreError` for the ledger alone."""
    lineage = actual.project.lineage if actual.project else None
    places = [
        _destination(record, lineage, connect)
        for name, record in sorted(actual.destinations.items())
        if record.owner == owner and selection.named(name)
    ]
    exports = [
        _export(ledger, head, connect)
        for _, head in sorted(actual.flows.items())
        if head.owner == owner and head.state in ("active", "suspended") and selection.flow(head.flow_id)
    ]
    return Observed(destinations=tuple(places), exports=tuple(each for each in exports if each is not None))


def _destination(record: DestinationRecord, lineage: str | None, connect: Open) -> SeenDestination:
    readable, marker = False, None
    try:
        destination = connect(record.spec)
        readable = destination.capabilities.readable
        marker = destination.owner() if readable else None
    except ReconcilerError as error:
        return SeenDestination(name=record.name, reached=False, readable=readable, error=_said(error))
    why = None
    if not readable or marker == lineage:
        try:
            destination.probe()
        except ReconcilerError as error:
            why = _said(error)
    return SeenDestination(name=record.name, reached=True, readable=readable, marker=marker, error=why)


def _export(ledger: Ledger, head: FlowHead, connect: Open) -> SeenExport | None:
    """None where nothing was exported yet, where `files.retain` keeps nothing any more, or where nothing can be read back."""
    if head.last_run is None:
        return None
    run = find_run(ledger, head, head.last_run.slot, head.last_run.run_id)
    if run.removed_at is not None:
        return None
    names = len(run.files) + (run.manifest is not None)
    seen = SeenExport(flow=head.flow, slot=run.slot, run_id=run.run_id, files=names)
    try:
        destination = connect(reaching(ledger, head)(run.spec.destination))
        if not destination.capabilities.readable:
            return None
        missing, changed = _compared(run, destination)
    except StoreError:
        raise
    except ReconcilerError as error:
        return seen.model_copy(update={"error": _said(error)})
    return seen.model_copy(update={"missing": missing, "changed": changed})


def _compared(run: RunRecord, destination: Destination) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sizes = {each.name: each.size for each in destination.list(f"{run.folder}/")}
    missing = [each.path for each in run.files if each.path not in sizes]
    changed = [each.path for each in run.files if sizes.get(each.path, each.size) != each.size]
    if run.manifest is not None and (problem := manifest_problem(run, run.manifest, destination)) is not None:
        (missing if problem == "missing" else changed).append(run.manifest)
    return tuple(missing), tuple(changed)


def _said(error: ReconcilerError) -> str:
    return f"{error.code} {error.summary}. {error.detail}".rstrip()
