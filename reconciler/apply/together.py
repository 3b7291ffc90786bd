"""Flows that are due together over one dataset: each runs its own protocol, and all of them stage in one read.

Every flow claims, judges, decides, publishes and records for itself, as if it were alone. Only the engine's `export` is a meeting point:
who comes first waits until the others have come too, or have ended without exporting anything; then what they want is read once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from reconciler.apply.context import Context
from reconciler.datasets.base import Access, Files, Listing
from reconciler.destinations.base import FileSink
from reconciler.export.job import (
    NO_LISTS,
    ExportJob,
    ExportResult,
    Interrupted,
    Progress,
    SharingEngine,
    Task,
)
from reconciler.export.look import Compared, CompareJob, Measured
from reconciler.ledger.records import FlowHead
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import EffectiveSource
from reconciler.resources.exclusions import EffectiveSuppression
from reconciler.values.mark import Ordered
from reconciler.values.pin import PinnedFile

if TYPE_CHECKING:
    from reconciler.export.changes.job import ChangesJob, ChangesResult, ChangesTask, Surroundings

MOST = 64
"""Flows of one read: what each needs in memory gets smaller with their number."""
_LOOK = 0.2
"""Seconds after which who waits asks whether it is to stop."""
_Made = TypeVar("_Made")
_Outcome: TypeAlias = "ExportResult | ChangesResult | BaseException"


def origin(head: FlowHead) -> str:
    """What flows that can be read together have in common: the dataset as applied, and who reads it."""
    return _place(head.spec.source)


def _place(source: EffectiveSource) -> str:
    """What is read, how, and by whom."""
    return source.dataset_spec.model_dump_json() + (source.account.model_dump_json() if source.account else "")


@dataclass
class Meeting:
    """Flows that stage together. `at_once`: how many do something else at the same time, one of them or more."""

    engine: SharingEngine
    members: int
    at_once: int = 1
    _ready: threading.Condition = field(default_factory=threading.Condition)
    _came: list[_Came] = field(default_factory=list)
    _left: int = 0
    _turns: deque[object] = field(default_factory=deque)
    _working: int = 0
    _known: dict[object, Any] = field(default_factory=dict)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _reads: int = 0

    @contextmanager
    def member(self, context: Context) -> Iterator[Context]:
        """One flow's part in it, in a thread of its own: the context that it runs with."""
        me = _Member(self)
        self.enter(me)
        try:
            yield replace(context, engine=_Shared(self, me), open_files=lambda of: self._files(context, of, me))
        finally:
            me.leave()
            self.depart()

    # Turns: who came first goes first ------------------------------------------------------------------------------------

    def enter(self, who: object) -> None:
        """Waits for a turn."""
        with self._ready:
            self._turns.append(who)
            while self._working >= self.at_once or self._turns[0] is not who:
                self._ready.wait()
            self._turns.popleft()
            self._working += 1
            self._ready.notify_all()

    def depart(self) -> None:
        """Ends a turn."""
        with self._ready:
            self._working -= 1
            self._ready.notify_all()

    # Meeting -------------------------------------------------------------------------------------------------------------

    def without(self) -> None:
        """One of them won't come any more."""
        with self._ready:
            self._left += 1
            self._ready.notify_all()

    def meet(self, access: Access, task: Task | ChangesTask) -> ExportResult | ChangesResult:
        """Waits for the others, then reads for all. Raises what this task met."""
        mine = _Came(access, task)
        self.depart()
        try:
            with self._ready:
                self._came.append(mine)
                self._ready.notify_all()
                leads = self._awaited(mine)
            if leads:
                self._perform()
            else:
                mine.done.wait()
        finally:
            self.enter(mine)
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        assert mine.outcome is not None
        return mine.outcome

    def _awaited(self, mine: _Came) -> bool:
        """Whether this one reads for all: the first that came, once all that will are there."""
        while len(self._came) + self._left < self.members:
            self._ready.wait(_LOOK)
            if mine.task.stop() and len(self._came) + self._left < self.members:
                self._came.remove(mine)
                self._left += 1
                self._ready.notify_all()
                mine.outcome = Interrupted()
                mine.done.set()
                return False
        return self._came[0] is mine

    def _perform(self) -> None:
        came = list(self._came)
        try:
            outcomes = self._outcomes(came[0].access, [each.task for each in came])
        except BaseException as error:
            outcomes = [error] * len(came)
        self._reads += 1
        for each, outcome in zip(came, outcomes, strict=True):
            each.outcome = outcome
            each.done.set()

    def _outcomes(self, access: Access, tasks: list[Task | ChangesTask]) -> list[_Outcome]:
        exports = {at: task for at, task in enumerate(tasks) if isinstance(task, Task)}
        comparisons = {at: task for at, task in enumerate(tasks) if not isinstance(task, Task)}
        found: dict[int, _Outcome] = {}
        if exports:
            found |= zip(exports, self.engine.together(access, list(exports.values())), strict=True)
        if comparisons:
            found |= zip(comparisons, self.engine.compare_together(access, list(comparisons.values())), strict=True)
        return [found[at] for at in range(len(tasks))]

    # What they share -----------------------------------------------------------------------------------------------------

    def once(self, key: object, make: Callable[[], _Made]) -> _Made:
        """What is looked up once for all. One at a time, for what reads may take the whole of the memory."""
        with self._looking:
            if key not in self._known:
                self._known[key] = make()
            found: _Made = self._known[key]
            return found

    def changed(self, files: Files, name: str, pinned: tuple[PinnedFile, ...]) -> tuple[str, ...]:
        """What isn't any more what was pinned: looked up once for all that have read it together, since when nothing was read."""
        if not self._reads:
            return files.changed(pinned)
        return self.once(("changed", self._reads, name, pinned), lambda: files.changed(pinned))

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """(rows read, rows that match): a read of its own."""
        try:
            return self.engine.count(dataset, access, files, where)
        finally:
            self._reads += 1

    def _files(self, context: Context, of: EffectiveSource | EffectiveSuppression, member: _Member) -> Files:
        if member.over:
            return context.open_files(of)
        if not isinstance(of, EffectiveSource):
            name = of.model_dump_json()
            return _Listed(self.once(("list", name), lambda: context.open_files(of)), self, name)
        if self.once("place", lambda: _place(of)) != _place(of):  # applied otherwise since it was seen to be due
            member.leave()
            return context.open_files(of)
        # One for all: a table's knows how its files are read by the state that it listed.
        return _Listed(self.once("files", lambda: context.open_files(of)), self, "")


@dataclass
class _Came:
    access: Access
    task: Task | ChangesTask
    outcome: _Outcome | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Member:
    """Whether its one part in the common read is over."""

    meeting: Meeting
    over: bool = False

    def leave(self) -> None:
        """It exports no more, or by itself."""
        if not self.over:
            self.over = True
            self.meeting.without()


@dataclass(frozen=True)
class _Listed:
    """A dataset's files, or a suppression's (`name`), listed once for all that read together, so that they have one pin."""

    files: Files
    meeting: Meeting
    name: str

    def listing(self, now: datetime) -> Listing:
        return self.meeting.once(("listing", self.name, now), lambda: self.files.listing(now))

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        return self.meeting.changed(self.files, self.name, tuple(files))

    def access(self) -> Access:
        return self.files.access()

    def columns(self) -> Mapping[str, frozenset[str]] | None:
        return self.files.columns()


@dataclass(frozen=True)
class _Shared:
    """The engine as one of several sees it."""

    meeting: Meeting
    member: _Member

    def export(
        self,
        job: ExportJob,
        access: Access,
        open_file: Callable[[int], FileSink],
        progress: Callable[[Progress], None],
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
    ) -> ExportResult:
        """The first time with the others."""
        if self.member.over:
            return self.meeting.engine.export(job, access, open_file, progress, stop, lists)
        self.member.over = True
        found = self.meeting.meet(access, Task(job, open_file, progress, stop, lists))
        assert isinstance(found, ExportResult)
        return found

    def inspect(self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]) -> int:
        """Once for all that ask the same."""
        key = ("inspect", dataset.model_dump_json(), files)
        return self.meeting.once(key, lambda: self.meeting.engine.inspect(dataset, access, files))

    def newest(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], column: str
    ) -> Iterator[tuple[PinnedFile, Ordered | None]]:
        """Once for all that ask the same."""
        key = ("newest", dataset.model_dump_json(), files, column)
        yield from self.meeting.once(key, lambda: list(self.meeting.engine.newest(dataset, access, files, column)))

    def count(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...], where: str | None
    ) -> tuple[int, int]:
        """One at a time."""
        key = ("count", dataset.model_dump_json(), files, where)
        return self.meeting.once(key, lambda: self.meeting.count(dataset, access, files, where))

    def columns(
        self, dataset: DatasetSpec, access: Access, files: tuple[PinnedFile, ...]
    ) -> Mapping[str, frozenset[str]]:
        """Once for all that ask the same."""
        key = ("columns", dataset.model_dump_json(), files)
        return self.meeting.once(key, lambda: self.meeting.engine.columns(dataset, access, files))

    def measure(
        self,
        job: ExportJob,
        access: Access,
        stop: Callable[[], bool],
        lists: Mapping[str, Access] = NO_LISTS,
        samples: int = 0,
    ) -> Measured:
        """By itself."""
        return self.meeting.engine.measure(job, access, stop, lists, samples)

    def compare(self, job: CompareJob, access: Access, stop: Callable[[], bool]) -> Compared:
        """By itself."""
        return self.meeting.engine.compare(job, access, stop)

    def export_changes(self, job: ChangesJob, around: Surroundings) -> ChangesResult:
        """The first time with the others."""
        if self.member.over:
            return self.meeting.engine.export_changes(job, around)
        from reconciler.export.changes.job import ChangesTask

        self.member.over = True
        found = self.meeting.meet(around.access, ChangesTask(job, around))
        assert not isinstance(found, ExportResult)
        return found
