"""What was told of a flow, and what is still to be told: a document of its own, so that telling never gets in a run's way."""

from __future__ import annotations

from typing import Final

from reconciler.catalog.base import AlertEvent
from reconciler.ledger.records import Document, FlowHead, Lease
from reconciler.values.base import Value
from reconciler.values.excluded import Excluded
from reconciler.values.slot import Instant, Slot

WAITING_MOST: Final = 64


class Facts(Value):
    """What an alert says besides its event: numbers, times and codes, never data.

    `code`, `sentence`: a diagnostic's. `slot`: the one exported, or the one that waits. `usual`: the median of so many `runs`.
    `limit`: the threshold that was passed. `over`: what recovered.
    """

    code: str | None = None
    sentence: str | None = None
    run_id: str | None = None
    kind: str | None = None
    slot: Slot | None = None
    rows: int | None = None
    files: int | None = None
    size: int | None = None
    excluded: dict[Excluded, int] = {}
    usual: int | None = None
    runs: int | None = None
    limit: str | None = None
    over: tuple[AlertEvent, ...] = ()


class Notice(Value):
    """One alert to one channel that wasn't confirmed to be sent yet. `id` is the same however often it is sent. `at`: of the event."""

    id: str
    channel: str
    event: AlertEvent
    at: Instant
    facts: Facts = Facts()


class Raised(Value):
    """A state that a channel was told of, and that isn't over. `key`: what would be told as another state of the same event.

    `run`: the last recorded run by then; `generation`: the flow's.
    """

    channel: str
    event: AlertEvent
    key: str = ""
    since: Instant
    run: str | None = None
    generation: int


class Trouble(Value):
    """Why a channel's alerts wait."""

    channel: str
    code: str
    sentence: str
    since: Instant
    attempts: int = 1


class AlertBook(Document):
    """`born`: the flow's, since another one of its name was told nothing. `started`, `succeeded`: the last run that was told of as
    such; `judged`: the last one whose counts were looked at.

    `waiting`: still to be sent, oldest first; `dropped`: so many were given up, since more than 64 waited. `sending`: who is at it.
    """

    flow: str
    born: int = 0
    started: str | None = None
    succeeded: str | None = None
    judged: str | None = None
    raised: tuple[Raised, ...] = ()
    waiting: tuple[Notice, ...] = ()
    dropped: int = 0
    sending: Lease | None = None
    troubles: tuple[Trouble, ...] = ()


def of(head: FlowHead, book: AlertBook | None) -> AlertBook:
    """The book of a flow as it is; an empty one where there is none, or that of another flow of its name."""
    return book if book is not None and book.born == head.born else AlertBook(nonce="", flow=head.flow, born=head.born)


def noted(book: AlertBook, notices: tuple[Notice, ...]) -> AlertBook:
    """With more to send; the oldest give way beyond `WAITING_MOST`."""
    known = {each.id for each in book.waiting}
    waiting = (*book.waiting, *(each for each in notices if each.id not in known))
    gone = max(len(waiting) - WAITING_MOST, 0)
    return book.model_copy(update={"waiting": waiting[gone:], "dropped": book.dropped + gone})


def sending(book: AlertBook, lease: Lease) -> AlertBook:
    """Somebody is about to send what waits."""
    return book.model_copy(update={"sending": lease})


def sent(book: AlertBook, done: frozenset[str], troubles: tuple[Trouble, ...], holder: str) -> AlertBook:
    """What was sent waits no longer; `troubles`: of channels that were tried in vain. A channel that took something has none any more."""
    took = {each.channel for each in book.waiting if each.id in done}
    tried = {each.channel: each for each in troubles}
    kept = []
    for each in book.troubles:
        again = tried.pop(each.channel, None)
        if again is not None:
            kept.append(again.model_copy(update={"since": each.since, "attempts": each.attempts + 1}))
        elif each.channel not in took:
            kept.append(each)
    mine = book.sending is not None and book.sending.holder == holder
    left = tuple(each for each in book.waiting if each.id not in done)
    still = {each.channel for each in left}
    return book.model_copy(
        update={
            "waiting": left,
            "troubles": tuple(each for each in (*kept, *tried.values()) if each.channel in still),
            "sending": None if mine else book.sending,
        }
    )
