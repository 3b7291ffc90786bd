"""The ledger as typed documents over any store: reads decode, writes commit with a known outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar, assert_never

from reconciler.cache.folder import NO_CACHE, Cache
from reconciler.collecting import paused
from reconciler.errors import Conflict, StoreError
from reconciler.ledger import keys
from reconciler.ledger.alerts import AlertBook
from reconciler.ledger.codec import decode, encode
from reconciler.ledger.records import (
    Actual,
    DestinationRecord,
    Document,
    FlowHead,
    PinRecord,
    ProjectRecord,
)
from reconciler.ledger.store import Store
from reconciler.stores.blobs import commit_blob, fetch_blob
from reconciler.stores.recalled import Recalled
from reconciler.stores.writes import Committed, Lost, Outcome, Sleep, commit_create, commit_delete, commit_replace
from reconciler.values.identity import FlowId
from reconciler.values.pin import Pin

D = TypeVar("D", bound=Document)
_KEEP_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Versioned(Generic[D]):
    """A document and the version under which it can be swapped."""

    document: D
    version: str


class Ledger:
    """One ledger. `nonce` gives a fresh one for every document. `cache`: of what was read, where reading costs a request."""

    def __init__(self, store: Store, nonce: Callable[[], str], sleep: Sleep, cache: Cache = NO_CACHE) -> None:
        self.store = store
        self.nonce = nonce
        self._sleep = sleep
        self._cache = cache

    def read(self, kind: type[D], key: str) -> Versioned[D] | None:
        """The document at a key; None where there is none. Raises `StoreError` for a torn or newer one."""
        found = self.store.read(key)
        return None if found is None else Versioned(decode(kind, key, found.body), found.version)

    def create(self, key: str, document: D) -> Versioned[D]:
        """Raises `Conflict` L121 where the key exists, `OutcomeUnknown`, `StoreError`."""
        outcome = commit_create(self.store, key, encode(document), document.nonce, sleep=self._sleep)
        return self._written(key, document, outcome)

    def replace(self, key: str, document: D, version: str) -> Versioned[D]:
        """Raises `Conflict` L121 where the version is no longer current, `OutcomeUnknown`, `StoreError`.

        Where another wrote after us, what is current by now is returned: callers look at what they get.
        """
        outcome = commit_replace(self.store, key, encode(document), version, document.nonce, sleep=self._sleep)
        return self._written(key, document, outcome)

    def delete(self, key: str, version: str) -> None:
        """Raises `Conflict` L121 where something else is there by now."""
        outcome = commit_delete(self.store, key, version, sleep=self._sleep)
        if isinstance(outcome, Lost):
            raise _conflict(key)

    def head(self, flow_id: FlowId) -> Versioned[FlowHead] | None:
        """A flow's head."""
        return self.read(FlowHead, keys.flow(flow_id))

    def swap(self, head: Versioned[FlowHead], new: FlowHead) -> Versioned[FlowHead]:
        """Replaces a head by what a transition made of it."""
        return self.replace(keys.flow(new.flow_id), new, head.version)

    def keep_pin(self, pin: Pin) -> None:
        """Stores a pin unless it is there (equal digests are equal pins), and takes back that it is to be removed.

        Only once a head names it: see `reconciler.apply.sweep`. Raises `Conflict` L121, `OutcomeUnknown`, `StoreError`.
        """
        key = keys.pin(pin.digest())
        for _ in range(_KEEP_TRIES):
            found = self.read(PinRecord, key)
            if found is not None and not found.document.doomed:
                return
            record = PinRecord(nonce=self.nonce(), pin=pin)
            try:
                if found is None:
                    self.create(key, record)
                else:
                    self.replace(key, record, found.version)
            except Conflict:
                continue  # made, marked or removed meanwhile
            return
        raise _conflict(key)

    def pin(self, digest: str) -> Pin:
        """A stored pin. Raises `StoreError` L112 where it is gone or isn't what its name says."""
        found = self.read(PinRecord, keys.pin(digest))
        if found is None or found.document.pin.digest() != digest:
            raise StoreError(
                "L112",
                "a pin of the ledger is missing",
                f"pins/{digest} is gone or not what its name says. Nothing was exported. Restore it from a backup, or start over "
                "with a full export: reconcile export FLOW --full",
            )
        return found.document.pin

    def keep_blob(self, key: str, path: Path) -> None:
        """Keeps a file, which nobody changes any more, under a key that is used once. Raises `OutcomeUnknown`, `StoreError`."""
        commit_blob(self.store, key, path, sleep=self._sleep)

    def fetch_blob(self, key: str, into: Path, digest: str) -> None:
        """A kept file as a new one. Raises `StoreError` L143 where it is gone or another."""
        fetch_blob(self.store, key, into, digest)

    @paused()
    def actual(self) -> Actual:
        """All heads and destinations, for the plan. Raises `StoreError` L114 where there are some and no ledger they belong to."""
        project = self.read(ProjectRecord, keys.PROJECT)
        lineage = project.document.lineage if project else ""
        look = Recalled(self._cache, f"{self.store.url} {lineage}")
        destinations = self._all(DestinationRecord, keys.DESTINATIONS, look)
        flows = self._all(FlowHead, keys.FLOWS, look)
        if project is None and (destinations or flows):
            raise StoreError(
                "L114",
                "the ledger lost its own document",
                f"{self.store.url} holds destinations or flows, and no project document, which says whose they are. Nothing was changed. "
                "Restore it from a backup, or from the store's object versions.",
            )
        look.save()
        return Actual(project=project.document if project else None, destinations=destinations, flows=flows)

    def alert_books(self) -> dict[str, AlertBook]:
        """What was told of flows, by flow id; not of all flows is there one."""
        look = Recalled(self._cache, f"{self.store.url} {keys.ALERTS}")
        found = look.fetch(self.store, keys.ALERTS)
        look.save()
        return {key.removeprefix(keys.ALERTS): decode(AlertBook, key, stored.body) for key, stored in found}

    def _all(self, kind: type[D], prefix: str, look: Recalled) -> dict[str, D]:
        found = look.fetch(self.store, prefix)
        return {key.removeprefix(prefix): decode(kind, key, stored.body) for key, stored in found}

    def _written(self, key: str, document: D, outcome: Outcome) -> Versioned[D]:
        match outcome:
            case Committed(version, None):
                return Versioned(document, version)
            case Committed(_, newer) if newer is not None:
                return Versioned(decode(type(document), key, newer.body), newer.version)
            case Committed() | Lost():
                raise _conflict(key)
            case _:
                assert_never(outcome)


def _conflict(key: str) -> Conflict:
    return Conflict("L121", "the ledger was changed by another", f"{key}: another write came first. Run again.")
