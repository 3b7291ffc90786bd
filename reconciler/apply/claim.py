"""Claiming: what a run is to read is looked up, then one swap of the head makes it this runner's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.apply import resend
from reconciler.apply.choose import Choice, choose
from reconciler.apply.compared import all_or_nothing
from reconciler.apply.context import Context
from reconciler.apply.contract import agreed
from reconciler.apply.marks import by_mark
from reconciler.apply.sealing import sealing_for
from reconciler.apply.stage import names
from reconciler.apply.versions import by_version
from reconciler.datasets.base import Files, Listing
from reconciler.datasets.problems import still_written
from reconciler.errors import Refused
from reconciler.ledger import transitions
from reconciler.ledger.records import FlowHead, OpenRun, Resendable
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import FlowSpec
from reconciler.stores.ledger import Versioned
from reconciler.values.pin import Pin


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: the slot, how many older slots it covers, and whether a person asked for it.

    `full`: everything instead of what is new. `repeats`: a recorded run that is to be sent again.
    """

    slot: datetime
    covers: int = 0
    on_demand: bool = False
    full: bool = False
    repeats: Resendable | None = None

    @classmethod
    def again(cls, run: Resendable) -> Wanted:
        """The same rows as a recorded run, in a folder of its own, beside the schedule."""
        return cls(run.slot, on_demand=True, repeats=run)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run that is ours. `pin`: the files that belong to it, `before`: those of them that it doesn't read.

    Both are stored only now that the head names them (`keep`): whoever removes pins that no head names looks at the heads first.
    """

    run: OpenRun
    choice: Choice
    pin: Pin
    before: Pin | None

    def keep(self, context: Context) -> None:
        """Stores the pins. Before deciding: the head then needs them for good."""
        for pin in (self.pin, self.before):
            if pin is not None:
                context.ledger.keep_pin(pin)


def claim(context: Context, head: Versioned[FlowHead], wanted: Wanted, now: datetime) -> Claimed:
    """Raises `Conflict` where another runner was faster, `Refused` H110 to H113, `SourceError`, `StoreError`, `AccountError` for keys: then
    nothing was claimed."""
    document = head.document
    sealing_for(context, document.spec.destination)
    choice, pin, before = reading(context, document, wanted, context.open_files(document.spec.source), now)
    run = opened(context, document, wanted, choice, pin, before)
    if wanted.repeats is None:
        run = run.model_copy(update={"delay_seconds": context.delay(run.slot, now)})
    claimed = context.ledger.swap(head, transitions.claim(document, run, nonce=context.ledger.nonce()))
    now_open = claimed.document.open
    if now_open is None or now_open.run_id != run.run_id:
        raise transitions.NotAllowed(claimed.document, "the claim was ended by another")
    return Claimed(now_open, choice, pin, before)


def opened(
    context: Context, document: FlowHead, wanted: Wanted, choice: Choice, pin: Pin, before: Pin | None
) -> OpenRun:
    """The run that a head would have open."""
    run = OpenRun(
        run_id=context.run_id(),
        epoch=document.epoch + 1,
        generation=document.generation,
        kind=choice.kind,
        slot=wanted.slot,
        on_demand=wanted.on_demand,
        covers=wanted.covers,
        resend_of=wanted.repeats.run_id if wanted.repeats else None,
        spec=document.spec,
        source_id=document.source_id,
        folder="",
        pin=pin.digest(),
        pin_before=before.digest() if before else None,
        cursor_before=None if wanted.repeats else document.cursor,
        within=choice.within,
        mark=choice.mark,
        standing=document.standing if document.spec.destination.spec.files.replace else None,
        lease=context.new_lease(),
        claimed_at=context.clock(),
    )
    return run.model_copy(update={"folder": names(run).folder})


def _permitted(spec: FlowSpec, now: datetime) -> None:
    """Raises `Refused` H113 where the recipient's agreement has ended, G143 where the override of a policy has, by which the flow was
    applied. A run that was decided in time is completed all the same."""
    recipient = spec.destination.spec.recipient
    if recipient is not None and recipient.ended(now):
        raise Refused(
            "H113",
            "the recipient's agreement has ended",
            f"{spec.flow_id}: the agreement with {recipient.name} was until {recipient.until}. Nothing was read or sent.",
        )
    ended = next((each for each in spec.overrides if each.policy is not None and not each.in_force(now)), None)
    if ended is not None:
        detail = f"{spec.flow_id}: {ended.what} was lifted through {ended.until} by activation {spec.activation}. Nothing was read or sent."
        raise Refused("G143", "the override of a policy has ended", detail)


def _dated(listing: Listing, dataset: DatasetSpec) -> Listing:
    """With the files' times in the pin, where rows expire and files may vanish for it."""
    if dataset.expiry is None or listing.history is not None:
        return listing
    files = tuple(each.model_copy(update={"modified": listing.modified[each.path]}) for each in listing.pin.files)
    return replace(listing, pin=listing.pin.model_copy(update={"files": files}))


def reading(
    context: Context, head: FlowHead, wanted: Wanted, files: Files, now: datetime
) -> tuple[Choice, Pin, Pin | None]:
    """What a run of a flow reads, as the data is: its files, the pin, and the pin of what it left out. Changes nothing. Raises as `claim`
    does."""
    _permitted(head.spec, now)
    choice, pin, before = _reading(context, head, wanted, files, now)
    return agreed(context.engine, head, choice, files), pin, before


def _reading(
    context: Context, head: FlowHead, wanted: Wanted, files: Files, now: datetime
) -> tuple[Choice, Pin, Pin | None]:
    if wanted.repeats is not None:
        return resend.reading(context.ledger, head, wanted.repeats, files, now)
    listing = _dated(files.listing(now), head.spec.source.dataset_spec)
    if head.spec.changes is not None:
        if listing.unsettled:
            raise still_written(listing.unsettled)
        whole = all_or_nothing(head, listing.pin.files, full=wanted.full)
        return whole, listing.pin, None
    if head.spec.source.dataset_spec.incremental.strategy == "cursor":
        found = by_mark(context.engine, head, listing, files.access(), wanted.slot, full=wanted.full)
        left_out = Pin(location=listing.pin.location, files=found.left_out) if found.left_out else None
        return found, listing.pin, left_out
    if listing.history is not None:
        return by_version(context.ledger, head, listing, listing.history, wanted.slot, full=wanted.full)
    if head.cursor is not None and head.spec.mode == "incremental" and not wanted.full:
        before = context.ledger.pin(head.cursor.pin)
        return choose(head, listing, before, at=wanted.slot), listing.pin, before
    choice = choose(head, listing, None, full=wanted.full)
    left_out = Pin(location=listing.pin.location, files=choice.left_out) if choice.left_out else None
    return choice, listing.pin, left_out
