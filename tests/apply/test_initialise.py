"""The ledger's own document: every apply finds out again whether the store can be one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.apply.initialise import open_for_apply
from reconciler.errors import StoreError
from reconciler.ledger import keys
from reconciler.ledger.records import Applied, ProjectRecord
from reconciler.stores.ledger import Ledger
from reconciler.stores.memory import MemoryStore

NOW = datetime(2054, 12, 1, tzinfo=UTC)


class Careless(MemoryStore):
    """A store that a ledger was copied to, and that overwrites whatever is there."""

    careless = False

    def replace(self, key: str, body: bytes, version: str) -> str:
        current = self.read(key)
        return super().replace(key, body, current.version if self.careless and current else version)


def test_a_store_that_came_to_ignore_preconditions_is_refused_by_the_next_apply() -> None:
    store, nonces = Careless(), iter(range(100))
    ledger = Ledger(store, lambda: f"n{next(nonces)}", lambda _: None)

    def apply() -> int:
        applied = Applied(at=NOW, by="test")
        seen = ledger.read(ProjectRecord, keys.PROJECT)
        opened = open_for_apply(
            ledger,
            project="shop",
            environment=None,
            simulated=False,
            applied=applied,
            lineage=lambda: "l",
            seen=seen.document if seen else None,
        )
        return opened.record.serial

    assert [apply(), apply()] == [1, 2]
    store.careless = True
    before = store.read(keys.PROJECT)
    with pytest.raises(StoreError, match="L134"):
        apply()
    assert store.read(keys.PROJECT) == before
