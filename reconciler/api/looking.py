"""How applied flows are doing, as the ledger has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from reconciler.ledger.records import FlowHead
from reconciler.present.cleanups import CleanUp
from reconciler.present.status import FlowStatus, by_urgency, flow_status
from reconciler.stores.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Overview:
    """`flows`: those that need a person first; `clean_ups`: what is to be removed and is still there, of removed flows too."""

    flows: tuple[FlowStatus, ...]
    clean_ups: tuple[CleanUp, ...] = ()


def statuses(ledger: Ledger, heads: Iterable[FlowHead], now: datetime) -> tuple[FlowStatus, ...]:
    """Those that need a person first, with what was told of them. Raises `StoreError`."""
    heads = list(heads)
    books = ledger.alert_books() if any(head.spec.alerts for head in heads) else {}
    return tuple(by_urgency(flow_status(head, now, books.get(head.flow)) for head in heads))
