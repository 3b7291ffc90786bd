"""Which jobs can share a read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.export.job import ExportJob, Task
from reconciler.values.pin import PinnedFile


def groups(tasks: Sequence[Task]) -> list[list[int]]:
    """The numbers of tasks over files in an order that suits all, with the same suppression lists, which are held once."""
    found: dict[object, list[int]] = {}
    unions: dict[object, tuple[PinnedFile, ...]] = {}
    for number, task in enumerate(tasks):
        job = task.job
        alike: object = (job.dataset.model_dump_json(), tuple(each.model_dump_json() for each in job.suppressions))
        files = merged(unions.get(alike, ()), job.files)
        if files is None:
            alike = number
        else:
            unions[alike] = files
        found.setdefault(alike, []).append(number)
    return list(found.values())


def by_verdict(tasks: Sequence[Task], group: Iterable[int]) -> list[list[int]]:
    """Of a group, those together for whom the same row of each key counts, wherever a key comes twice: those over the same files and
    range, and, where the newest row isn't chosen before any filter, with the same filter."""
    found: dict[object, list[int]] = {}
    for number in group:
        job = tasks[number].job
        verdict: object = None
        if job.dataset.primary_key:
            verdict = (job.files, job.within, None if job.dataset.latest_by else job.where)
        found.setdefault(verdict, []).append(number)
    return list(found.values())


def of_all(jobs: Sequence[ExportJob]) -> ExportJob:
    """A job over every row of all files: where no key of it comes twice, none does in any of them."""
    return jobs[0].model_copy(update={"files": union(job.files for job in jobs), "where": None, "within": None})


def union(wanted: Iterable[tuple[PinnedFile, ...]]) -> tuple[PinnedFile, ...]:
    """All files that a group reads, once, in an order that is everybody's."""
    found: tuple[PinnedFile, ...] = ()
    for files in wanted:
        found = merged(found, files) or ()
    return found


def merged(one: tuple[PinnedFile, ...], other: tuple[PinnedFile, ...]) -> tuple[PinnedFile, ...] | None:
    """All files of both, each once, in an order that both have; None where there is none, or a file isn't the same in both.

    By their paths where both are so. A table's files come as its versions did.
    """
    if one == other or not one:
        return other
    known = {file.path: at for at, file in enumerate(one)}
    pairs = ((one[known[file.path]], file) for file in other if file.path in known)
    if any(mine is not file and mine != file for mine, file in pairs):
        return None
    if _in_order(one) and _in_order(other):
        return tuple(sorted({file.path: file for file in (*one, *other)}.values(), key=lambda file: file.path))
    found: list[PinnedFile] = []
    taken = 0
    for file in other:
        at = known.get(file.path)
        if at is None:
            found.append(file)
            continue
        if at < taken:
            return None
        found += one[taken : at + 1]
        taken = at + 1
    return (*found, *one[taken:])


def _in_order(files: Sequence[PinnedFile]) -> bool:
    """Whether files stand in the order of their paths."""
    paths = [file.path for file in files]
    return paths == sorted(paths)
