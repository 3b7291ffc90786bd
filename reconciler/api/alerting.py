"""Telling people: looks at flows as a run goes on, and has sent what is to be told.

What is to be told is swapped into the flow's book on the ledger first, so that of several runners one tells it. Then it is sent, and taken
out of the book: a runner that dies in between leaves it there, and the next one sends it again under the same id. No export waits for a
channel, none fails by one, and what couldn't be sent waits for the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from reconciler.api.choose import GONE
from reconciler.api.sending import NotAlerted, Sender
from reconciler.apply.context import Context
from reconciler.apply.usual import earlier_rows
from reconciler.errors import Conflict, ReconcilerError, unexpected
from reconciler.ledger import keys
from reconciler.ledger.alerts import AlertBook, of
from reconciler.ledger.records import FlowHead, OpenRun
from reconciler.plan.alerts import Look, told, wants_rows
from reconciler.resources.effective import FlowSpec
from reconciler.stores.ledger import Ledger, Versioned
from reconciler.values.identity import FlowId

_TRIES: Final = 20


@dataclass
class Alerts:
    """One call's telling, while it is entered. `look` may be called from any thread. Nothing here raises.

    `now`: the time that the call acts at. `tell`: hears `NotAlerted`.
    """

    ledger: Ledger
    lineage: str
    now: datetime
    sender: Sender
    tell: Callable[[Any], None]
    _watched: set[str] = field(default_factory=set)

    def __enter__(self) -> Alerts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sends what is left, and returns when that was tried."""
        self.sender.close()

    def watching(self, context: Context, specs: Iterable[FlowSpec]) -> Context:
        """A context that tells of what happens to flows; of those of `specs` that tell anybody anything."""
        self._watched |= {str(spec.flow_id) for spec in specs if spec.alerts}
        return replace(
            context,
            opened=lambda run: self.look(run.spec.flow_id, opened=run),
            ended=lambda flow_id, error: self.look(flow_id, error=error),
        )

    def watch(self, flows: Iterable[str]) -> None:
        """More flows that may tell somebody something."""
        self._watched |= set(flows)

    def begin(self, heads: Iterable[FlowHead]) -> None:
        """Looks at flows as a call begins: which are late, and what earlier calls couldn't send. Books of flows that are gone go too."""
        heads = list(heads)
        self._watched |= {head.flow for head in heads if head.spec.alerts}
        if not self._watched:
            return
        try:
            self._begin(heads)
        except ReconcilerError as error:
            self.tell(NotAlerted("", "", error))
        except Exception as error:
            self.tell(NotAlerted("", "", unexpected(error)))

    def _begin(self, heads: list[FlowHead]) -> None:
        books = self.ledger.alert_books()
        for head in heads:
            book = books.get(head.flow)
            if head.state in GONE or not head.spec.alerts:
                self.forget([head.flow_id] if book else [])
                continue
            seen = of(head, book)
            if wants_rows(head, seen) or told(seen, Look(head, self.now), self.lineage) is not seen:
                self.look(head.flow_id)
            elif self.sender.ready(seen):
                self.sender.send(head.flow)

    def look(self, flow_id: FlowId, *, opened: OpenRun | None = None, error: ReconcilerError | None = None) -> None:
        """Looks at one flow afresh. `opened`: a run that began just now; `error`: what an export ended with."""
        if str(flow_id) not in self._watched:
            return
        try:
            if self._looked(flow_id, opened, error):
                self.sender.send(str(flow_id))
        except ReconcilerError as failed:
            self.tell(NotAlerted(str(flow_id), "", failed))
        except Exception as failed:
            self.tell(NotAlerted(str(flow_id), "", unexpected(failed)))

    # What is to be told ---------------------------------------------------------------------------------------------------

    def _looked(self, flow_id: FlowId, opened: OpenRun | None, error: ReconcilerError | None) -> bool:
        """Swaps what is to be told into the book; whether something waits that nobody is sending."""
        for _ in range(_TRIES):
            head = self.ledger.head(flow_id)
            if head is None or not head.document.spec.alerts:
                return False
            found = self.ledger.read(AlertBook, keys.alerts(flow_id))
            book = of(head.document, found.document if found else None)
            rows = earlier_rows(self.ledger, head.document) if wants_rows(head.document, book) else None
            after = told(book, Look(head.document, self.now, opened, error, rows), self.lineage)
            if after is book:
                return self.sender.ready(book)
            try:
                return self.sender.ready(self._write(found, after).document)
            except Conflict:
                continue
        return False

    def _write(self, found: Versioned[AlertBook] | None, book: AlertBook) -> Versioned[AlertBook]:
        """Raises `Conflict` where another was faster."""
        book = book.model_copy(update={"nonce": self.ledger.nonce()})
        key = f"{keys.ALERTS}{book.flow}"
        if found is None:
            return self.ledger.create(key, book)
        return self.ledger.replace(key, book, found.version)

    def forget(self, flows: Iterable[FlowId]) -> None:
        """Removes the books of flows that tell nobody of anything any more."""
        for flow_id in flows:
            with suppress(ReconcilerError):  # by a later call
                found = self.ledger.store.read(keys.alerts(flow_id))
                if found is not None:
                    self.ledger.delete(keys.alerts(flow_id), found.version)
