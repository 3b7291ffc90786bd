"""Many comparisons over one dataset: it is read once for the keys and digests of all, and once more for the rows that leave of any.

Each is made in a thread of its own, with a place of its own for what it lays aside; keys are compared by one at a time. How many are made
together is bounded by the memory for what is known of each row, by open files, and by the room on the disk.
"""

from __future__ import annotations

import errno
import queue
import resource
import shutil
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from reconciler.datasets.base import Access
from reconciler.export.budget import Budget
from reconciler.export.changes.export import Means, Sizes, compare, rows_of, sizes_of
from reconciler.export.changes.job import ChangesOutcome, ChangesTask
from reconciler.export.changes.spill import bits_for
from reconciler.export.grouping import groups
from reconciler.export.handing import Inbox, Opened, Taker, hand_out, pieces
from reconciler.export.job import Task
from reconciler.export.reading import listed_of, source_of
from reconciler.export.source import Choose, Counts, Source
from reconciler.export.transforms import Resolve
from reconciler.export.writers import encoders

_OPEN: Final = 512
"""Files in which rows are laid aside, of all that are made together: at most, and at most half of what a process may open."""
_LAID: Final = 128
"""Bytes that a row takes there, rather more than less."""


def compare_together(
    access: Access, tasks: Sequence[ChangesTask], resolve: Resolve, budget: Budget
) -> list[ChangesOutcome]:
    """See `SharingEngine.compare_together`."""
    outcomes: dict[int, ChangesOutcome] = {}
    for group in _groups(tasks):
        most, sizes = _room_for(tasks[group[0]], access, budget) if len(group) > 1 else (1, None)
        for at in range(0, len(group), most):
            numbers = group[at : at + most]
            unit = [tasks[number] for number in numbers]
            alone = len(unit) == 1
            found = [_alone(unit[0], resolve, budget)] if alone else _shared(access, unit, resolve, budget, sizes)
            outcomes |= zip(numbers, found, strict=True)
    return [outcomes[number] for number in range(len(tasks))]


def _groups(tasks: Sequence[ChangesTask]) -> list[list[int]]:
    """The numbers of tasks over the same files, with the same suppression lists."""
    found: dict[object, list[int]] = {}
    for at, group in enumerate(groups([_as_task(each) for each in tasks])):
        for number in group:
            found.setdefault((at, tasks[number].job.export.files), []).append(number)
    return list(found.values())


def _as_task(each: ChangesTask) -> Task:
    around = each.around
    return Task(each.job.export, around.open_file, around.progress, around.stop, around.lists)


def _room_for(task: ChangesTask, access: Access, budget: Budget) -> tuple[int, Sizes | None]:
    """How many like it there is room for; the files' rows, where these are known."""
    export = task.job.export
    source = source_of(export.dataset, access, export.files, (), budget)
    try:
        sizes = sizes_of(source)
    except Exception:
        return 1, None  # Each meets it by itself, and says so by itself.
    rows = max(1, rows_of(source, sizes))
    room = _room(task.around.folder)
    return max(1, min(budget.compared // rows, _open() >> bits_for(rows), room // (rows * _LAID))), sizes


def _open() -> int:
    return min(_OPEN, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)


def _room(folder: Path) -> int:
    """Half of what is free there."""
    return shutil.disk_usage(folder).free // 2


def _alone(task: ChangesTask, resolve: Resolve, budget: Budget) -> ChangesOutcome:
    try:
        return compare(task.job, task.around, resolve, budget)
    except BaseException as error:
        return error


def _shared(
    access: Access, tasks: list[ChangesTask], resolve: Resolve, budget: Budget, sizes: Sizes | None
) -> list[ChangesOutcome]:
    export = tasks[0].job.export
    try:
        lists = listed_of(export, tasks[0].around.lists, budget)
    except Exception:
        return [_alone(each, resolve, budget) for each in tasks]  # Each meets it by itself, and says so by itself.
    shared = replace(budget, jobs=len(tasks))
    common = _Common(shared.chosen, threading.Semaphore(shared.workers))
    # One thread for all, not a lock: what a thread has freed its next allocations get, and nobody else's.
    with encoders(shared) as by, ThreadPoolExecutor(1, thread_name_prefix="comparer") as one:
        means = Means(lists=lists, sizes=sizes, in_turn=lambda compare: one.submit(compare).result(), by=by)
        lanes = [_Lane(task, common, means, resolve, shared) for task in tasks]
        met: Exception | None = None
        while takers := [taker for lane in lanes if (taker := lane.wants()) is not None]:
            try:
                hand_out(shared, export.dataset, access, takers)
            except Exception as error:
                met = error
                for each in takers:
                    each.inbox.give_up(error)
            except BaseException as error:
                for each in takers:
                    each.inbox.give_up(error)
        found = [lane.outcome() for lane in lanes]
    for at, (lane, outcome) in enumerate(zip(lanes, found, strict=True)):
        if (met is not None and outcome is met) or _no_room(outcome):
            lane.opened.remove()
            found[at] = _alone(lane.task, resolve, budget)
    return found


def _no_room(outcome: ChangesOutcome) -> bool:
    """Whether the disk was full, which for one alone it may not be."""
    return isinstance(outcome, OSError) and outcome.errno in (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class _Common:
    """What all use. `chosen`: bytes that one makes of a slice at once; `computing`: how many do."""

    chosen: int
    computing: threading.Semaphore


class _Lane:
    """One comparison of several, in a thread of its own, that is handed what it reads."""

    def __init__(self, task: ChangesTask, common: _Common, means: Means, resolve: Resolve, budget: Budget) -> None:
        self.task = task
        self._common = common
        self._over = False
        self._wishes: queue.SimpleQueue[Taker | None] = queue.SimpleQueue()
        self._inbox: Inbox | None = None
        self.opened = Opened()
        self._outcome: ChangesOutcome | None = None
        mine = replace(means, read=self._frames)
        self._thread = threading.Thread(target=self._work, args=(mine, resolve, budget), name="comparison", daemon=True)
        self._thread.start()

    def wants(self) -> Taker | None:
        """What it wants to read next, once it knows; None where it has ended."""
        if self._over:
            return None
        wish = self._wishes.get()
        self._over = wish is None
        return wish

    def outcome(self) -> ChangesOutcome:
        """What came of it, once it is over."""
        self._thread.join()
        assert self._outcome is not None
        return self._outcome

    def _work(self, means: Means, resolve: Resolve, budget: Budget) -> None:
        around, noting = self.task.around, self.opened.noting
        noted = replace(around, open_file=noting(around.open_file), open_removed=noting(around.open_removed))
        try:
            self._outcome = compare(self.task.job, noted, resolve, budget, means)
        except BaseException as error:
            self._outcome = error
        finally:
            if self._inbox is not None:
                self._inbox.close()
            self._wishes.put(None)

    def _frames(self, source: Source, choose: Choose, counts: Counts) -> Iterator[pl.DataFrame]:
        """As `rows.frames`, with the others."""
        self._inbox = inbox = Inbox(self.task.stop)
        self._wishes.put(Taker(source.files, source.read, inbox))
        for item in inbox.slices():
            size = max(1, int(item.rows.estimated_size()))
            made = partial(_made, choose, counts.rows)
            counts.rows, counts.size, counts.total = counts.rows + item.rows.height, item.size, item.total
            step = max(1, item.rows.height * self._common.chosen // size)
            yield from pieces(item.rows, step, made, self._common.computing)
            del item


def _made(choose: Choose, first: int, rows: pl.DataFrame, start: int) -> pl.DataFrame:
    return choose(rows.lazy(), first + start).collect()
