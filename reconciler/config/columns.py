"""Columns: what a dataset declares, what leaves of it under which name, and the expressions over it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.config.index import Entry, Index
from reconciler.config.mapping import Misfit, transformed
from reconciler.config.parse import Path
from reconciler.config.remembered import Remembered, columns_key, expression_key
from reconciler.diagnostics import did_you_mean
from reconciler.resources.activation import MappedColumn
from reconciler.resources.effective import EffectiveSource, ExportColumn
from reconciler.resources.resource import Activation, Audience, Dataset, Destination
from reconciler.resources.transform import steps
from reconciler.values.fold import folded
from reconciler.values.types import ColumnType, is_nested, parse_type
from reconciler.where import Checked, check


def check_columns(index: Index, remembered: Remembered | None) -> None:
    """Column types of every dataset, `where` of every audience.

    An audience over a dataset that is missing or has a column of unknown type isn't checked: that is found elsewhere.
    """
    types = {entry.name: _types(index, entry, dataset) for entry, dataset in index.all(Dataset)}
    keys = {name: columns_key(columns) for name, columns in types.items() if columns is not None and remembered}
    for entry, audience in index.all(Audience):
        columns = types.get(audience.spec.dataset)
        if columns is None:
            continue
        key = expression_key(keys[audience.spec.dataset], audience.spec.where) if remembered else ""
        if remembered and remembered.sound(key):
            continue
        found = check(audience.spec.where, columns, dataset=audience.spec.dataset)
        if isinstance(found, Checked):
            if remembered:
                remembered.keep_sound(key)
            continue
        for each in found:
            source = entry.document.inside(("spec", "where"), each.offset, each.length)
            index.note(each.code, source, each.detail, entry)


def _types(index: Index, entry: Entry, dataset: Dataset) -> Mapping[str, ColumnType] | None:
    """The dataset's columns; None, with findings, if one has no type that we know."""
    types: dict[str, ColumnType] = {}
    for name, column in dataset.spec.columns.items():
        path: Path = ("spec", "columns", name, "type")
        try:
            types[name] = parse_type(column.type)
        except ValueError as error:
            index.report("R207", entry, path, f"The type of column {name} can't be read: {error}")
            continue
        if dataset.spec.format == "csv" and is_nested(types[name]):
            detail = f"Dataset {entry.name} is CSV, which has no form for {types[name]}. Declare {name} as string."
            index.report("R110", entry, path, detail)
    return types if len(types) == len(dataset.spec.columns) else None


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
        mapped = MappedColumn(column=each) if isinstance(each, str) else each
        path: Path = ("spec", "columns", at) if chosen is not None else ("spec",)
        by_key = chosen is None
        name, written = mapped.column, mapped.name
        if name is not None and name not in declared:
            hint = did_you_mean(name, declared) or f" Declared: {', '.join(list(declared)[:10])}."
            index.report("R107", entry, path, f"Dataset {source.dataset} has no column {name}.{hint}")
            sound = False
            continue
        if (first := taken.get(folded(written))) is not None:
            detail = f"{written} and {first} are one name to many readers. Rename one: {{column: {name}, as: …}}."
            index.report("R108", entry, path, detail, key=by_key)
            sound = False
        taken.setdefault(folded(written), written)
        column = _column(index, entry, path, mapped, source)
        if column is None:
            sound = False
            continue
        if (activation.spec.format or destination.spec.format).type == "csv" and _nested(column.type):
            detail = (
                f"Column {name} is {column.type}, for which CSV has no form. "
                "Leave it out, or export as parquet or json."
            )
            index.report("R110", entry, path, detail, key=by_key)
            sound = False
        columns.append(column)
    return tuple(columns) if sound else None


def _column(
    index: Index, entry: Entry, path: Path, mapped: MappedColumn, source: EffectiveSource
) -> ExportColumn | None:
    """The column as it leaves; None, with a finding, where its transform can't be used on it."""
    if mapped.column is None:
        kind = {bool: "boolean", int: "long", str: "string"}[type(mapped.constant)]
        return ExportColumn(name=mapped.name, type=kind, constant=mapped.constant)
    kind = source.dataset_spec.columns[mapped.column].type
    done = steps(mapped.transform)
    try:
        kind = transformed(mapped.column, kind, done)
    except Misfit as misfit:
        index.report("R121", entry, (*path, "transform"), str(misfit))
        return None
    except ValueError:
        pass  # the column's type, reported where it is declared
    return ExportColumn(
        column=mapped.column, name=mapped.name, type=kind, transform=done or None, required=mapped.required or None
    )


def _nested(text: str) -> bool:
    try:
        return is_nested(parse_type(text))
    except ValueError:
        return False  # reported where it is declared
