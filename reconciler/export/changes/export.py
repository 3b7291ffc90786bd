"""Compares a dataset with what a flow's reader has, and exports the difference.

All of the dataset is read once for its keys and the digests of its rows; these are compared with the snapshot a part of the keys at a time,
while the next snapshot is written. Then the rows that are new or changed are read again, from the files that hold any, and exported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import polars as pl

from reconciler.datasets.columns import column
from reconciler.datasets.types import polars_type
from reconciler.destinations.base import FileSink
from reconciler.errors import Refused
from reconciler.export.ahead import one_ahead, one_behind
from reconciler.export.budget import Budget
from reconciler.export.changes.compare import ADDED, CHANGED, NEWEST, NUMBER, OUTSIDE, STATUS, Found, compared, counting
from reconciler.export.changes.digests import ROW_DIGEST, A, B, digests
from reconciler.export.changes.job import ChangesJob, ChangesResult, Surroundings
from reconciler.export.changes.secrets import DiffKeys, diff_keys
from reconciler.export.changes.snapshot import Snapshot, SnapshotWriter
from reconciler.export.changes.spill import Buckets
from reconciler.export.job import ExportResult, Interrupted
from reconciler.export.keys import ROW
from reconciler.export.parquet_rows import check_parquet
from reconciler.export.pipeline import Lists, Pipeline, pipeline, status
from reconciler.export.reading import listed_of, source_of
from reconciler.export.rows import frames
from reconciler.export.source import Choose, Counts, Source
from reconciler.export.split import Splitter, limits_of
from reconciler.export.transforms import Resolve
from reconciler.export.writers import Encoders, check_types
from reconciler.export.written import Watched, write_file
from reconciler.resources.effective import ExportColumn
from reconciler.values.changed import GONE, ChangeCounts
from reconciler.values.excluded import EXCLUDED
from reconciler.values.pin import PinnedFile
from reconciler.values.staged import StagedFile

REASON: Final = "reason"
_WHY: Final = "\x01why"
_TEXT_BYTES_A_ROW: Final = 24
"""Fewer than most rows of text have: rather too many parts of the keys than too few."""
Sizes = tuple[tuple[PinnedFile, int], ...]
"""Files and their rows."""


@dataclass(frozen=True, slots=True)
class Means:
    """What comparisons that are made together share.

    `read`: as `frames`. `lists`, of the suppressions, and `sizes`: None: to be read. `in_turn`: compares keys. `by`: encodes.
    """

    read: Callable[[Source, Choose, Counts], Iterator[pl.DataFrame]] = frames
    lists: Lists | None = None
    sizes: Sizes | None = None
    in_turn: Callable[[Callable[[], _Difference]], _Difference] = lambda compare: compare()
    by: Encoders | None = None


ALONE: Final = Means()


@dataclass(frozen=True, slots=True)
class _Difference:
    """`operations`: by row number, 0 for rows that don't leave. `left`: places in the snapshot of those who left, and why.

    `rows` and `digest`: of the new snapshot. `sizes`: files and their rows, where these are known without reading them.
    """

    operations: pl.Series
    left: pl.DataFrame
    found: Found
    read: int
    rows: int
    digest: str
    sizes: Sizes | None = None


def compare(
    job: ChangesJob, around: Surroundings, resolve: Resolve, budget: Budget, means: Means = ALONE
) -> ChangesResult:
    """Raises `Refused` H116 where the secret isn't the one that the snapshot was made with, and what exporting raises."""
    keys = diff_keys(job.salt, resolve(job.secret) if job.secret is not None else None)
    if job.previous is not None and job.previous.check != keys.check:
        raise Refused(
            "H116",
            "the secret of a snapshot is another one",
            "changes.secret has another value than when this flow exported last: nobody could be recognised, and everybody would seem "
            "to have left and come anew. Nothing was exported. Put the former secret back, or start over with everything: reconcile "
            "export FLOW --full",
        )
    schema = _schema(job)
    check_types(job.export.format, schema)
    lists = listed_of(job.export, around.lists, budget) if means.lists is None else means.lists
    steps = pipeline(job.export, resolve, lists)
    source = source_of(job.export.dataset, around.access, job.export.files, steps.needed, budget)
    before = None
    if job.previous is not None and around.previous is not None:
        before = Snapshot(around.previous, job.previous.run_id, job.basis)
    try:
        difference = _difference(job, around, steps, keys, before, budget, means)
        return _exported(job, around, steps, source, difference, before, keys, schema, means)
    finally:
        if before is not None:
            before.close()


# Which rows differ ---------------------------------------------------------------------------------------------------------


def _difference(
    job: ChangesJob,
    around: Surroundings,
    steps: Pipeline,
    keys: DiffKeys,
    before: Snapshot | None,
    budget: Budget,
    means: Means,
) -> _Difference:
    needed = steps.needed
    latest = job.export.dataset.latest_by
    if latest is not None and latest not in needed:
        needed = (*needed, latest)
    source = source_of(job.export.dataset, around.access, job.export.files, needed, budget)
    counts, found = Counts(), Found()
    sizes = means.sizes or sizes_of(source)
    with Buckets(around.folder, rows_of(source, sizes)) as buckets:
        for frame in means.read(source, lambda rows, first: _looked_at(job, steps, keys, rows, first), counts):
            if around.stop():
                raise Interrupted
            keyless = frame[A].null_count()
            if keyless:
                found.note(frame.filter(pl.col(A).is_null())[STATUS])
                frame = frame.filter(pl.col(A).is_not_null())
            if frame.height:
                buckets.add(frame)
        difference = means.in_turn(lambda: _parts(job, around, buckets, keys, before, counts.rows, found))
    return replace(difference, sizes=sizes)


def _looked_at(job: ChangesJob, steps: Pipeline, keys: DiffKeys, rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
    """Every row's number, digests and status; the key as it leaves, where it is kept."""
    dataset = job.export.dataset
    rows = rows.with_row_index(ROW, offset=first)
    why = status(steps.reasons)
    if steps.chosen.expression is not None:
        outside = pl.lit(OUTSIDE, dtype=pl.UInt8)
        why = pl.when(steps.chosen.expression.fill_null(False)).then(why).otherwise(outside)
    key = {f"\x01k{number}": column(name) for number, name in enumerate(dataset.primary_key)}
    newest = [] if dataset.latest_by is None else [column(dataset.latest_by).alias(NEWEST)]
    made = rows.select(
        *steps.out,
        pl.col(ROW).alias(NUMBER),
        why.alias(STATUS),
        *(value.alias(name) for name, value in key.items()),
        *newest,
    )
    if steps.required:
        missing = pl.lit(EXCLUDED.index("missing") + 1, dtype=pl.UInt8)
        also = (pl.col(STATUS) == 0) & pl.any_horizontal(steps.required)
        made = made.with_columns(pl.when(also).then(missing).otherwise(pl.col(STATUS)).alias(STATUS))
    kinds = {name: polars_type(dataset.columns[of].type) for name, of in zip(key, dataset.primary_key, strict=True)}
    out = {each.name: polars_type(each.type) for each in job.export.columns}
    kept = [column(name) for name in _exported_key(job)] if _seals(job) else []
    last = [pl.col(NEWEST)] if newest else []
    return digests(made, kinds, out, keys).select(A, B, ROW_DIGEST, NUMBER, STATUS, *last, *kept)


def _parts(
    job: ChangesJob,
    around: Surroundings,
    buckets: Buckets,
    keys: DiffKeys,
    before: Snapshot | None,
    read: int,
    found: Found,
) -> _Difference:
    operations = pl.repeat(0, read, dtype=pl.UInt8, eager=True)
    left: list[pl.DataFrame] = []
    with (
        closing(SnapshotWriter(around.snapshot, job.run_id, job.basis, keys.seal if _seals(job) else None)) as writer,
        closing(one_ahead(_counting(job, buckets, before, found))) as parts,
        one_behind(writer.write) as keep,
    ):
        for rows, known in parts:
            if around.stop():
                raise Interrupted
            if known is None:
                new = _all_new(rows, found) if not job.nothing_leaves else None
            else:
                new, gone = compared(rows, known, found)
                left.append(gone)
            if new is not None and new.height:
                operations.scatter(new["row"], new["operation"])
            if rows is not None:
                keep(_held(job, rows))
    gone = pl.concat(left) if left else pl.DataFrame(schema={"at": pl.get_index_type(), "reason": pl.UInt8})
    return _Difference(operations, gone, found, read, writer.rows, writer.digest())


def _counting(
    job: ChangesJob, buckets: Buckets, before: Snapshot | None, found: Found
) -> Iterator[tuple[pl.DataFrame | None, pl.DataFrame | None]]:
    """Of each part of the keys, the rows that count, and the snapshot's."""
    for limit, frames_ in buckets.parts():
        rows = counting(frames_, job.export.dataset.latest_by is not None, found)
        yield rows, None if before is None else before.below(limit)


def _all_new(rows: pl.DataFrame | None, found: Found) -> pl.DataFrame | None:
    if rows is None:
        return None
    leaving = rows.filter(pl.col(STATUS) == 0)
    found.added += leaving.height
    return leaving.select(pl.col(NUMBER).alias("row"), pl.lit(ADDED, dtype=pl.UInt8).alias("operation"))


def _held(job: ChangesJob, rows: pl.DataFrame) -> pl.DataFrame:
    """What the reader has of these keys from now on."""
    kept = [column(name) for name in _exported_key(job)] if _seals(job) else []
    halves = [pl.col(A).alias("a"), pl.col(B).alias("b"), pl.col(ROW_DIGEST).alias("r")]
    return rows.filter(pl.col(STATUS) == 0).select(*halves, *kept)


def sizes_of(source: Source) -> Sizes | None:
    """Where these are known without reading the files."""
    if source.format != "parquet":
        return None
    return tuple((footer.file, footer.rows) for footer, _ in check_parquet(source))


def rows_of(source: Source, sizes: Sizes | None) -> int:
    """About how many."""
    if sizes is not None:
        return sum(rows for _, rows in sizes)
    packed = 8 if any(each.path.endswith((".gz", ".zst")) for each in source.files) else 1
    return packed * sum(each.size for each in source.files) // _TEXT_BYTES_A_ROW


# What leaves ---------------------------------------------------------------------------------------------------------------


def _exported(
    job: ChangesJob,
    around: Surroundings,
    steps: Pipeline,
    source: Source,
    difference: _Difference,
    before: Snapshot | None,
    keys: DiffKeys,
    schema: pl.Schema,
    means: Means,
) -> ChangesResult:
    found = difference.found
    kept, operations = _touched(source, difference)
    counts = Counts()
    rows: Iterator[pl.DataFrame] = iter(())
    if kept.files:
        rows = means.read(kept, lambda part, first: _leaving(job, steps, operations, part, first), counts)
    if job.removed == "tombstone":
        rows = chain(rows, _tombstones(job, difference, before, keys, schema))
    files = _written(job, around, schema, rows, counts, around.open_file, means.by)
    removed: tuple[StagedFile, ...] = ()
    if job.removed == "folder":
        gone = _removals(difference, before, keys)
        removed = _written(job, around, _removal_schema(job, schema), gone, counts, around.open_removed, means.by)
    result = ExportResult(difference.read, found.matched, files, found.excluded.sorted())
    changes = ChangeCounts(
        added=found.added, changed=found.changed, unchanged=found.unchanged, removed=found.sorted_removed()
    )
    marked = tuple(each.model_copy(update={"removed": True}) for each in removed)
    return ChangesResult(result, marked, changes, difference.rows, difference.digest, keys.check)


def _written(
    job: ChangesJob,
    around: Surroundings,
    schema: pl.Schema,
    rows: Iterator[pl.DataFrame],
    counts: Counts,
    open_file: Callable[[int], FileSink],
    by: Encoders | None,
) -> tuple[StagedFile, ...]:
    watched = Watched(rows, counts, around.progress, around.stop)
    splitter = Splitter(iter(watched), *limits_of(job.export.output))
    files: list[StagedFile] = []
    while splitter.more():
        files.append(write_file(job.export, schema, splitter, watched, open_file(len(files)), by))
        splitter.finished(files[-1].size)
        watched.files = len(files)
    watched.look()
    return tuple(files)


def _leaving(job: ChangesJob, steps: Pipeline, operations: pl.Series, rows: pl.LazyFrame, first: int) -> pl.LazyFrame:
    numbered = rows.with_row_index(ROW, offset=first)
    of = pl.col(ROW).map_batches(operations.gather, return_dtype=pl.UInt8, is_elementwise=True)
    chosen = numbered.with_columns(of.alias(STATUS)).filter(pl.col(STATUS) != 0)
    if job.operation is None:
        return chosen.select(steps.out)
    named = pl.when(pl.col(STATUS) == CHANGED).then(pl.lit("changed")).otherwise(pl.lit("added"))
    return chosen.select(*steps.out, named.alias(job.operation))


def _touched(source: Source, difference: _Difference) -> tuple[Source, pl.Series]:
    """Only the files that hold a row that leaves, where it is known which these are."""
    operations = difference.operations
    if difference.sizes is None:
        return source, operations
    files, parts, first = [], [], 0
    for file, rows in difference.sizes:
        part = operations.slice(first, rows)
        first += rows
        if rows and part.max():
            files.append(file)
            parts.append(part)
    left = pl.concat(parts, rechunk=True) if parts else operations.clear()
    return replace(source, files=tuple(files)), left


def _tombstones(
    job: ChangesJob, difference: _Difference, before: Snapshot | None, keys: DiffKeys, schema: pl.Schema
) -> Iterator[pl.DataFrame]:
    """Rows with nothing but the key."""
    for frame in _left(difference, before, keys):
        given = {name: column(name) for name in _exported_key(job)}
        blank = {name: pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in given}
        if job.operation is not None:
            blank[job.operation] = pl.lit("removed").alias(job.operation)
        yield frame.select((blank | given)[name] for name in schema)


def _removals(difference: _Difference, before: Snapshot | None, keys: DiffKeys) -> Iterator[pl.DataFrame]:
    names = dict(enumerate(GONE))
    for frame in _left(difference, before, keys):
        why = pl.col(_WHY).replace_strict(names, return_dtype=pl.String)
        yield frame.with_columns(why.alias(REASON)).drop(_WHY)


def _left(difference: _Difference, before: Snapshot | None, keys: DiffKeys) -> Iterator[pl.DataFrame]:
    """The exported keys of those who left, and the reason's place in GONE."""
    if before is not None and keys.seal is not None and difference.left.height:
        yield from before.exported_keys(difference.left.rename({"reason": _WHY}), keys.seal)


def _schema(job: ChangesJob) -> pl.Schema:
    schema = {each.name: polars_type(each.type) for each in job.export.columns}
    return pl.Schema(schema | ({job.operation: pl.String()} if job.operation is not None else {}))


def _removal_schema(job: ChangesJob, schema: pl.Schema) -> pl.Schema:
    return pl.Schema({name: schema[name] for name in _exported_key(job)} | {REASON: pl.String()})


def _seals(job: ChangesJob) -> bool:
    return job.removed != "ignore"


def _exported_key(job: ChangesJob) -> list[str]:
    """The columns that tell the reader whose row it is, by their names in the file."""
    key = set(job.export.dataset.primary_key)
    columns: tuple[ExportColumn, ...] = job.export.columns
    return [each.name for each in columns if each.column in key]
