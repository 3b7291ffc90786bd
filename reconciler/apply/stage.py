"""Staging: rows to files that nobody sees yet, with their manifest, and the counts that guards judge."""

from __future__ import annotations

import json
from datetime import datetime
from typing import assert_never

from reconciler.apply.choose import Choice
from reconciler.apply.compared import compare
from reconciler.apply.context import Context
from reconciler.apply.judge import Counts, needs_audience
from reconciler.apply.sealing import opening, sealing_for
from reconciler.apply.standing import replaceable
from reconciler.apply.suppress import HeldBack, held_back
from reconciler.datasets.base import Access, Files
from reconciler.datasets.problems import changed_meanwhile, too_small
from reconciler.destinations.base import Destination, FileSink
from reconciler.destinations.layout import REMOVED, Layout, layout
from reconciler.destinations.sealing import Sealing
from reconciler.export.job import ExportJob, ExportResult
from reconciler.ledger.records import OpenRun, StagedRecord
from reconciler.resources.dataset import duration
from reconciler.resources.exclusions import ExpiryRule
from reconciler.values.changed import ChangeCounts
from reconciler.values.cursor import Cursor, FilesCursor, MarkCursor
from reconciler.values.manifest import Column, Manifest, ManifestFile
from reconciler.values.pin import Pin
from reconciler.values.staged import StagedFile


def names(run: OpenRun) -> Layout:
    """Where a run's files go."""
    spec = run.spec
    return layout(
        spec.destination.spec.files,
        spec.destination.spec.format,
        destination=spec.destination.name,
        source=spec.source.name,
        source_id=run.source_id,
        slot=run.slot,
        run_id=run.run_id,
        feed=spec.feed or "",
        on_demand=run.on_demand,
        encrypted=encryption.extension if (encryption := spec.destination.spec.encryption) else "",
    )


def stage(
    context: Context, run: OpenRun, choice: Choice, pin: Pin, files: Files, destination: Destination, now: datetime
) -> tuple[StagedRecord, Counts]:
    """Reads what was chosen, writes it, checks that what was read still is what was pinned.

    Raises `SourceError`, `DestinationError`, `Interrupted`; what was staged by then is the caller's to discard.
    """
    access = files.access()
    inspect(context, run, choice, access)
    place = names(run)
    sealing = sealing_for(context, run.spec.destination)
    excluded = held_back(context, run.spec.suppressions, now)
    job = job_of(run, choice, excluded, now)

    def plain(part: int) -> FileSink:
        return destination.stage(run.run_id, place.path(part), replaceable(run, place.path(part)))

    open_file = opening(sealing, plain)

    result, comparison = ExportResult(0, 0, ()), None
    if run.spec.changes is not None:
        comparison = compare(context, run, choice, pin, job, access, excluded, destination, place, sealing)
        result = comparison.result.export
    elif choice.files:
        flow_id = run.spec.flow_id
        result = context.engine.export(
            job, access, open_file, lambda done: context.progress(flow_id, done), context.stop, excluded.accesses
        )
    audience = result.matched if comparison else _audience(context, run, choice, access, result)
    changed = files.changed(choice.files + choice.left_out if comparison else choice.files)
    if changed:
        raise changed_meanwhile(changed)
    excluded.check()
    staged = result.files
    if not staged and job.output.empty_file:
        from reconciler.export.written import write_empty

        staged = (write_empty(job.model_copy(update={"columns": run.spec.leaving}), open_file(0)),)
    staged += comparison.result.removed if comparison else ()
    changes = comparison.result.changes if comparison else None
    manifest = None
    if staged or job.output.when_empty != "skip":
        manifest = _stage_manifest(context, run, staged, result, changes, place, destination, sealing, now)
    after = None if choice.kind == "resend" else comparison.cursor if comparison else _cursor(run, pin, audience)
    if after is not None and choice.columns is not None:
        after = after.model_copy(update={"columns": choice.columns})
    record = StagedRecord(
        nonce=context.ledger.nonce(),
        run_id=run.run_id,
        files=staged,
        manifest=manifest,
        cursor_after=after,
        read=result.read,
        matched=result.matched,
        excluded=dict(result.excluded),
        changes=changes,
        staged_at=now,
    )
    before = run.cursor_before.audience_rows if run.cursor_before else None
    return record, Counts(exported=result.exported, audience=audience, before=before, changes=changes)


def _cursor(run: OpenRun, pin: Pin, audience: int | None) -> Cursor:
    """Where the flow stands once this run is recorded."""
    increments = run.spec.source.dataset_spec.incremental
    match increments.strategy:
        case "files" | "diff":  # in `full` mode nothing is compared
            return FilesCursor(
                pin=run.pin, location=pin.location, files=len(pin.files), table=pin.table, audience_rows=audience
            )
        case "cursor":
            return MarkCursor(
                pin=run.pin,
                location=pin.location,
                files=len(pin.files),
                column=increments.column or "",
                mark=run.mark,
                table=pin.table,
                audience_rows=audience,
            )
        case _:
            assert_never(increments.strategy)


def inspect(context: Context, run: OpenRun, choice: Choice, access: Access) -> None:
    """Schemas of what will be read; the dataset's size where all of it is at hand.

    An increment adds to what was large enough before, since nothing vanishes under `files`; what is sent again was. A comparison reads
    all there is.
    """
    dataset = run.spec.source.dataset_spec
    if choice.kind in ("increment", "resend") and run.spec.changes is None:
        if choice.files:
            context.engine.inspect(dataset, access, choice.files)
        return
    everything = choice.files + choice.left_out if choice.whole is None else choice.whole
    rows = context.engine.inspect(dataset, access, everything) if everything else 0
    if rows < dataset.min_rows:
        raise too_small(rows, dataset.min_rows)


def job_of(run: OpenRun, choice: Choice, excluded: HeldBack, now: datetime) -> ExportJob:
    """Expiry is measured at the slot; at the present for what is sent again."""
    spec = run.spec
    expiry = spec.source.dataset_spec.expiry
    measured = now if run.kind == "resend" else run.slot
    return ExportJob(
        dataset=spec.source.dataset_spec,
        files=choice.files,
        where=spec.source.where,
        columns=spec.columns,
        format=spec.destination.spec.format,
        output=spec.destination.spec.files,
        consent=spec.consent,
        expiry=ExpiryRule(column=expiry.column, before=measured - duration(expiry.after)) if expiry else None,
        suppressions=excluded.lists,
        within=run.within,
    )


def _audience(context: Context, run: OpenRun, choice: Choice, access: Access, result: ExportResult) -> int | None:
    """Rows that match in the whole dataset, where a guard needs it: counted once, then carried by the cursor. What is sent again is
    of an audience that was judged then."""
    if choice.kind == "resend" or not needs_audience(run.spec.guards):
        return None
    known = run.cursor_before.audience_rows if run.cursor_before and choice.kind == "increment" else None
    if known is not None:
        return known + result.matched
    source = run.spec.source
    if choice.whole is not None:
        return context.engine.count(source.dataset_spec, access, choice.whole, source.where)[1] if choice.whole else 0
    left = (
        context.engine.count(source.dataset_spec, access, choice.left_out, source.where) if choice.left_out else (0, 0)
    )
    return left[1] + result.matched


def _stage_manifest(
    context: Context,
    run: OpenRun,
    staged: tuple[StagedFile, ...],
    result: ExportResult,
    changes: ChangeCounts | None,
    place: Layout,
    destination: Destination,
    sealing: Sealing | None,
    now: datetime,
) -> StagedFile:
    files = tuple(_listed(place.file(part), each) for part, each in enumerate(staged) if not each.removed)
    gone = (each for each in staged if each.removed)
    removed = tuple(_listed(f"{REMOVED}/{place.file(part)}", each) for part, each in enumerate(gone))
    spec = run.spec
    manifest = Manifest(
        tool=context.tool,
        flow=str(spec.flow_id),
        run_id=run.run_id,
        kind=run.kind,
        slot=run.slot,
        created_at=now,
        destination=spec.destination.name,
        source=spec.source.name,
        format=spec.destination.spec.format.type,
        compression=spec.destination.spec.format.compression,
        encryption=sealing.sealed if sealing else None,
        columns=tuple(Column(name=each.name, type=each.type) for each in spec.leaving),
        files=files,
        removed_files=removed or None,
        rows=sum(each.rows for each in files),
        size=sum(each.size for each in files),
        read=result.read,
        matched=result.matched,
        excluded=dict(result.excluded),
        delay_seconds=run.delay_seconds,
        duration_seconds=max((context.clock() - run.claimed_at).total_seconds(), 0.0),
        changes=changes,
    )
    sink = destination.stage(run.run_id, place.manifest)
    try:
        sink.write(json.dumps(manifest.to_json(), indent=2, ensure_ascii=False).encode() + b"\n")
        return sink.finish(0)
    except BaseException:
        sink.abort()
        raise


def _listed(path: str, file: StagedFile) -> ManifestFile:
    return ManifestFile(path=path, rows=file.rows, size=file.size, sha256=file.sha256)
