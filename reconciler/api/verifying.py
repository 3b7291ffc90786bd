"""What is at the destinations of flows against what their runs recorded."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.apply.verify import Finding, Open, Verified, given_way, leftovers, recorded, unknown, verify_run
from reconciler.destinations.base import Destination
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.resources.effective import EffectiveDestination, fingerprint
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at. `others`: findings of no single run. `purged`: flows whose files were deleted on purpose. `replaced`: runs whose
    file gave way to a later one's. `removed`: runs that `files.retain` keeps no more."""

    verified: tuple[Verified, ...]
    others: tuple[Finding, ...]
    purged: tuple[str, ...]
    replaced: tuple[RunRecord, ...] = ()
    removed: tuple[RunRecord, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that isn't as recorded."""
        return (*(finding for each in self.verified for finding in each.findings), *self.others)

    @property
    def unverifiable(self) -> tuple[str, ...]:
        """Destinations that can only be written to, by name."""
        return tuple(sorted({each.run.spec.destination.name for each in self.verified if each.checked is None}))


def verify(ledger: Ledger, heads: list[FlowHead], open_destination: Open) -> Report:
    """Reads every file of every recorded run of these flows back. Changes nothing."""
    connect = _kept(open_destination)
    verified: list[Verified] = []
    purged: list[str] = []
    runs: list[RunRecord] = []
    replaced: list[RunRecord] = []
    removed: list[RunRecord] = []
    seen: set[str] = set()
    for head in heads:
        if head.state == "removed" and head.spec.on_remove == "purge":
            purged.append(head.flow)
            continue
        gone = given_way(ledger, head) if head.standing is not None else frozenset()
        for run in recorded(ledger, head):
            if run.run_id in seen:
                continue  # of a flow that was renamed: its old head leads to it as well
            seen.add(run.run_id)
            if run.run_id in gone or run.removed_at is not None:
                (removed if run.removed_at is not None else replaced).append(run)
                continue
            verified.append(verify_run(run, connect))
            runs.append(run)
    others = list(unknown(ledger, runs, connect))
    places = {connect(each).location(): each for each in [head.spec.destination for head in heads]}
    places |= {connect(run.spec.destination).location(): run.spec.destination for run in runs}
    for place in places.values():
        others += leftovers(ledger, place, connect)
    return Report(tuple(verified), tuple(others), tuple(purged), tuple(replaced), tuple(removed))


def _kept(open_destination: Open) -> Open:
    """One connection per destination: its spec is its identity."""
    kept: dict[str, Destination] = {}

    def connect(destination: EffectiveDestination) -> Destination:
        name = fingerprint(destination)
        if name not in kept:
            kept[name] = open_destination(destination)
        return kept[name]

    return connect
