"""Telling people: looks at flows as a run goes on, and sends in a thread of its own what is to be told.

What is to be told is swapped into the flow's book on the ledger first, so that of several runners one tells it. Then it is sent, and taken
out of the book: a runner that dies in between leaves it there, and the next one sends it again under the same id. No export waits for a
channel, none fails by one, and what couldn't be sent waits for the next run.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Final

from reconciler.alerts.base import TIMEOUT, Channel, failure
from reconciler.api.choose import GONE
from reconciler.apply.context import Context
from reconciler.apply.usual import earlier_rows
from reconciler.errors import Conflict, ReconcilerError, unexpected
from reconciler.ledger import keys
from reconciler.ledger.alerts import AlertBook, Notice, Trouble, of, sending, sent
from reconciler.ledger.records import FlowHead, Lease, OpenRun
from reconciler.plan.alerts import Look, told, wants_rows
from reconciler.present.alerts import message
from reconciler.present.commands import Shell
from reconciler.resources.alert import AlertChannelSpec
from reconciler.resources.effective import FlowSpec
from reconciler.stores.ledger import Ledger, Versioned
from reconciler.values.identity import FlowId

_LEASE: Final = timedelta(minutes=2)
"""For so long others leave what waits to whoever is sending it."""
_PATIENCE: Final = 60.0
"""Seconds that one channel may take of one call, all its messages together."""
_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Alerted:
    """A channel took an alert."""

    flow: str
    channel: str
    event: str
    id: str


@dataclass(frozen=True, slots=True)
class NotAlerted:
    """A channel is down or can't be used; its alerts of this flow, and of all others after it, wait for the next run."""

    flow: str
    channel: str
    error: ReconcilerError


@dataclass
class Alerts:
    """One call's telling, while it is entered. `look` may be called from any thread. Nothing here raises.

    `wall`: the clock of leases. `tell`: hears `Alerted` and `NotAlerted`.
    """

    ledger: Ledger
    lineage: str
    environment: str | None
    open_channel: Callable[[AlertChannelSpec], Channel]
    holder: str
    wall: Callable[[], datetime]
    now: datetime
    tell: Callable[[Any], None]
    _watched: set[str] = field(default_factory=set)
    _queue: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _down: set[str] = field(default_factory=set)
    _spent: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Alerts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Sends what is left, and returns when that was tried."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

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
            elif self._ready(seen):
                self._send(head.flow)

    def look(self, flow_id: FlowId, *, opened: OpenRun | None = None, error: ReconcilerError | None = None) -> None:
        """Looks at one flow afresh. `opened`: a run that began just now; `error`: what an export ended with."""
        if str(flow_id) not in self._watched:
            return
        try:
            if self._looked(flow_id, opened, error):
                self._send(str(flow_id))
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
                return self._ready(book)
            try:
                return self._ready(self._write(found, after).document)
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

    def _ready(self, book: AlertBook) -> bool:
        return bool(book.waiting) and (book.sending is None or book.sending.until <= self.wall())

    def forget(self, flows: Iterable[FlowId]) -> None:
        """Removes the books of flows that tell nobody of anything any more."""
        for flow_id in flows:
            with suppress(ReconcilerError):  # by a later call
                found = self.ledger.store.read(keys.alerts(flow_id))
                if found is not None:
                    self.ledger.delete(keys.alerts(flow_id), found.version)

    # Sending --------------------------------------------------------------------------------------------------------------

    def _send(self, flow: str) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
                self._thread.start()
        self._queue.put(flow)

    def _work(self) -> None:
        while (flow := self._queue.get()) is not None:
            try:
                self._deliver(FlowId.parse(flow))
            except ReconcilerError as error:
                self.tell(NotAlerted(flow, "", error))
            except Exception as error:
                self.tell(NotAlerted(flow, "", unexpected(error)))

    def _deliver(self, flow_id: FlowId) -> None:
        """Everything that waits of one flow, by one runner. What comes to wait meanwhile is sent too."""
        for _ in range(_TRIES):
            head = self.ledger.head(flow_id)
            found = self.ledger.read(AlertBook, keys.alerts(flow_id))
            if head is None or found is None or not self._ready(found.document):
                return
            if not any(each.channel not in self._down for each in found.document.waiting):
                return
            lease = Lease(holder=self.holder, until=self.wall() + _LEASE)
            try:
                mine = self._write(found, sending(found.document, lease))
            except Conflict:
                continue
            done, troubles = self._sent(head.document, mine.document.waiting, lease)
            if not self._confirmed(flow_id, done, troubles):
                return

    def _confirmed(self, flow_id: FlowId, done: frozenset[str], troubles: tuple[Trouble, ...]) -> bool:
        """Takes what was sent out of the book; whether more of it can be sent now."""
        for _ in range(_TRIES):
            found = self.ledger.read(AlertBook, keys.alerts(flow_id))
            if found is None:
                return False
            try:
                after = self._write(found, sent(found.document, done, troubles, self.holder))
            except Conflict:
                continue
            return self._ready(after.document)
        return False

    def _sent(
        self, head: FlowHead, waiting: tuple[Notice, ...], lease: Lease
    ) -> tuple[frozenset[str], tuple[Trouble, ...]]:
        """Ids of what needn't wait any more, and why others do."""
        channels = {each.name: each.channel for each in head.spec.alerts}
        done: set[str] = set()
        troubles: list[Trouble] = []
        for notice in waiting:
            spec = channels.get(notice.channel)
            if spec is None:
                done.add(notice.id)  # The flow tells that channel nothing any more.
                continue
            if notice.channel in self._down or lease.until - self.wall() < timedelta(seconds=2 * TIMEOUT):
                continue
            error = self._one(head, notice, spec)
            if error is None:
                done.add(notice.id)
                self.tell(Alerted(head.flow, notice.channel, notice.event, notice.id))
                continue
            self._down.add(notice.channel)
            troubles.append(Trouble(channel=notice.channel, code=error.code, sentence=error.summary, since=self.now))
            self.tell(NotAlerted(head.flow, notice.channel, error))
        return frozenset(done), tuple(troubles)

    def _one(self, head: FlowHead, notice: Notice, spec: AlertChannelSpec) -> ReconcilerError | None:
        began = time.monotonic()
        try:
            shell = Shell(environment=self.environment)
            self.open_channel(spec).send(message(notice, head, head.owner, shell))
        except ReconcilerError as error:
            return error
        except Exception as error:
            return unexpected(error)
        finally:
            self._spent[notice.channel] = self._spent.get(notice.channel, 0.0) + time.monotonic() - began
        if self._spent[notice.channel] > _PATIENCE:
            self._down.add(notice.channel)
            slow = failure(
                "N101", f"It took more than {_PATIENCE:g} seconds of this call; its other alerts wait for the next one."
            )
            self.tell(NotAlerted(head.flow, notice.channel, slow))
        return None
