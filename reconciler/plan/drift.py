"""What isn't as recorded at the destinations, from what a look showed. Apart from intent: no change follows from it by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from reconciler.ledger.observed import Observed, SeenDestination, SeenExport
from reconciler.plan.selection import Selection
from reconciler.values.base import Value
from reconciler.values.identity import FlowId

DriftCode = Literal["unreachable", "unmarked", "not-ours", "not-writable", "unread", "files-missing", "files-changed"]
_NAMED = 3


class Drift(Value):
    """`subject`: a destination's name or a flow's id. `code` is stable, `sentence` is for people."""

    code: DriftCode
    subject: str
    sentence: str


def drift(observed: Observed, lineage: str | None, selection: Selection) -> tuple[Drift, ...]:
    """Everything that isn't as recorded, by subject. `lineage`: the ledger's."""
    found: list[Drift] = []
    for place in observed.destinations:
        if selection.named(place.name):
            found += _of_destination(place, lineage)
    for export in observed.exports:
        if selection.flow(FlowId.parse(export.flow)):
            found += _of_export(export)
    return tuple(sorted(found, key=lambda each: (each.subject, each.code)))


def _of_destination(seen: SeenDestination, lineage: str | None) -> Iterator[Drift]:
    if not seen.reached:
        yield Drift(code="unreachable", subject=seen.name, sentence=f"It can't be looked at: {seen.error}")
    elif seen.readable and seen.marker is None:
        sentence = "Its owner marker is gone: it was emptied or replaced, or isn't mounted."
        yield Drift(code="unmarked", subject=seen.name, sentence=sentence)
    elif seen.readable and seen.marker != lineage:
        sentence = f"It belongs to another ledger now, with lineage {seen.marker}."
        yield Drift(code="not-ours", subject=seen.name, sentence=sentence)
    elif seen.error is not None:
        yield Drift(code="not-writable", subject=seen.name, sentence=f"It can't be written to: {seen.error}")


def _of_export(seen: SeenExport) -> Iterator[Drift]:
    which = f"its last export (slot {seen.slot:%Y-%m-%d %H:%M} UTC, run {seen.run_id})"
    if seen.error is not None:
        yield Drift(code="unread", subject=seen.flow, sentence=f"The files of {which} can't be looked at: {seen.error}")
    for code, names, what in (("files-missing", seen.missing, "gone"), ("files-changed", seen.changed, "changed")):
        if names:
            yield Drift.model_validate(
                {"code": code, "subject": seen.flow, "sentence": _files(names, seen, which, what)}
            )


def _files(names: Sequence[str], seen: SeenExport, which: str, what: str) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    are = "is" if len(names) == 1 else "are"
    return f"{len(names):,} of {seen.files:,} files of {which} {are} {what}: {', '.join(names[:_NAMED])}{more}."
