"""One read for many jobs over one dataset: every part is read once and handed to all jobs that want its files.

Each job filters and writes in a thread of its own, so that what one meets (its destination is down, a value has no form in its format)
ends that one alone. Where reading itself fails, each is done by itself, for the column that can't be read may be of one job only.
Memory is bounded by the number of jobs: what is handed over is (`handing`), and row groups are smaller where there are many.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from reconciler.datasets.base import Access
from reconciler.export.changes.job import ChangesOutcome, ChangesTask
from reconciler.export.grouping import by_verdict, groups, of_all
from reconciler.export.handing import Inbox, Opened, Taker, hand_out, pieces
from reconciler.export.job import ExportResult, Outcome, Task
from reconciler.export.pipeline import ExcludedCounts, Lists, Pipeline, pipeline
from reconciler.export.polars_engine import PolarsEngine
from reconciler.export.reading import listed_of, winners_of
from reconciler.export.source import Counts
from reconciler.export.winners import Winners
from reconciler.export.writers import Encoders, encoders
from reconciler.export.written import written_files

_Verdict = Winners | Exception | None
"""Which row of each key counts, or what finding that out met; None where there is no key."""
_Unit = tuple[list[int], list[_Verdict]]
"""Numbers of tasks that share a read, with each one's verdict."""


class SharingPolarsEngine(PolarsEngine):
    """`reconciler.export.job.SharingEngine`."""

    __slots__ = ()

    def together(self, access: Access, tasks: Sequence[Task]) -> list[Outcome]:
        """See `SharingEngine.together`."""
        outcomes: dict[int, Outcome] = {}
        for group in groups(tasks):
            if len(group) == 1:
                outcomes |= zip(group, _alone(self, access, [tasks[group[0]]]), strict=True)
                continue
            for numbers, verdicts in self._units(access, tasks, group):
                chosen = [tasks[number] for number in numbers]
                outcomes |= zip(numbers, _shared(self, access, chosen, verdicts), strict=True)
        return [outcomes[number] for number in range(len(tasks))]

    def compare_together(self, access: Access, tasks: Sequence[ChangesTask]) -> list[ChangesOutcome]:
        """See `SharingEngine.compare_together`."""
        from reconciler.export.changes.together import compare_together

        return compare_together(access, tasks, self.resolve, self.budget)

    def _units(self, access: Access, tasks: Sequence[Task], group: list[int]) -> Iterator[_Unit]:
        """A group with the verdict for each about which row of each key counts, in parts whose verdicts there is room for."""
        parts = by_verdict(tasks, group)
        if len(parts) > 1:
            found = _verdict(self, access, [tasks[number] for number in group], every=True)
            if isinstance(found, Winners) and found.all:
                yield group, [found] * len(group)
                return
        unit: _Unit = ([], [])
        held = 0
        for part in parts:
            found = _verdict(self, access, [tasks[number] for number in part])
            size = found.size if isinstance(found, Winners) else 0
            if unit[0] and held + size > self.budget.verdicts:
                yield unit
                unit, held = ([], []), 0
            held += size
            unit = ([*unit[0], *part], [*unit[1], *[found] * len(part)])
        yield unit


def _verdict(engine: PolarsEngine, access: Access, tasks: list[Task], every: bool = False) -> _Verdict:
    """Which row of each key counts, for tasks with one answer; with `every`, over every row of all their files."""
    job = of_all([task.job for task in tasks]) if every else tasks[0].job
    try:
        return winners_of(job, access, _all(tasks), engine.budget)
    except Exception as error:
        return error


def _alone(engine: PolarsEngine, access: Access, tasks: Iterable[Task]) -> list[Outcome]:
    found: list[Outcome] = []
    for task in tasks:
        try:
            found.append(engine.export(task.job, access, task.open_file, task.progress, task.stop, task.lists))
        except BaseException as error:
            found.append(error)
    return found


def _shared(engine: PolarsEngine, access: Access, tasks: list[Task], verdicts: list[_Verdict]) -> list[Outcome]:
    try:
        lists = listed_of(tasks[0].job, tasks[0].lists, engine.budget)
    except Exception:
        return _alone(engine, access, tasks)  # Each meets it by itself, and says so by itself.
    except BaseException as error:
        return [error] * len(tasks)
    sound = sum(not isinstance(each, Exception) for each in verdicts)
    budget = replace(engine.budget, jobs=max(1, sound))
    with encoders(budget) as by:
        shared = _Common(engine, by, lists, budget.chosen, threading.Semaphore(budget.workers))
        lanes = [_Lane(task, shared, verdict) for task, verdict in zip(tasks, verdicts, strict=True)]
        try:
            hand_out(budget, tasks[0].job.dataset, access, [lane.taker for lane in lanes])
        except Exception as error:
            for lane in lanes:
                lane.give_up(error)
            return _again(engine, access, lanes, error)
        except BaseException as error:
            for lane in lanes:
                lane.give_up(error)
        return [lane.outcome() for lane in lanes]


def _again(engine: PolarsEngine, access: Access, lanes: list[_Lane], error: BaseException) -> list[Outcome]:
    """Those that reading ended, each by itself; what another met before stays what it is."""
    found: list[Outcome] = []
    for lane in lanes:
        met = lane.outcome()
        if met is not error:
            found.append(met)
            continue
        lane.opened.remove()
        found += _alone(engine, access, [lane.task])
    return found


def _all(tasks: Iterable[Task]) -> Callable[[], bool]:
    return lambda: all(task.stop() for task in tasks)


@dataclass(frozen=True, slots=True)
class _Common:
    """What all lanes use. `chosen`: bytes that one makes at once; `computing`: how many do."""

    engine: PolarsEngine
    by: Encoders
    lists: Lists
    chosen: int
    computing: threading.Semaphore


class _Lane:
    """One job of several: takes what is handed to it, keeps what it wants, and writes it, in a thread of its own."""

    def __init__(self, task: Task, common: _Common, verdict: _Verdict) -> None:
        self.task, self.job = task, task.job
        self._common = common
        self._share = 1.0
        self._inbox = Inbox(task.stop)
        self._counts, self.opened = Counts(), Opened()
        self._outcome: Outcome | None = None
        self.taker = Taker(self.job.files, (), self._inbox)
        try:
            if isinstance(verdict, Exception):
                raise verdict
            self._steps: Pipeline = pipeline(task.job, common.engine.resolve, common.lists, verdict)
            self.taker = Taker(self.job.files, self._steps.needed, self._inbox)
        except BaseException as error:
            self._outcome = error
            self._inbox.close()
            self._thread: threading.Thread | None = None
            return
        self._thread = threading.Thread(target=self._work, name="flow writer", daemon=True)
        self._thread.start()

    def give_up(self, error: BaseException) -> None:
        """Reading met this."""
        self._inbox.give_up(error)
        if self._thread is not None:
            self._thread.join()

    def outcome(self) -> Outcome:
        """What came of it, once it is over."""
        if self._thread is not None:
            self._thread.join()
        assert self._outcome is not None
        return self._outcome

    def _work(self) -> None:
        try:
            self._outcome = self._written()
        except BaseException as error:
            self._outcome = error
        finally:
            self._inbox.close()

    def _written(self) -> ExportResult:
        excluded = ExcludedCounts()
        rows = self._steps.left(self._chosen(), excluded)
        opening = self.opened.noting(self.task.open_file)
        files, written = written_files(
            self.job, rows, self._counts, opening, self.task.progress, self.task.stop, self._common.by
        )
        return ExportResult(self._counts.rows, written + excluded.total, files, excluded.sorted())

    def _chosen(self) -> Iterator[pl.DataFrame]:
        for item in self._inbox.slices():
            first = self._counts.rows
            self._counts.rows, self._counts.size, self._counts.total = first + item.rows.height, item.size, item.total
            yield from self._of(item.rows, item.weight, first)
            del item

    def _of(self, rows: pl.DataFrame, size: int, first: int) -> Iterator[pl.DataFrame]:
        """What leaves of a slice of so many bytes, in pieces if the slice before said that it will be much."""
        made, step = 0, max(1, int(rows.height * self._common.chosen / size / max(self._share, 0.001)))

        def left(some: pl.DataFrame, start: int) -> pl.DataFrame:
            return self._steps.apply_now(some, first + start)

        for frame in pieces(rows, step, left, self._common.computing):
            made += int(frame.estimated_size())
            yield frame
        self._share = made / size
