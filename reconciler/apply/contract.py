"""`contract: freeze`: the data has the columns that were agreed, with their types, or nothing of it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.apply.choose import Choice
from reconciler.datasets.base import Files
from reconciler.datasets.problems import problem
from reconciler.export.job import Engine
from reconciler.ledger.records import FlowHead
from reconciler.resources.dataset import DatasetSpec
from reconciler.values.cursor import Columns
from reconciler.values.types import parse_type

_SHOWN = 5


def agreed(engine: Engine, head: FlowHead, choice: Choice, files: Files) -> Choice:
    """The choice with the columns that are agreed from now on. Raises `SourceError` F136: then nothing was claimed.

    What is agreed is what is declared, and what the flow's last recorded run met; at a flow's first run under `freeze`, what there is.
    """
    dataset = head.spec.source.dataset_spec
    if dataset.incremental.contract != "freeze" or choice.kind == "resend":
        return choice
    found = files.columns()
    if found is None:
        there = choice.files or (choice.left_out if head.cursor is None else ())
        found = engine.columns(dataset, files.access(), there) if there else {}
    before = head.cursor.columns if head.cursor else None
    if before is not None and (new := _new(found, before, _declared(dataset))):
        more = f" and {len(new) - _SHOWN:,} more" if len(new) > _SHOWN else ""
        raise problem(
            "F136",
            f"{head.flow}: {', '.join(new[:_SHOWN])}{more}. The contract is frozen, so nothing was exported. If this is meant, declare the "
            "columns as they are now, or let them evolve (contract: evolve), and apply.",
        )
    return replace(choice, columns=_together(before or {}, found))


def _new(found: Mapping[str, frozenset[str]], before: Columns, declared: Mapping[str, str]) -> list[str]:
    """What isn't agreed, for people."""
    said = []
    for name, types in sorted(found.items()):
        for kind in sorted(types):
            if kind in before.get(name, ()) or (name in declared and kind in ("", declared[name])):
                continue
            was = " or ".join(before.get(name, ())) or declared.get(name)
            now = f" as {kind[:80]}" if kind else ""
            said.append(
                f"column {name!r} was added{now}"
                if was is None
                else f"column {name!r} is {kind[:80]} and was {was[:80]}"
            )
    return said


def _declared(dataset: DatasetSpec) -> dict[str, str]:
    return {name: str(parse_type(column.type)) for name, column in dataset.columns.items()}


def _together(before: Columns, found: Mapping[str, frozenset[str]]) -> Columns:
    return {name: tuple(sorted({*before.get(name, ()), *found.get(name, ())})) for name in sorted({*before, *found})}
