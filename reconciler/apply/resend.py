"""`export --again`: which recorded run is meant, whether it may leave again, and what it reads.

The rows are those of the run that is repeated: the same files, the same filter, the same columns. What changed since its flow was
applied otherwise refuses it: neither may a column leave that was taken out of the flow, nor would other rows be the same ones.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.apply.choose import Choice, expired
from reconciler.apply.recorded import find_run
from reconciler.datasets.base import Files
from reconciler.datasets.problems import named
from reconciler.errors import Refused, UsageError
from reconciler.ledger.records import FlowHead, Resendable
from reconciler.ledger.transitions import RESENDABLE_KEPT
from reconciler.plan.diff import origin, place
from reconciler.plan.reasons import same_filter
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.destination import Recipient
from reconciler.resources.effective import FlowSpec
from reconciler.stores.ledger import Ledger
from reconciler.values.pin import Pin
from reconciler.values.slot import parse_slot, slot_text

_SHOWN = 5


def find(head: FlowHead, text: str) -> Resendable:
    """The run with this slot (ISO 8601 with a zone) or run id.

    Raises `UsageError` U109: none that is kept; U110: several. `Refused` H115: a flow that compares sends nothing twice.
    """
    if head.spec.changes is not None:
        raise Refused(
            "H115",
            "a comparison can't be sent again",
            f"{head.flow} tells what changed from run to run. Nothing was sent. Everything is sent by: reconcile export {head.flow} --full",
        )
    try:
        slot = parse_slot(text)
    except ValueError:
        slot = None
    fit = [each for each in head.resendable if text == each.run_id or slot == each.slot]
    if len(fit) == 1:
        return fit[0]
    if fit:
        ids = ", ".join(f"{each.run_id} ({'on demand' if each.on_demand else 'by schedule'})" for each in fit)
        raise UsageError("U110", "several runs have this slot", f"Name one by its run id: {ids}.")
    kept = [f"{slot_text(each.slot)} ({each.run_id})" for each in head.resendable]
    there = f"The newest are {', '.join(kept[: -_SHOWN - 1 : -1])}." if kept else "This flow has none."
    raise UsageError(
        "U109", "no such run to send again", f"Only a flow's newest {RESENDABLE_KEPT} runs can be sent again. {there}"
    )


def reading(
    ledger: Ledger, head: FlowHead, run: Resendable, files: Files, now: datetime
) -> tuple[Choice, Pin, Pin | None]:
    """What the run read: its files, its pin, and the pin of what it left out. A file that is gone or was rewritten isn't needed where all
    of its rows have expired by `now`: none of them would leave.

    Raises `Refused`: H110 the flow was changed since, H111 the data was, H112 it replaces its file; `StoreError` where the
    ledger lacks what it must have.
    """
    if head.spec.destination.spec.files.replace:
        raise Refused(
            "H112",
            "the newest export alone is kept",
            f"{head.flow} has files.replace: the rows of an earlier run would take the place of today's. Nothing was sent. What matches "
            f"today is sent by: reconcile export {head.flow} --full",
        )
    record = find_run(ledger, head, run.slot, run.run_id)
    differing = _differing(record.spec, head.spec)
    if differing:
        raise Refused(
            "H110",
            "the flow was changed since that run",
            f"{head.flow}: its {' and '.join(differing)} changed since run {run.run_id}, so that the same rows might not leave today. "
            f"Nothing was sent. What matches today is sent by: reconcile export {head.flow} --full",
        )
    pin = ledger.pin(run.pin)
    before = ledger.pin(run.pin_before) if run.pin_before else None
    left_out = before.files if before else ()
    known = {each.path for each in left_out}
    chosen = tuple(each for each in pin.files if each.path not in known)
    past = tuple(each for each in chosen if expired(each, head.spec.source.dataset_spec, now))
    if files.changed(past):
        over = {each.path for each in past if files.changed((each,))}
        chosen = tuple(each for each in chosen if each.path not in over)
    if gone := files.changed(chosen):
        some = ", ".join(named(each) for each in gone[:_SHOWN])
        more = f" and {len(gone) - _SHOWN:,} more" if len(gone) > _SHOWN else ""
        raise Refused(
            "H111",
            "the data of that run is gone or was rewritten",
            f"{head.flow}: not as run {run.run_id} read it: {some}{more}. Nothing was sent. Put it back, or send what matches today: "
            f"reconcile export {head.flow} --full",
        )
    return Choice("resend", chosen, left_out, record.within), pin, before


def _differing(before: FlowSpec, after: FlowSpec) -> list[str]:
    """What decides about rows and recipients, and isn't as it was then. Guards, schedule, format and credentials may be today's."""
    found = []
    if before.columns != after.columns:
        found.append("columns")
    if not same_filter(before.source, after.source):
        found.append("filter")
    if origin(before.source) != origin(after.source) or _reading(before, after) != _reading(after, before):
        found.append("dataset")
    if place(before.destination) != place(after.destination):
        found.append("destination")
    if _party(before) != _party(after):
        found.append("recipient")
    return found


def _party(of: FlowSpec) -> Recipient | None:
    """The recipient, however long the agreement with it lasts: that is judged by today's."""
    recipient = of.destination.spec.recipient
    return recipient.model_copy(update={"until": None}) if recipient else None


def _reading(of: FlowSpec, other: FlowSpec) -> tuple[object, ...]:
    """How a dataset's files are read, columns that only one of the two declares left out: nothing that leaves uses them."""
    spec: DatasetSpec = of.source.dataset_spec
    shared = spec.columns.keys() & other.source.dataset_spec.columns.keys()
    return (spec.format, spec.csv, {name: spec.columns[name] for name in shared})
