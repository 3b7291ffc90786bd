"""What a run reads: all files, or those that came since the cursor. Functions of their arguments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from reconciler.datasets.base import Listing
from reconciler.datasets.problems import named, problem
from reconciler.ledger.records import FlowHead
from reconciler.resources.activation import BackfillFrom
from reconciler.resources.dataset import DatasetSpec, duration
from reconciler.values.cursor import Columns
from reconciler.values.manifest import RunKind
from reconciler.values.mark import Range
from reconciler.values.pin import Pin, PinnedFile


@dataclass(frozen=True, slots=True)
class Choice:
    """`files` are read; `left_out` belong to the pin but not to this run (before a backfill's limit, or read earlier).

    Strategy `cursor`: `within` holds the rows that are read, `mark` is where the cursor stands afterwards. `whole`: where `files` came
    with versions of a table: all of its data files, which aren't those that came earlier and now once they were compacted.
    `columns`: what the data had by then, where it is held to that.
    """

    kind: RunKind
    files: tuple[PinnedFile, ...]
    left_out: tuple[PinnedFile, ...]
    within: Range | None = None
    mark: str | None = None
    whole: tuple[PinnedFile, ...] | None = None
    columns: Columns | None = None


def choose(
    head: FlowHead, listing: Listing, before: Pin | None, *, full: bool = False, at: datetime | None = None
) -> Choice:
    """Which files of `listing` a run of this flow reads; `before` is the cursor's pin, None for a full run.

    A file that is gone is fine where all of its rows have expired `at` the run's slot. Raises `SourceError`: F118 a file that was exported
    is gone, F119 one was rewritten.
    """
    files = listing.pin.files
    if full or head.spec.mode == "full":
        return Choice("full", files, ())
    if before is None:
        kind: RunKind = "rebuild" if head.rebuild else "full"
        begin = limit(head)
        chosen = files if begin is None else tuple(each for each in files if listing.modified[each.path] >= begin)
        taken = {each.path for each in chosen}
        return Choice(kind, chosen, tuple(each for each in files if each.path not in taken))
    now = {each.path: each.version for each in files}
    for each in before.files:
        if each.path not in now and expired(each, head.spec.source.dataset_spec, at):
            continue
        if each.path not in now:
            raise problem("F118", f"{named(each.path)} was exported and is gone. {_MEND}")
        if now[each.path] != each.version:
            raise problem("F119", f"{named(each.path)} was exported and has changed since. {_MEND}")
    known = {each.path for each in before.files}
    there = tuple(each for each in before.files if each.path in now)
    return Choice("increment", tuple(each for each in files if each.path not in known), there)


def expired(file: PinnedFile, dataset: DatasetSpec, at: datetime | None) -> bool:
    """Whether every row of a file is past the dataset's expiry: a row isn't younger than its file."""
    if dataset.expiry is None or file.modified is None or at is None:
        return False
    return file.modified + duration(dataset.expiry.after) <= at


def limit(head: FlowHead) -> datetime | None:
    """What came before isn't exported by a backfill; None: everything is."""
    match head.spec.backfill:
        case "full":
            return None
        case "none":
            return head.since
        case BackfillFrom(from_=at):
            return at
        case _:
            assert_never(head.spec.backfill)


_MEND = "Put it back, or start over with everything: reconcile export FLOW --full"
