"""Rows to files: one job's, split as it says, watched on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from reconciler.datasets.types import polars_type
from reconciler.destinations.base import FileSink
from reconciler.export.job import ExportJob, Interrupted, Progress
from reconciler.export.source import Counts
from reconciler.export.split import Splitter, limits_of
from reconciler.export.writers import Encoders, check_types, write
from reconciler.values.staged import StagedFile


def schema_of(job: ExportJob) -> pl.Schema:
    """What leaves."""
    return pl.Schema({chosen.name: polars_type(chosen.type) for chosen in job.columns})


def written_files(
    job: ExportJob,
    rows: Iterator[pl.DataFrame],
    counts: Counts,
    open_file: Callable[[int], FileSink],
    progress: Callable[[Progress], None],
    stop: Callable[[], bool],
    by: Encoders,
) -> tuple[tuple[StagedFile, ...], int]:
    """Writes what leaves; the files, and how many rows they hold. `counts`: of what was read, for progress."""
    schema = schema_of(job)
    check_types(job.format, schema)
    watched = Watched(rows, counts, progress, stop)
    splitter = Splitter(iter(watched), *limits_of(job.output))
    files: list[StagedFile] = []
    while splitter.more():
        files.append(write_file(job, schema, splitter, watched, open_file(len(files)), by))
        splitter.finished(files[-1].size)
        watched.files = len(files)
    watched.look()
    return tuple(files), splitter.rows


def write_empty(job: ExportJob, sink: FileSink) -> StagedFile:
    """A file with the format's header or schema and no rows, finished; the sink is aborted on any error."""
    schema = schema_of(job)
    try:
        write(job.format, schema, lambda _written: iter(()), sink)
        return sink.finish(0)
    except BaseException:
        sink.abort()
        raise


@dataclass(slots=True)
class Watched:
    """Frames on their way, as read and as written: `stop` is asked and `progress` told between them."""

    frames: Iterator[pl.DataFrame]
    counts: Counts
    progress: Callable[[Progress], None]
    stop: Callable[[], bool]
    files: int = 0
    rows: int = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        self.look()
        for frame in self.frames:
            self.look()
            yield frame
        self.look()

    def written(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Frames on their way to a file."""
        for frame in frames:
            self.look()
            self.rows += frame.height
            yield frame

    def look(self) -> None:
        """Raises `Interrupted`."""
        if self.stop():
            raise Interrupted
        self.progress(Progress(self.rows, self.counts.size, self.counts.total, self.files))


def write_file(
    job: ExportJob,
    schema: pl.Schema,
    splitter: Splitter,
    watched: Watched,
    sink: FileSink,
    by: Encoders | None = None,
) -> StagedFile:
    """One file of the rows that the splitter puts into it, finished; the sink is aborted on any error."""
    try:
        write(job.format, schema, lambda written: watched.written(splitter.file(written)), sink, by)
        return sink.finish(splitter.in_file)
    except BaseException:
        sink.abort()
        raise
