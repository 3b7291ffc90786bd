"""Staging under strategy `diff`: the engine compares with the flow's last snapshot, and the next one is kept on the ledger."""

from __future__ import annotations

import errno
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.apply.choose import Choice
from reconciler.apply.context import Context
from reconciler.apply.sealing import opening
from reconciler.apply.suppress import HeldBack
from reconciler.datasets.base import Access
from reconciler.datasets.problems import problem
from reconciler.destinations.base import Destination, FileSink
from reconciler.destinations.layout import Layout
from reconciler.destinations.sealing import Sealing
from reconciler.export.changes.job import ChangesJob, ChangesResult, Compared, Surroundings
from reconciler.export.job import ExportJob
from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, OpenRun
from reconciler.resources.basis import basis
from reconciler.resources.dataset import Changes
from reconciler.values.cursor import DiffCursor
from reconciler.values.pin import Pin, PinnedFile
from reconciler.values.staged import StagedFile

_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was staged, and where the flow stands once the run is recorded."""

    result: ChangesResult
    cursor: DiffCursor


def all_or_nothing(head: FlowHead, files: tuple[PinnedFile, ...], *, full: bool) -> Choice:
    """What a comparison reads is always everything. With `backfill: none` the first one only notes it: then all is left out."""
    cursor = head.cursor
    if full:
        return Choice("full", files, ())
    if isinstance(cursor, DiffCursor) and cursor.basis == basis(head.spec):
        return Choice("increment", files, ())
    if cursor is not None or head.rebuild is not None:
        return Choice("rebuild", files, ())
    return Choice("full", (), files) if head.spec.backfill == "none" else Choice("full", files, ())


def compare(
    context: Context,
    run: OpenRun,
    choice: Choice,
    pin: Pin,
    job: ExportJob,
    access: Access,
    excluded: HeldBack,
    destination: Destination,
    place: Layout,
    sealing: Sealing | None,
) -> Comparison:
    """Stages what differs, and keeps the snapshot.

    Raises as `stage`; `SourceError` F125: nothing is there any more; F126: no room to compare.
    """
    before = run.cursor_before if isinstance(run.cursor_before, DiffCursor) else None
    salt = before.salt if before else secrets.token_hex(_SALT_BYTES)
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        folder = Path(name)
        compared = _Comparing(context, run, choice, pin, job, access, excluded, folder)
        result = compared.result(
            salt,
            opening(sealing, lambda part: destination.stage(run.run_id, place.path(part))),
            opening(sealing, lambda part: destination.stage(run.run_id, place.removed(part))),
        )
        key = keys.snapshot(run.run_id)
        context.ledger.keep_blob(key, folder / "after")
    cursor = DiffCursor(
        pin=run.pin,
        location=pin.location,
        files=len(pin.files),
        table=pin.table,
        snapshot=key,
        digest=result.digest,
        rows=result.rows,
        basis=basis(run.spec),
        salt=salt,
        check=result.check,
        audience_rows=result.export.matched,
    )
    return Comparison(result, cursor)


def foretell(
    context: Context, run: OpenRun, choice: Choice, pin: Pin, job: ExportJob, access: Access, excluded: HeldBack
) -> ChangesResult:
    """What a comparison would find and write, of which nothing is kept. Raises as `compare`."""
    before = run.cursor_before if isinstance(run.cursor_before, DiffCursor) else None
    with tempfile.TemporaryDirectory(prefix="reconciler-") as name:
        compared = _Comparing(context, run, choice, pin, job, access, excluded, Path(name))
        salt = before.salt if before else secrets.token_hex(_SALT_BYTES)
        return compared.result(salt, lambda _part: _Nowhere(), lambda _part: _Nowhere())


@dataclass(frozen=True, slots=True)
class _Comparing:
    """One comparison, in a folder of its own."""

    context: Context
    run: OpenRun
    choice: Choice
    pin: Pin
    job: ExportJob
    access: Access
    excluded: HeldBack
    folder: Path

    def result(self, salt: str, rows: Callable[[int], FileSink], removed: Callable[[int], FileSink]) -> ChangesResult:
        """The engine's. `rows`, `removed`: where files of either kind go."""
        context, run, folder = self.context, self.run, self.folder
        before = run.cursor_before if isinstance(run.cursor_before, DiffCursor) else None
        previous = before if run.kind == "increment" else None
        if previous is not None and previous.rows and not self.pin.files:
            raise problem(
                "F125",
                f"{self.pin.location or 'The location'} holds no data file, and the recipient has {previous.rows:,} rows of it. That "
                "nobody is left isn't taken from an empty place.",
            )
        if previous is not None:
            context.ledger.fetch_blob(previous.snapshot, folder / "before", previous.digest)
        around = Surroundings(
            access=self.access,
            lists=self.excluded.accesses,
            open_file=rows,
            open_removed=removed,
            progress=lambda done: context.progress(run.spec.flow_id, done),
            stop=context.stop,
            folder=folder,
            previous=folder / "before" if previous is not None else None,
            snapshot=folder / "after",
        )
        try:
            return context.engine.export_changes(_job(run, self.choice, self.job, salt, previous), around)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise problem(
                "F126",
                f"{folder.parent} is full. A comparison lays some 50 bytes a row aside there, and more for keys that are kept.",
            ) from error


@dataclass(slots=True)
class _Nowhere:
    """A file that is counted and not kept."""

    size: int = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Its bytes."""
        written = memoryview(data).nbytes
        self.size += written
        return written

    def finish(self, rows: int) -> StagedFile:
        """Rows and bytes alone."""
        return StagedFile(name="", staged="", rows=rows, size=self.size, sha256="")

    def abort(self) -> None:
        """Nothing is there."""


def _job(run: OpenRun, choice: Choice, job: ExportJob, salt: str, previous: DiffCursor | None) -> ChangesJob:
    told = run.spec.changes or Changes()
    return ChangesJob(
        export=job.model_copy(update={"files": choice.files + choice.left_out}),
        previous=Compared(run_id=previous.snapshot_run, check=previous.check) if previous else None,
        salt=salt,
        secret=told.secret,
        run_id=run.run_id,
        basis=basis(run.spec),
        removed=told.removed,
        operation=told.operation_column,
        nothing_leaves=bool(choice.left_out),
    )
