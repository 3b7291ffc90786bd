"""Frees pins that no flow needs any more, without a lock and without a clock; docs/decisions/freeing-pins.md says why so.

A pin is marked by one call and removed by a later one, if that one, having seen the mark before it read the heads, finds none that
names the pin. A run stores its pins after its claim made the head name them, and takes a mark back: so whichever comes first, the claim is
seen by who removes, or the mark is seen by who claims.
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
    """One call's. `listed`: the version of every stored pin, as it was before the heads were read."""

    ledger: Ledger
    listed: Mapping[str, str]

    @classmethod
    def begin(cls, ledger: Ledger) -> Sweep:
        """Before the heads are read. Raises `StoreError`."""
        found = ledger.store.list(keys.PINS)
        return cls(ledger, {key.removeprefix(keys.PINS): version for key, version in found})

    def finish(self, actual: Actual) -> ReconcilerError | None:
        """Marks and removes, given all heads as read after `begin`. What goes wrong is returned: the next call goes on."""
        needed = frozenset[str]().union(
            *(head.pins() for head in actual.flows.values() if not _succeeded(head, actual))
        )
        try:
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
