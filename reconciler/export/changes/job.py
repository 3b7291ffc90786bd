"""One comparison as data: an export job, what it is compared with, and what is told of those who left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reconciler.datasets.base import Access
from reconciler.destinations.base import FileSink
from reconciler.export.job import ExportJob, ExportResult, Progress
from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value
from reconciler.values.changed import ChangeCounts
from reconciler.values.staged import StagedFile


class Compared(Value):
    """The snapshot of the flow's last export: `run_id` made it, `check` tells whether the secret is still the one it was made with."""

    run_id: str
    check: str


class ChangesJob(Value):
    """`export`: the whole dataset, filter and exclusions. `previous`: None where the run begins anew.

    `salt`: hex, of the flow. `nothing_leaves`: what is there counts as known (`backfill: none`). `run_id`: of this run. `basis`: written
    into the snapshot. `removed` and `operation`: what of the changes leaves, and in which column.
    """

    export: ExportJob
    previous: Compared | None
    salt: str
    secret: SecretRef | None
    run_id: str
    basis: str
    removed: Literal["ignore", "tombstone", "folder"] = "ignore"
    operation: str | None = None
    nothing_leaves: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a comparison needs besides its job.

    `access` and `lists`: how to read the dataset and each suppression. `open_file` and `open_removed`: by part number from 0.
    `folder`: for this run alone, private, removed by the caller. `previous`: the snapshot's file. `snapshot`: where the new one goes.
    """

    access: Access
    lists: Mapping[str, Access]
    open_file: Callable[[int], FileSink]
    open_removed: Callable[[int], FileSink]
    progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    folder: Path
    previous: Path | None
    snapshot: Path


@dataclass(frozen=True, slots=True)
class ChangesResult:
    """`export`: as of any job; its files are those of rows. `removed`: files of those who left.

    `rows`: keys in the new snapshot. `digest`: its hex SHA-256.
    """

    export: ExportResult
    removed: tuple[StagedFile, ...]
    changes: ChangeCounts
    rows: int
    digest: str
    check: str


ChangesOutcome = ChangesResult | BaseException


@dataclass(frozen=True, slots=True)
class ChangesTask:
    """One comparison of several that are made together, with what it needs beside it."""

    job: ChangesJob
    around: Surroundings

    def stop(self) -> bool:
        """Whether it is to."""
        return self.around.stop()
