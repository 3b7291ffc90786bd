"""Sending what waits in flows' books, in a thread of its own. One runner at a time has a flow's; whoever dies leaves it to the next.

To people, the first alerts of a call are sent one by one, as they come; what comes after them is put together into one message at the
end, so that a destination that is down doesn't wake anybody two hundred times.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.alerts.base import TIMEOUT, Channel, Message, failure
from reconciler.errors import Conflict, ReconcilerError, unexpected
from reconciler.ledger import keys
from reconciler.ledger.alerts import AlertBook, Notice, Trouble, sending, sent
from reconciler.ledger.records import FlowHead, Lease
from reconciler.present.alerts import digest, message
from reconciler.present.commands import Shell
from reconciler.resources.alert import EffectiveAlert
from reconciler.stores.ledger import Ledger, Versioned
from reconciler.values.identity import FlowId

_LEASE: Final = timedelta(minutes=2)
"""For so long others leave what waits to whoever is sending it."""
_PATIENCE: Final = 60.0
"""Seconds that one channel may take of one call, all its messages together."""
_SINGLY: Final = 5
"""So many messages of one call reach people one by one."""
_TOGETHER: Final = 200
"""So many flows are put into one message at most: their leases last until it is sent."""
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


@dataclass(frozen=True, slots=True)
class _Taken:
    """A flow whose alerts are ours to send until the lease is over."""

    head: FlowHead
    book: AlertBook
    lease: Lease

    def channel(self, notice: Notice) -> EffectiveAlert | None:
        """None where the flow tells that channel nothing any more."""
        return next((each for each in self.head.spec.alerts if each.name == notice.channel), None)


@dataclass
class Sender:
    """One call's sending. `send` may be called from any thread; `close` returns when all was tried. `wall`: the clock of leases. `now`: of
    the call. `tell`: hears `Alerted` and `NotAlerted`, which is all that comes of what goes wrong."""

    ledger: Ledger
    environment: str | None
    open_channel: Callable[[EffectiveAlert], Channel]
    holder: str
    wall: Callable[[], datetime]
    now: datetime
    tell: Callable[[Any], None]
    _queue: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _down: set[str] = field(default_factory=set)
    _spent: dict[str, float] = field(default_factory=dict)
    _singly: Counter[str] = field(default_factory=Counter)
    _held: dict[str, dict[str, None]] = field(default_factory=dict)

    def ready(self, book: AlertBook) -> bool:
        """Whether something waits that nobody is sending."""
        return bool(book.waiting) and (book.sending is None or book.sending.until <= self.wall())

    def send(self, flow: str) -> None:
        """Sends what waits of a flow, soon."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)
                self._thread.start()
        self._queue.put(flow)

    def close(self) -> None:
        """Sends what is left."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _work(self) -> None:
        while (flow := self._queue.get()) is not None:
            self._guarded(flow, self._deliver, FlowId.parse(flow))
        for channel, flows in self._held.items():
            names = list(flows)
            for at in range(0, len(names), _TOGETHER):
                self._guarded(names[at], self._together, channel, names[at : at + _TOGETHER])

    def _guarded(self, flow: str, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except ReconcilerError as error:
            self.tell(NotAlerted(flow, "", error))
        except Exception as error:
            self.tell(NotAlerted(flow, "", unexpected(error)))

    # One flow's ---------------------------------------------------------------------------------------------------------

    def _deliver(self, flow_id: FlowId) -> None:
        """Everything that waits of one flow. What comes to wait meanwhile is sent too; what isn't sent by itself is kept in mind."""

        def now(notice: Notice, spec: EffectiveAlert | None) -> bool:
            alone = self._alone(notice, spec)
            if not alone and notice.channel not in self._down:
                self._held.setdefault(notice.channel, {})[str(flow_id)] = None
            return alone

        for _ in range(_TRIES):
            taken = self._taken(flow_id, now)
            if taken is None:
                return
            done, troubles = self._sent(taken)
            if not self._confirmed(flow_id, done, troubles):
                return

    def _taken(self, flow_id: FlowId, wanted: Callable[[Notice, EffectiveAlert | None], bool]) -> _Taken | None:
        """Takes a flow's alerts for us; None where another has them, or none of them is `wanted`."""
        for _ in range(_TRIES):
            head = self.ledger.head(flow_id)
            found = self.ledger.read(AlertBook, keys.alerts(flow_id))
            if head is None or found is None or not self.ready(found.document):
                return None
            lease = Lease(holder=self.holder, until=self.wall() + _LEASE)
            seen = _Taken(head.document, found.document, lease)
            if not any(wanted(each, seen.channel(each)) for each in seen.book.waiting):
                return None
            try:
                mine = self._write(found, sending(found.document, lease))
            except Conflict:
                continue
            return _Taken(head.document, mine.document, lease)
        return None

    def _alone(self, notice: Notice, spec: EffectiveAlert | None) -> bool:
        """Whether an alert is sent by itself, as it comes."""
        if notice.channel in self._down:
            return False
        return spec is None or spec.channel.type != "apprise" or self._singly[notice.channel] < _SINGLY

    def _sent(self, taken: _Taken) -> tuple[frozenset[str], tuple[Trouble, ...]]:
        """Ids of what needn't wait any more, and why others do."""
        done: set[str] = set()
        troubles: list[Trouble] = []
        for notice in taken.book.waiting:
            spec = taken.channel(notice)
            if spec is None:
                done.add(notice.id)
                continue
            if not self._alone(notice, spec) or taken.lease.until - self.wall() < timedelta(seconds=2 * TIMEOUT):
                continue
            self._singly[notice.channel] += 1
            shell = Shell(environment=self.environment)
            error = self._one(
                notice.channel, spec, taken.head.flow, message(notice, taken.head, taken.head.owner, shell)
            )
            if error is None:
                done.add(notice.id)
                self.tell(Alerted(taken.head.flow, notice.channel, notice.event, notice.id))
            else:
                troubles.append(self._trouble(notice.channel, error))
        return frozenset(done), tuple(troubles)

    # What is put together -------------------------------------------------------------------------------------------------

    def _together(self, channel: str, flows: Iterable[str]) -> None:
        """Everything that waits for one channel, as one message."""
        if channel in self._down:
            return
        all_taken = [each for flow in flows if (each := self._taken(FlowId.parse(flow), _for(channel)))]
        noticed = [
            (each.head, notice) for each in all_taken for notice in each.book.waiting if notice.channel == channel
        ]
        spec = next((found for each in all_taken for found in _specs(each, channel)), None)
        error: ReconcilerError | None = None
        if spec is not None:
            project = all_taken[0].head.owner
            told = digest(noticed, project, self.now, Shell(environment=self.environment))
            error = self._one(channel, spec, all_taken[0].head.flow, told)
        done = frozenset(notice.id for _, notice in noticed) if error is None else frozenset()
        for each in all_taken:
            troubles = () if error is None else (self._trouble(channel, error),)
            self._confirmed(each.head.flow_id, done, troubles)
        for head, notice in noticed if error is None else ():
            self.tell(Alerted(head.flow, channel, notice.event, notice.id))

    # Both -----------------------------------------------------------------------------------------------------------------

    def _one(self, channel: str, spec: EffectiveAlert, flow: str, told: Message) -> ReconcilerError | None:
        """Sends a message; why it wasn't. A channel that is down, or has used up its time, is left alone from then on."""
        began = time.monotonic()
        error: ReconcilerError | None = None
        try:
            self.open_channel(spec).send(told)
        except ReconcilerError as failed:
            error = failed
        except Exception as failed:
            error = unexpected(failed)
        self._spent[channel] = self._spent.get(channel, 0.0) + time.monotonic() - began
        slow = f"It took more than {_PATIENCE:g} seconds of this call; its other alerts wait for the next one."
        down = error or (failure("N101", slow) if self._spent[channel] > _PATIENCE else None)
        if down is not None:
            self._down.add(channel)
            self.tell(NotAlerted(flow, channel, down))
        return error

    def _trouble(self, channel: str, error: ReconcilerError) -> Trouble:
        return Trouble(channel=channel, code=error.code, sentence=error.summary, since=self.now)

    def _confirmed(self, flow_id: FlowId, done: frozenset[str], troubles: tuple[Trouble, ...]) -> bool:
        """Takes what was sent out of the book; whether more waits that nobody is sending."""
        for _ in range(_TRIES):
            found = self.ledger.read(AlertBook, keys.alerts(flow_id))
            if found is None:
                return False
            try:
                after = self._write(found, sent(found.document, done, troubles, self.holder))
            except Conflict:
                continue
            return self.ready(after.document)
        return False

    def _write(self, found: Versioned[AlertBook], book: AlertBook) -> Versioned[AlertBook]:
        """Raises `Conflict` where another was faster."""
        book = book.model_copy(update={"nonce": self.ledger.nonce()})
        return self.ledger.replace(f"{keys.ALERTS}{book.flow}", book, found.version)


def _for(channel: str) -> Callable[[Notice, EffectiveAlert | None], bool]:
    return lambda notice, _spec: notice.channel == channel


def _specs(taken: _Taken, channel: str) -> Iterator[EffectiveAlert]:
    yield from (each for each in taken.head.spec.alerts if each.name == channel)
