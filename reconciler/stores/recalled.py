"""The ledger's documents as an earlier look at it read them: what the list shows unchanged isn't read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.cache.folder import Cache
from reconciler.ledger.store import Store, Stored

_VERSION: Final = "1"
_FEW: Final = 8
"""So many reads are cheaper than keeping everything again."""


@dataclass
class Recalled:
    """One look. `name`: which ledger it is, lineage included. Keeps nothing with a `cache` that has no folder."""

    cache: Cache
    name: str
    _known: Mapping[str, Stored] | None = None
    _seen: dict[str, Stored] = field(default_factory=dict)

    def fetch(self, store: Store, prefix: str) -> list[tuple[str, Stored]]:
        """Every document below a prefix: see `Store.fetch`."""
        if self._known is None:
            self._known = self._load()
        found = list(store.fetch(prefix, self._known))
        self._seen.update(found)
        return found

    def save(self) -> None:
        """Keeps what this look saw, and forgets the rest; not for a few changes."""
        known = self._known or {}
        anew = sum(1 for key, stored in self._seen.items() if key not in known or known[key] is not stored)
        if self.cache.folder is not None and anew > _FEW:
            self.cache.write(self._name, _VERSION, {key: _row(stored) for key, stored in self._seen.items()})

    @property
    def _name(self) -> str:
        return f"ledger {self.name}"

    def _load(self) -> dict[str, Stored]:
        rows = self.cache.read(self._name, _VERSION)
        found = rows if isinstance(rows, dict) else {}
        return {key: Stored(body.encode("utf-8", "surrogateescape"), version) for key, (version, body) in found.items()}


def _row(stored: Stored) -> list[Any]:
    return [stored.version, stored.body.decode("utf-8", "surrogateescape")]
