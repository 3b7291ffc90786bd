"""What a run of the `cursor` strategy reads: rows between the previous mark and the next, and the files that may hold some."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from reconciler.apply.choose import Choice
from reconciler.datasets.base import Access, Listing
from reconciler.export.job import Engine
from reconciler.ledger.records import FlowHead
from reconciler.resources.activation import BackfillFrom
from reconciler.resources.dataset import duration
from reconciler.values.cursor import MarkCursor
from reconciler.values.manifest import RunKind
from reconciler.values.mark import Ordered, Range, at, mark_text, rank, read_mark
from reconciler.values.pin import PinnedFile


def by_mark(engine: Engine, head: FlowHead, listing: Listing, access: Access, slot: datetime, *, full: bool) -> Choice:
    """The next mark is the greatest value there is, but no later than the slot less the lag: a row from the future waits for its time.

    In `full` mode all rows are read whatever their value; the mark says where an increment would go on. Raises `SourceError`.
    """
    dataset = head.spec.source.dataset_spec
    increments = dataset.incremental
    column = increments.column
    assert column is not None
    kind = dataset.columns[column].type.strip().lower()
    tops = list(engine.newest(dataset, access, listing.pin.files, column))
    mark = _next(tops, at(slot - duration(increments.lag or "0s"), kind))
    before = previous(head, kind)
    reached = max((each for each in (before, mark) if each is not None), default=None, key=rank)
    text = None if reached is None else mark_text(reached)
    if head.spec.mode == "full":
        return Choice("full", listing.pin.files, (), None, text)
    after, including = (None, False) if full else _after(head, kind, before)
    empty = mark is None or (after is not None and not _above(mark, after, including))
    within = (
        Range(column=column)
        if mark is None or empty
        else Range(column=column, after=_text(after), upto=mark_text(mark), including=including)
    )
    read = tuple(file for file, top in tops if not empty and _holds(top, after, including))
    taken = {file.path for file in read}
    left_out = tuple(file for file, _ in tops if file.path not in taken)
    return Choice(_kind(head, full=full), read, left_out, within, text)


def _kind(head: FlowHead, *, full: bool) -> RunKind:
    if full:
        return "full"
    if isinstance(head.cursor, MarkCursor):
        return "increment"
    return "rebuild" if head.rebuild else "full"


def _next(tops: list[tuple[PinnedFile, Ordered | None]], limit: Ordered | None) -> Ordered | None:
    greatest = max((top for _, top in tops if top is not None), default=None, key=rank)
    if greatest is None or limit is None:
        return greatest
    return min(greatest, limit, key=rank)


def previous(head: FlowHead, kind: str) -> Ordered | None:
    """The mark that the flow's cursor stands at."""
    cursor = head.cursor
    return read_mark(cursor.mark, kind) if isinstance(cursor, MarkCursor) and cursor.mark is not None else None


def _after(head: FlowHead, kind: str, before: Ordered | None) -> tuple[Ordered | None, bool]:
    """Where the run begins, and whether that value belongs to it."""
    if before is not None:
        return before, False
    match head.spec.backfill:
        case "full":
            return None, False
        case "none":
            return at(head.since, kind), False
        case BackfillFrom(from_=begin):
            return (begin if kind == "timestamp" else begin.date()), True
        case _:
            assert_never(head.spec.backfill)


def _above(value: Ordered, limit: Ordered, including: bool) -> bool:
    return rank(value) > rank(limit) or (including and value == limit)


def _holds(top: Ordered | None, after: Ordered | None, including: bool) -> bool:
    """Whether a file whose greatest value is `top` may hold rows of the run; one without any value is read once, to be counted."""
    if top is None or after is None:
        return after is None
    return _above(top, after, including)


def _text(value: Ordered | None) -> str | None:
    return None if value is None else mark_text(value)
