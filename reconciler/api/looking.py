"""How applied flows are doing, as the ledger has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reconciler.ledger.records import FlowHead
from reconciler.present.status import FlowStatus, by_urgency, flow_status
from reconciler.stores.ledger import Ledger


def statuses(ledger: Ledger, heads: Iterable[FlowHead], now: datetime) -> tuple[FlowStatus, ...]:
    """Those that need a person first, with what was told of them. Raises `StoreError`."""
    heads = list(heads)
    books = ledger.alert_books() if any(head.spec.alerts for head in heads) else {}
    return tuple(by_urgency(flow_status(head, now, books.get(head.flow)) for head in heads))
