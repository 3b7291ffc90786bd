"""Strategy `diff`: whether a flow has what a comparison needs, and whether the columns that leave can tell what it finds."""

from __future__ import annotations

from reconciler.config.index import Entry, Index
from reconciler.config.locations import resolve
from reconciler.config.parse import Path
from reconciler.resources.activation import BackfillFrom
from reconciler.resources.dataset import Changes, DatasetSpec, Incremental
from reconciler.resources.effective import EffectiveSource, ExportColumn, FlowSpec
from reconciler.resources.resource import Activation
from reconciler.resources.secrets import FromFile
from reconciler.values.fold import folded

REASON = "reason"
"""The column of removals' files that says why."""


def check_comparison(
    index: Index, entry: Entry, path: Path, spec: DatasetSpec, increments: Incremental, dataset: str
) -> None:
    """A dataset's strategy, or an activation's own, at `path`."""
    if increments.strategy != "diff":
        return
    if not spec.primary_key:
        detail = (
            f"Dataset {dataset} has no primary key, so nothing tells whether two rows are one person. "
            "Add primaryKey to the dataset."
        )
        index.report("R130", entry, (*path, "strategy"), detail)
    secret = increments.told.secret
    if isinstance(secret, FromFile) and not secret.from_file.startswith("/"):
        try:
            resolve(secret.from_file, None)
        except ValueError as error:
            index.report("P101", entry, (*path, "changes", "secret", "fromFile"), str(error))


def check_first_export(index: Index, entry: Entry, activation: Activation) -> None:
    """What an activation says of flows under strategy `diff`. Its own `changes` mean nothing where all is exported."""
    own = activation.spec.incremental
    if activation.spec.mode == "full":
        if own is not None and own.changes is not None:
            detail = "With mode: full everything leaves each time and nothing is compared. Remove changes, or the mode."
            index.report("C109", entry, ("spec", "incremental", "changes"), detail, key=True)
    elif isinstance(activation.spec.backfill, BackfillFrom):
        detail = (
            "Strategy diff compares the whole dataset and can't begin at a time. Write backfill: full or none; after none, what is "
            "there counts as known, and only what changes from then on leaves."
        )
        index.report("R130", entry, ("spec", "backfill"), detail)


def check_told(
    index: Index, entry: Entry, activation: Activation, source: EffectiveSource, columns: tuple[ExportColumn, ...]
) -> None:
    """Whether the columns that leave can tell who was added, changed and removed."""
    increments = source.dataset_spec.incremental
    if increments.strategy != "diff" or activation.spec.mode == "full":
        return
    changes = increments.told
    # Where the dataset says it, the activation's columns are what doesn't fit it.
    own = activation.spec.incremental is not None
    path: Path = (
        ("spec", "incremental", "changes") if own else ("spec", "columns") if activation.spec.columns else ("spec",)
    )
    operation = changes.operation_column
    taken = {folded(each.name): each.name for each in columns}
    if operation is not None and folded(operation) in taken:
        there = taken[folded(operation)]
        detail = (
            f"{there} already leaves, and operationColumn {operation} would be the same name to readers. Rename one."
        )
        index.report("R131", entry, (*path, "operationColumn") if own else path, detail, key=not own)
    if changes.tells_removed:
        for detail in _untold(source.dataset_spec, changes, columns):
            index.report("R131", entry, path, detail, key=True)


def _untold(dataset: DatasetSpec, changes: Changes, columns: tuple[ExportColumn, ...]) -> list[str]:
    """Why these columns can't say who left."""
    found = []
    sent = {each.column for each in columns}
    if lacking := [name for name in dataset.primary_key if name not in sent]:
        found.append(
            f"removed: {changes.removed} tells the recipient the keys of those who left, and of the primary key {', '.join(lacking)} "
            "doesn't leave. Add it to columns, transformed or not."
        )
    keys = [each for each in columns if each.column in dataset.primary_key]
    match changes.removed:
        case "folder":
            if clash := [each.name for each in keys if folded(each.name) == REASON]:
                found.append(
                    f"The files of those who left have a column {REASON}, and the key leaves as {clash[0]}. Give it another name with as."
                )
        case "tombstone":
            if needed := [each.name for each in columns if each.required and each not in keys]:
                found.append(
                    f"A tombstone holds the key alone, and {', '.join(needed)} is required. Use removed: folder, or leave out required."
                )
        case "ignore":
            pass
    return found


def check_limit(index: Index, entry: Entry, flow: FlowSpec) -> None:
    """A limit on removals is for flows that know of them."""
    if flow.guards.export.max_removed is not None and flow.changes is None:
        how = "exports everything each time" if flow.mode == "full" else "doesn't use strategy diff"
        detail = f"Flow {flow.flow_id.short} {how}, so nobody knows who was removed. Remove maxRemoved, or use strategy diff."
        index.report("R132", entry, ("spec", "guards", "export", "maxRemoved"), detail)
