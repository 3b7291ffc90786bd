"""One export as data: what to read, which rows, which columns, how to write.

Serialisable, so that an engine may run elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reconciler.datasets.base import Access
from reconciler.destinations.base import FileSink
from reconciler.export.look import Compared, CompareJob, Measured
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.exclusions import ConsentRule, ExpiryRule
from reconciler.resources.formats import Files, Format
from reconciler.resources.suppression import Match
from reconciler.values.base import Value
from reconciler.values.excluded import Excluded
from reconciler.values.mark import Ordered, Range
from reconciler.values.pin import PinnedFile
from reconciler.values.staged import StagedFile

if TYPE_CHECKING:
    from reconciler.export.changes.job import ChangesJob, ChangesOutcome, ChangesResult, ChangesTask, Surroundings

NO_LISTS: Mapping[str, Access] = MappingProxyType({})


class SuppressionList(Value):
    """A suppression's list as pinned: `files` of `dataset`."""

    name: str
    match: tuple[Match, ...]
    dataset: DatasetSpec
    files: tuple[PinnedFile, ...]


class ExportJob(Value):
    """`files`: the pinned files to read, in order.

    `where`: the filter's text (None: all rows), compiled again by the engine. `consent`, `expiry`, `suppressions`: who stays.
    `within`: the rows of this run, by a column; those without a value there stay too.
    """

    dataset: DatasetSpec
    files: tuple[PinnedFile, ...]
    where: str | None
    columns: tuple[ExportColumn, ...]
    format: Format
    output: Files
    consent: ConsentRule | None = None
    expiry: ExpiryRule | None = None
    suppressions: tuple[SuppressionList, ...] = ()
    within: Range | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far: `rows` matched so far, `read` of `total` source bytes (0: unknown), `files` finished."""

    rows: int
    read: int
    total: int
    files: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """`read`: rows in the files read; `matched`: rows that the filter kept; `excluded`: of these, those that stayed, by reason."""

    read: int
    matched: int
    files: tuple[StagedFile, ...]
    excluded: Mapping[Excluded, int] = field(default_factory=dict)

    @property
    def exported(self) -> int:
        """Rows written."""
        return sum(each.rows for each in self.files)


Outcome = ExportResult | BaseException


@dataclass(frozen=True, slots=True)
class Task:
    """One job of several that are done together, with what `Engine.export` gets beside it."""

    job: ExportJob
    open_file: Callable[[int], FileSink]
    progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    lists: Mapping[str, Access] = field(default_factory=dict)


class Interrupted(Exception):
    """`stop()` said so; what was staged has been aborted."""


class Engine(Protocol):
    """Performs jobs with bounded memory: no whole table, no whole file in memory."""

    def inspect(self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]) -> int:
        """Checks every file's schema against the declared columns; returns the number of rows.

        From footers where there are any, else by counting.

        Raises `SourceError`: a torn file, a missing or differently typed column (naming file, column and both types).
        """
        ...

    def export(
        self,
        job: ExportJob,
        access: Access,
        open_file: Callable[[int], FileSink],
        progress: Callable[[Progress], None],
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
    ) -> ExportResult:
        """Writes the matching rows that may leave through `open_file(part)`; part numbers from 0. No row, no file.

        `lists`: how to read each suppression's files, by its name.

        On any error or when `stop()` turns true every open sink is aborted; finished ones are the caller's to discard.
        """
        ...

    def columns(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]
    ) -> Mapping[str, frozenset[str]]:
        """All columns of the files, declared or not, each with the types that it has; text formats have none: `""`."""
        ...

    def measure(
        self,
        job: ExportJob,
        access: Access,
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
        samples: int = 0,
    ) -> Measured:
        """What `export` would count, without writing, and the shapes of its first rows. Raises as it does, `Interrupted` once `stop()`
        says so."""
        ...

    def compare(self, job: CompareJob, access: Access, stop: Callable[[], bool]) -> Compared:
        """Which keys match which filters, now and before. Raises `SourceError`, `Interrupted`."""
        ...

    def newest(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], column: str
    ) -> Iterator[tuple[PinnedFile, Ordered | None]]:
        """Each file with the greatest value of the column in it, from statistics where these tell; None where it has none."""
        ...

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """(rows read, rows that match)."""
        ...

    def export_changes(self, job: ChangesJob, around: Surroundings) -> ChangesResult:
        """Exports what differs from the snapshot of the flow's last export, and writes the next snapshot.

        Raises `Refused` H116, `StoreError` L143, and what `export` raises; then likewise.
        """
        ...


@runtime_checkable
class SharingEngine(Engine, Protocol):
    """One that can read once for many."""

    def together(self, access: Access, tasks: Sequence[Task]) -> list[Outcome]:
        """Performs jobs over one dataset, each as `export` does, within the memory of one; what came of each, in their order.

        What one meets, or its `stop`, ends that one alone. May be called for jobs that can't share a read: they are done in turn.
        """
        ...

    def compare_together(self, access: Access, tasks: Sequence[ChangesTask]) -> list[ChangesOutcome]:
        """Makes comparisons over one dataset, each as `export_changes` does, likewise."""
        ...
