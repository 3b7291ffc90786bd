"""One read handed to many: every part is read once, and goes in slices to all that want its files.

Memory is bounded: nothing waits for who didn't ask for it, and who reads waits for the slowest.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from reconciler.datasets.base import Access
from reconciler.destinations.base import FileSink
from reconciler.export.budget import Budget
from reconciler.export.compact import compact
from reconciler.export.grouping import union
from reconciler.export.job import Interrupted
from reconciler.export.reading import source_of
from reconciler.export.rows import frames
from reconciler.export.source import Counts
from reconciler.resources.dataset import DatasetSpec
from reconciler.values.pin import PinnedFile

_LOOK = 0.2
"""Seconds after which who has nothing to do asks whether it is to stop."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows, and what they come to in memory, about; how many bytes of how many were read with them."""

    rows: pl.DataFrame
    weight: int
    size: int
    total: int


class Inbox:
    """What waits for one of many. `stop`: asked while it waits."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self._queue: queue.SimpleQueue[Slice | None] = queue.SimpleQueue()
        self._asked = threading.Semaphore(0)
        self._over = threading.Event()
        self._given_up: BaseException | None = None

    # Who reads -----------------------------------------------------------------------------------------------------------

    def hand(self, some: Slice) -> bool:
        """Waits until it asks for one. False: it wants no more."""
        return self._put(some)

    def end(self) -> None:
        """All was read."""
        self._put(None)

    def give_up(self, error: BaseException) -> None:
        """Reading met this."""
        self._given_up = error

    # Who is handed things ------------------------------------------------------------------------------------------------

    def slices(self) -> Iterator[Slice]:
        """Until all was read. Raises what reading met, `Interrupted`."""
        while True:
            item = self._next()
            if item is None:
                return
            yield item
            del item  # it would be kept alive until the next one is there

    def close(self) -> None:
        """It wants no more."""
        self._over.set()
        while not self._queue.empty():  # nothing is kept alive by who doesn't want it
            self._queue.get_nowait()

    def _put(self, item: Slice | None) -> bool:
        while not self._over.is_set():
            if self._asked.acquire(timeout=_LOOK):
                self._queue.put(item)
                return True
        return False

    def _next(self) -> Slice | None:
        self._asked.release()
        while True:
            if self._given_up is not None:
                raise self._given_up
            if self._stop():
                raise Interrupted
            try:
                return self._queue.get(timeout=_LOOK)
            except queue.Empty:
                continue


class Opened:
    """The files that one of many has opened."""

    def __init__(self) -> None:
        self._sinks: list[FileSink] = []

    def noting(self, open_file: Callable[[int], FileSink]) -> Callable[[int], FileSink]:
        """The same, remembered."""

        def opened(part: int) -> FileSink:
            self._sinks.append(open_file(part))
            return self._sinks[-1]

        return opened

    def remove(self) -> None:
        """Takes every file back, the finished ones too, so that the same names can be written again."""
        for sink in self._sinks:
            sink.abort()


@dataclass(frozen=True, slots=True)
class Taker:
    """One of many: the files and columns that it wants, and where it is handed them."""

    files: tuple[PinnedFile, ...]
    needed: tuple[str, ...]
    inbox: Inbox


def hand_out(budget: Budget, dataset: DatasetSpec, access: Access, takers: Sequence[Taker]) -> None:
    """Until all is read and everybody knows, or nobody is left. Raises `SourceError`; then they are yet to hear of it."""
    needed = tuple(dict.fromkeys(name for each in takers for name in each.needed))
    total = sum(file.size for file in union(each.files for each in takers))
    done = 0
    for files, wanting in _stretches(takers):
        counts = Counts()
        source = source_of(dataset, access, files, needed, budget)
        for frame in frames(source, lambda rows, _: rows, counts):
            # Each takes its rows by their places, which costs ten times as much where these lie in several chunks.
            whole = frame.rechunk()
            del frame
            for part in _slices(whole, budget.handed, done + counts.size, total):
                alive = [each for each in wanting if each.inbox.hand(part)]
                del part
            del whole
            if not alive:
                break
        done += sum(file.size for file in files)
    for each in takers:
        each.inbox.end()


def pieces(
    rows: pl.DataFrame, step: int, make: Callable[[pl.DataFrame, int], pl.DataFrame], computing: threading.Semaphore
) -> Iterator[pl.DataFrame]:
    """What `make` makes of so many rows at a time, and of the number of their first; as many at once as `computing` lets."""
    for start in range(0, rows.height, step):
        with computing:
            frame = make(rows.slice(start, step), start)
            frame = compact(frame) if frame.height else frame
        yield frame


def _stretches(takers: Sequence[Taker]) -> Iterator[tuple[tuple[PinnedFile, ...], list[Taker]]]:
    """Neighbouring files that the same ones want."""
    wanted = [{file.path for file in each.files} for each in takers]

    def by(file: PinnedFile) -> tuple[int, ...]:
        return tuple(number for number, paths in enumerate(wanted) if file.path in paths)

    for numbers, files in groupby(union(each.files for each in takers), key=by):
        yield tuple(files), [takers[number] for number in numbers]


def _slices(frame: pl.DataFrame, most: int, size: int, total: int) -> Iterator[Slice]:
    """A frame in pieces of so many bytes, about. It is weighed once, for that costs more than a few comparisons."""
    weight = max(1, int(frame.estimated_size()))
    rows = max(1, frame.height * most // weight)
    for start in range(0, frame.height, rows):
        some = frame.slice(start, rows)
        yield Slice(some, max(1, weight * some.height // frame.height), size, total)
