"""Every reason that a plan gives, and which changes of a flow need a rebuild. Sentences name objects, never data."""

from __future__ import annotations

from datetime import datetime

from reconciler.ledger.records import FlowHead, OpenRun
from reconciler.plan.diff import folder, origin, place
from reconciler.plan.plan import CursorEffect, Reason
from reconciler.resources.basis import basis
from reconciler.resources.effective import EffectiveSource, FlowSpec
from reconciler.values.types import parse_type
from reconciler.where import Checked, check

NEW_DESTINATION = Reason(code="new", sentence="It is declared and not in the ledger yet.")
CHANGED_DESTINATION = Reason(code="changed", sentence="It is declared otherwise than it was applied.")
REMOVED_DESTINATION = Reason(code="not-declared", sentence="It is not declared any more.")
SUSPENDED = Reason(code="suspended", sentence="Its activation says suspend: true; no exports until that changes.")
COMPARISON_CHANGED = Reason(
    code="comparison-changed",
    sentence="What rows are compared by changed, so nothing of before can be compared with: everything leaves once more, as added.",
)
AGREEMENT_ENDED = "agreement-ended"
RESUMED = Reason(code="resumed", sentence="Its activation no longer says suspend: true.")


EXCLUSIONS = ("consent", "suppressions", *(f"source.datasetSpec.{each}" for each in ("consent", "expiry", "latestBy")))
"""Where a flow's spec says who stays out."""
ENCRYPTION = ("destination.recipientKeys", "destination.spec.encryption")
"""Where it says for whom files are encrypted."""
_COLUMNS = "source.datasetSpec.columns."
_PARTS = {"protect": "protection", "onRemove": "onRemove", "suspend": "suspension"}


def renamed(old: str, new: str) -> Reason:
    """A destination's two records, or a flow's two heads, during a rename."""
    return Reason(code="renamed", sentence=f"Renamed from {old} to {new}.")


def adopted(of: str, *, known: bool, then: str | None = None) -> Reason:
    """A destination or flow that another project offers; `known`: the ledger says so. `then`: the name that it gets afterwards."""
    offer = ", which offers it" if known else ", if that offers it by then"
    renamed = f"; the next apply renames it to {then}" if then else ""
    return Reason(code="adopted", sentence=f"Adopted from project {of}{offer}{renamed}.")


def offered(to: str | None) -> Reason:
    """`transferTo` is all that differs."""
    if to is None:
        return Reason(code="offer-withdrawn", sentence="It is no longer offered to another project.")
    return Reason(code="offered", sentence=f"It is offered to project {to}; until that adopts it, all goes on here.")


def added(spec: FlowSpec, *, again: bool) -> Reason:
    """A flow that isn't in the ledger, or was removed before."""
    if again:
        return Reason(
            code="returned", sentence=f"Activation {spec.activation} declares it again; nothing of before is taken up."
        )
    return Reason(code="new", sentence=f"Activation {spec.activation} declares it and it is not in the ledger yet.")


def removed(spec: FlowSpec) -> Reason:
    """A flow that no activation declares; with the spec as applied."""
    files = "its files are deleted" if spec.on_remove == "purge" else "its files stay"
    return Reason(
        code="not-declared", sentence=f"It is not declared any more (it was by activation {spec.activation}); {files}."
    )


def rebuilds(before: FlowSpec, after: FlowSpec, was_id: str, is_id: str) -> tuple[Reason, ...]:
    """Why what was exported can't be added to: then the next export is full. `was_id`, `is_id`: the flow's source id.

    Changed columns are no such reason: what was exported stays as it left, and new files have the new columns. Nor is
    the mode: a full export's cursor tells where an increment goes on. Strategy `diff` is another matter: it compares rows as they
    leave, and only with what it noted of them; but filter and source are what it tells by itself.
    """
    found = []
    if place(before.destination) != place(after.destination):
        found.append(Reason(code="destination-moved", sentence="The destination moved: nothing is there yet."))
    elif folder(before, was_id) != folder(after, is_id):
        sentence = "The flow's folder moved: whoever reads the new one finds nothing there yet."
        found.append(Reason(code="folder-moved", sentence=sentence))
    compares = before.changes is not None and after.changes is not None
    if not compares and origin(before.source) != origin(after.source):
        found.append(Reason(code="source-moved", sentence="The dataset moved: its files are not those read before."))
    if not compares and before.source.dataset_spec.format != after.source.dataset_spec.format:
        found.append(Reason(code="source-format-changed", sentence="The dataset's format changed."))
    if followed(before) != followed(after):
        sentence = "How increments are told from what left before changed, so its cursor means nothing now."
        found.append(Reason(code="strategy-changed", sentence=sentence))
    if (key := before.source.dataset_spec.primary_key) and key != after.source.dataset_spec.primary_key:
        sentence = "The primary key changed: what tells one profile from another isn't what earlier exports went by."
        found.append(Reason(code="key-changed", sentence=sentence))
    elif compares and basis(before) != basis(after):
        found.append(COMPARISON_CHANGED)
    if not compares and not same_filter(before.source, after.source):
        strategy = after.source.dataset_spec.incremental.strategy
        sentence = f"The filter changed, and strategy {strategy} can't tell who of what is there already is in it now."
        found.append(Reason(code="filter-changed", sentence=sentence))
    return tuple(found)


def followed(spec: FlowSpec) -> tuple[str, ...]:
    """What a flow's cursor means: the strategy, and the column with its type. A full export notes nothing to compare with."""
    dataset = spec.source.dataset_spec
    if dataset.incremental.strategy == "diff":
        return ("files" if spec.changes is None else "diff", "", "")
    column = dataset.incremental.column
    kind = dataset.columns[column].type if column in dataset.columns and column is not None else ""
    return (dataset.incremental.strategy, column or "", kind)


def same_filter(before: EffectiveSource, after: EffectiveSource) -> bool:
    """Whether two filters mean the same: spaces, brackets and the case of keywords don't make a rebuild."""
    if before.where == after.where:
        return True
    texts = [_canonical(each) for each in (before, after)]
    return texts[0] is not None and texts[0] == texts[1]


def _canonical(source: EffectiveSource) -> str | None:
    """The filter's canonical text; None where an older version of this tool allowed what this one doesn't."""
    if source.where is None:
        return None
    try:
        columns = {name: parse_type(column.type) for name, column in source.dataset_spec.columns.items()}
    except ValueError:
        return None
    found = check(source.where, columns)
    return found.text if isinstance(found, Checked) else None


def effect(head: FlowHead, found: tuple[Reason, ...]) -> CursorEffect:
    """What becomes of a cursor. Before the first export there is nothing to rebuild: with `backfill: none`, that would send what was never
    meant to."""
    if not has_exported(head):
        return "none"
    return "rebuild" if found or head.rebuild is not None else "keep"


def has_exported(head: FlowHead) -> bool:
    """Whether there is, or is about to be, a cursor that a rebuild would drop. Else the backfill is still to come."""
    decided = head.open is not None and head.open.phase == "publishing"
    return head.cursor is not None or head.rebuild is not None or decided


def changed(paths: tuple[str, ...], *, compares: bool) -> Reason:
    """A flow's change that keeps its cursor. `paths`: of the fields that differ. `compares`: the next export tells what it made of them."""
    if compares and "source.where" in paths:
        sentence = "The filter changed: the next export tells who it lets in now, and removes whom it doesn't."
        return Reason(code="filter-changed", sentence=sentence)
    if all(path.startswith(_COLUMNS) and path.endswith(".labels") for path in paths):
        return Reason(code="labels-changed", sentence="The labels of its columns changed; what leaves is the same.")
    if any(path.startswith("source.datasetSpec.incremental.changes") for path in paths):
        return Reason(code="changes-told-otherwise", sentence="Exports from now on tell otherwise what was changed.")
    if any(path.startswith("columns") for path in paths):
        sentence = "The columns changed: exports from now on have the new ones, earlier files stay as they are."
        return Reason(code="columns-changed", sentence=sentence)
    if any(path.startswith(EXCLUSIONS) for path in paths):
        if compares:
            sentence = (
                "Who stays out changed: the next export removes whoever stays out now, and lets in who no longer does."
            )
            return Reason(code="exclusions-changed", sentence=sentence)
        sentence = "Who stays out changed: that holds for rows that are read from now on, and rows that were read before aren't again."
        return Reason(code="exclusions-changed", sentence=sentence)
    if any(path.startswith(ENCRYPTION) for path in paths):
        sentence = "Who can read its files, or how they are encrypted, changed: that holds for exports from now on, earlier files stay."
        return Reason(code="encryption-changed", sentence=sentence)
    parts = sorted({path.partition(".")[0] for path in paths})
    code = "destination-changed" if parts == ["destination"] else "changed"
    named = [_PARTS.get(part, part) for part in parts]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return Reason(code=code, sentence=f"Its {listed} changed.")


def ended(spec: FlowSpec, now: datetime) -> Reason | None:
    """A slot is due, and the agreement with whom it would go to is over."""
    recipient = spec.destination.spec.recipient
    if recipient is None or not recipient.ended(now):
        return None
    return Reason(
        code=AGREEMENT_ENDED,
        sentence=f"The agreement with {recipient.name} was until {recipient.until}: nothing will be sent (H113).",
    )


def due(missed: int, capped: bool, catch_up: str) -> Reason:
    """A slot is due. `missed`: older ones without an export, or more where `capped`, treated as `catch_up` says."""
    if not missed:
        return Reason(code="slot-due", sentence="Its slot is due.")
    count = f"{missed:,}{' or more' if capped else ''} earlier slot{'' if missed == 1 and not capped else 's'}"
    if catch_up == "skip":
        return Reason(code="slot-due", sentence=f"Its slot is due; {count} passed and will not be exported.")
    return Reason(code="slot-due", sentence=f"Its slot is due and stands for {count} that passed without an export.")


def unfinished(run: OpenRun, now: datetime) -> Reason:
    """A run that began and isn't recorded yet: its runner is at it, or died."""
    name = f"Run {run.run_id}{', on demand,' if run.on_demand else ''}"
    if run.phase == "publishing":
        how = "is decided and will be completed"
    elif run.lease.until > now:
        until = f"until its lease ends at {run.lease.until:%Y-%m-%d %H:%M} UTC"
        how = f"is left to its runner {until}" + ("" if run.on_demand else ", and is repeated after that")
    else:
        how = "was left open and will be discarded" + ("" if run.on_demand else " and repeated")
    return Reason(code="run-open", sentence=f"{name} {how}.")
