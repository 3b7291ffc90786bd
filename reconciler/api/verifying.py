"""What is at the destinations of flows against what their runs recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.apply.reaching import reaching
from reconciler.apply.verify import Finding, Open, Verified, given_way, leftovers, recorded, unknown, verify_run
from reconciler.destinations.base import Destination
from reconciler.errors import AccountError, DestinationError, MissingExtra, ReconcilerError
from reconciler.ledger.records import FlowHead, RunRecord
from reconciler.resources.effective import EffectiveDestination, fingerprint
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class NotVerified:
    """A flow of which so many `runs` couldn't be looked at: their destination, or the account that opens it, can't be used here."""

    flow: str
    destination: str
    runs: int
    error: ReconcilerError


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at. `others`: findings of no single run. `purged`: flows whose files were deleted on purpose. `replaced`: runs whose
    file gave way to a later one's. `removed`: runs that `files.retain` keeps no more. `failed`: what nothing can be said of."""

    verified: tuple[Verified, ...]
    others: tuple[Finding, ...]
    purged: tuple[str, ...]
    replaced: tuple[RunRecord, ...] = ()
    removed: tuple[RunRecord, ...] = ()
    failed: tuple[NotVerified, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that isn't as recorded."""
        return (*(finding for each in self.verified for finding in each.findings), *self.others)

    @property
    def unverifiable(self) -> tuple[str, ...]:
        """Destinations that can only be written to, by name."""
        return tuple(sorted({each.run.spec.destination.name for each in self.verified if each.checked is None}))


def verify(ledger: Ledger, heads: list[FlowHead], open_destination: Open) -> Report:
    """Reads every file of every recorded run of these flows back. Changes nothing. What can't be reached keeps nothing else from being
    looked at. Raises `StoreError`."""
    looking = _Looking(ledger, _kept(open_destination))
    for head in heads:
        looking.at(head)
    return looking.report()


@dataclass
class _Looking:
    """One look at flows, one after the other. `found`: runs that were read, and where. `broken`: by destination as it was reached, why it
    wasn't; the rest of its runs would only wait for the same."""

    ledger: Ledger
    connect: Open
    verified: list[Verified] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    replaced: list[RunRecord] = field(default_factory=list)
    removed: list[RunRecord] = field(default_factory=list)
    found: list[tuple[RunRecord, EffectiveDestination]] = field(default_factory=list)
    broken: dict[str, ReconcilerError] = field(default_factory=dict)
    missed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    places: dict[str, tuple[str, EffectiveDestination]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def at(self, head: FlowHead) -> None:
        """Every run of a flow."""
        self.places[fingerprint(head.spec.destination)] = (head.flow, head.spec.destination)
        if head.state == "removed" and head.spec.on_remove == "purge":
            self.purged.append(head.flow)
            return
        reach = reaching(self.ledger, head)
        gone = given_way(self.ledger, head) if head.standing is not None else frozenset()
        for run in recorded(self.ledger, head):
            if run.run_id in self.seen:
                continue  # of a flow that was renamed: its old head leads to it as well
            self.seen.add(run.run_id)
            if run.run_id in gone or run.removed_at is not None:
                (self.removed if run.removed_at is not None else self.replaced).append(run)
            else:
                self._run(head, run, reach(run.spec.destination))

    def report(self) -> Report:
        """Of all flows that were looked at, with what none of their runs put there."""
        readable = [(run, where) for run, where in self.found if fingerprint(where) not in self.broken]
        others = list(unknown(self.ledger, readable, self.connect))
        others += self._leftovers()
        failed = tuple(
            NotVerified(flow, name, runs, self.broken[place]) for (flow, name, place), runs in self.missed.items()
        )
        return Report(
            tuple(self.verified), tuple(others), tuple(self.purged), tuple(self.replaced), tuple(self.removed), failed
        )

    def _run(self, head: FlowHead, run: RunRecord, where: EffectiveDestination) -> None:
        place = fingerprint(where)
        self.places[place] = (head.flow, where)
        if place not in self.broken:
            try:
                self.verified.append(verify_run(run, where, self.connect))
                self.found.append((run, where))
                return
            except (DestinationError, AccountError, MissingExtra) as error:
                self.broken[place] = error
        self.missed[head.flow, where.name, place] += 1

    def _leftovers(self) -> Iterator[Finding]:
        """What is staged at each place once."""
        known: set[str] = set()
        for name, (flow, place) in self.places.items():
            if name in self.broken:
                continue
            try:
                root = self.connect(place).location()
                if root not in known:
                    known.add(root)
                    yield from leftovers(self.ledger, place, self.connect)
            except (DestinationError, AccountError, MissingExtra) as error:
                self.broken[name] = error
                self.missed[flow, place.name, name] += 0


def _kept(open_destination: Open) -> Open:
    """One connection per destination: its spec is its identity."""
    kept: dict[str, Destination] = {}

    def connect(destination: EffectiveDestination) -> Destination:
        name = fingerprint(destination)
        if name not in kept:
            kept[name] = open_destination(destination)
        return kept[name]

    return connect
