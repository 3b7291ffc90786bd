"""Columns: what a dataset declares, what leaves of it under which name, and the expressions over it."""

from __future__ import annotations

from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.diagnostics import did_you_mean
from reconciler.resources.effective import EffectiveSource, ExportColumn
from reconciler.resources.resource import Activation, Destination


def check_columns(index: Index) -> None:
    """Column types of every dataset, `where` of every audience."""


def export_columns(
    index: Index, entry: Entry, activation: Activation, destination: Destination, source: EffectiveSource
) -> tuple[ExportColumn, ...] | None:
    """What leaves, in order; None, with findings, where a column doesn't exist, collides or can't be written."""
    declared = source.dataset_spec.columns
    chosen = activation.spec.columns
    columns: list[ExportColumn] = []
    taken: dict[str, str] = {}
    sound = True
    for at, each in enumerate(chosen if chosen is not None else declared):
        name, written = (each, each) if isinstance(each, str) else (each.column, each.as_)
        path: Path = ("spec", "columns", at) if chosen is not None else ("spec",)
        by_key = chosen is None
        if name not in declared:
            hint = did_you_mean(name, declared) or f" Declared: {', '.join(list(declared)[:10])}."
            index.report("R107", entry, path, f"Dataset {source.dataset} has no column {name}.{hint}")
            sound = False
            continue
        if (first := taken.get(written.lower())) is not None:
            detail = f"{written} and {first} are one name to many readers. Rename one: {{column: {name}, as: …}}."
            index.report("R108", entry, path, detail, key=by_key)
            sound = False
        taken.setdefault(written.lower(), written)
        columns.append(ExportColumn(column=name, name=written, type=declared[name].type))
    return tuple(columns) if sound else None
