"""How a flow's dataset grows: whether its strategy has what it needs, and what schedules and backfills it can serve."""

from __future__ import annotations

from reconciler.config.changes import check_comparison, check_first_export
from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.diagnostics import did_you_mean
from reconciler.resources.dataset import TABLE_FORMATS, DatasetSpec, Incremental
from reconciler.resources.resource import Activation, Dataset
from reconciler.resources.schedule import ScheduleSpec

_TIMES = ("timestamp", "date")
_ORDERED = (*_TIMES, "int", "long")


def check_increments(index: Index) -> None:
    """The strategy of every dataset."""
    for entry, dataset in index.all(Dataset):
        _check(index, entry, dataset.spec, dataset.spec.incremental, entry.name)


def flow_dataset(
    index: Index, entry: Entry, activation: Activation, name: str, spec: DatasetSpec, schedule: ScheduleSpec | None
) -> DatasetSpec:
    """The dataset as a flow reads it: with the activation's `incremental`, where it has one. Reports what doesn't go together."""
    own = activation.spec.incremental
    if own is not None:
        _check(index, entry, spec, own, name)
        spec = spec.model_copy(update={"incremental": own})
    increments = spec.incremental
    by_time = increments.strategy == "cursor" and _kind(spec, increments.column or "") in _TIMES
    if schedule is not None and schedule.needs_time_cut and not by_time:
        detail = (
            f"Schedule {activation.spec.schedule} says catchUp: all, and the {increments.strategy} strategy can't cut data by time "
            "here: it reads what is new since the last export. Use a schedule with catchUp: latest or skip."
        )
        index.report("R114", entry, ("spec", "schedule"), detail)
    if increments.strategy == "cursor" and not by_time and activation.spec.backfill not in (None, "full"):
        detail = f"Column {increments.column} holds no times, so a backfill can't begin at one. Write backfill: full."
        index.report("R126", entry, ("spec", "backfill"), detail)
    if increments.overwrites == "rebuild" and activation.spec.backfill not in (None, "full"):
        detail = (
            f"Dataset {name} says overwrites: rebuild, which exports everything once rows were overwritten: what the backfill leaves out, "
            "too. Write backfill: full, or give the activation an incremental of its own with overwrites: refuse."
        )
        index.report("R133", entry, ("spec", "backfill"), detail)
    if increments.strategy == "diff":
        check_first_export(index, entry, activation)
    return spec


def _check(index: Index, entry: Entry, spec: DatasetSpec, increments: Incremental, dataset: str) -> None:
    path = ("spec", "incremental")
    _column(index, entry, path, spec, increments, dataset)
    check_comparison(index, entry, path, spec, increments, dataset)
    if spec.format in TABLE_FORMATS and "settle" in increments.model_fields_set:
        detail = f"settle lets young files wait, and a version of a {spec.format} table is whole once it is there. Remove it."
        index.report("C109", entry, (*path, "settle"), detail, key=True)
    if spec.format not in TABLE_FORMATS and increments.overwrites == "rebuild":
        tables = " and ".join(TABLE_FORMATS)
        detail = f"overwrites is of tables ({tables}), which say what was overwritten; the format is {spec.format}. Remove it."
        index.report("C109", entry, (*path, "overwrites"), detail, key=True)


def _column(index: Index, entry: Entry, path: Path, spec: DatasetSpec, increments: Incremental, dataset: str) -> None:
    name = increments.column
    if name is None:
        return
    if name not in spec.columns:
        hint = did_you_mean(name, spec.columns) or f" Declared: {', '.join(list(spec.columns)[:10])}."
        index.report("R107", entry, (*path, "column"), f"Dataset {dataset} has no column {name}.{hint}")
        return
    kind = _kind(spec, name)
    if kind not in _ORDERED:
        detail = f"Column {name} is {kind}; a cursor follows a {', '.join(_ORDERED[:-1])} or {_ORDERED[-1]}."
        index.report("R126", entry, (*path, "column"), detail)
    elif increments.lag is not None and kind not in _TIMES:
        detail = f"Column {name} is {kind}: a lag is for columns of times. Remove it."
        index.report("R126", entry, (*path, "lag"), detail)


def _kind(spec: DatasetSpec, name: str) -> str:
    return spec.columns[name].type.strip().lower() if name in spec.columns else ""
