"""Frees pins that no flow needs any more, without a lock and without a clock; docs/decisions/freeing-pins.md says why so.

A pin is marked by one call and removed by a later one, if that one, having seen the mark before it read the heads, finds none that
names the pin. A run stores its pins after its claim made the head name them, and takes a mark back: so whichever comes first, the claim is
seen by who removes, or the mark is seen by who claims.

Snapshots need no mark. Each belongs to one run, which a head names before it is written, and none is ever wanted again: one that was there
before the heads were read, and that none of them names, goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.errors import Conflict, ReconcilerError
from reconciler.ledger import keys
from reconciler.ledger.records import Actual, FlowHead, PinRecord
from reconciler.stores.ledger import Ledger

MOST: Final = 100
"""Pins that one call marks or removes: a ledger that was never swept mustn't take up a night."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One call's. `listed`: the version of every stored pin, as it was before the heads were read; `snapshots`: the keys of those."""

    ledger: Ledger
    listed: Mapping[str, str]
    snapshots: frozenset[str] = frozenset()

    @classmethod
    def begin(cls, ledger: Ledger) -> Sweep:
        """Before the heads are read. Raises `StoreError`."""
        found = ledger.store.list(keys.PINS)
        snapshots = frozenset(key for key, _ in ledger.store.blobs(keys.SNAPSHOTS))
        return cls(ledger, {key.removeprefix(keys.PINS): version for key, version in found}, snapshots)

    def finish(self, actual: Actual) -> ReconcilerError | None:
        """Marks and removes, given all heads as read after `begin`. What goes wrong is returned: the next call goes on."""
        heads = [head for head in actual.flows.values() if not _succeeded(head, actual)]
        needed = frozenset[str]().union(*(head.pins() for head in heads))
        compared = frozenset[str]().union(*(head.snapshots() for head in heads))
        try:
            for key in sorted(self.snapshots - compared)[:MOST]:
                self.ledger.store.delete_blob(key)
            for digest in sorted(self.listed.keys() - needed)[:MOST]:
                self._free(digest)
        except ReconcilerError as error:
            return error
        return None

    def _free(self, digest: str) -> None:
        key = keys.pin(digest)
        found = self.ledger.read(PinRecord, key)
        if found is None:
            return
        try:
            if not found.document.doomed:
                marked = found.document.model_copy(update={"doomed": True, "nonce": self.ledger.nonce()})
                self.ledger.replace(key, marked, found.version)
            elif found.version == self.listed[digest]:
                self.ledger.delete(key, found.version)
        except Conflict:
            return  # a run wants it after all, or another call was faster


def _succeeded(head: FlowHead, actual: Actual) -> bool:
    """Whether a renamed flow's new head is there and names what it needs itself."""
    heir = actual.flows.get(head.moved_to) if head.moved_to else None
    return heir is not None and heir.generation > head.generation
