"""Which points a test tries: all of them with `RECONCILER_FAULTS=all`, else a sample that is the same every time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

tried: Counter[str] = Counter()
"""How many things were broken in this process, by what was done; said at the end of a test run."""

ALL = os.environ.get("RECONCILER_FAULTS") == "all"

_covered: set[tuple[str, str, bool]] = set()
"""Which effects were broken at in this process, by kind of place, name and side."""


class Point(NamedTuple):
    """The effect, from 1, and the side of it."""

    at: int
    before: bool

    def said(self, verb: str, names: list[str]) -> str:
        """For messages."""
        return f"{verb} {'before' if self.before else 'after'} effect {self.at}, {names[self.at - 1]}"


def both_sides(count: int) -> Iterator[Point]:
    """Before and after every effect."""
    for at in range(1, count + 1):
        yield Point(at, True)
        yield Point(at, False)


def sampled(count: int, every: int = 1, offset: int = 0) -> Iterator[Point]:
    """Every n-th effect, its sides in turn: after one effect is nearly before the next."""
    if ALL:
        yield from both_sides(count)
        return
    for at in range(1 + offset % every, count + 1, every):
        yield Point(at, at % (2 * every) < every)


def covering(kind: str, names: list[str], points: Iterator[Point], known: Iterable[str] = ()) -> Iterator[Point]:
    """These points, and of each kind of effect that this process broke neither before nor after yet, those that are missing; elsewhere than
    over a local ledger and destination, where all of these are tried, those after it.

    `known`: kinds of effects that another file's tests cover.
    """
    sides = (True, False) if kind == "local" else (False,)
    _covered.update((kind, name, before) for name in known for before in (True, False))
    for point in points:
        _covered.add((kind, names[point.at - 1], point.before))
        yield point
    for at, name in enumerate(names, 1):
        for before in sides:
            if (kind, name, before) not in _covered:
                _covered.add((kind, name, before))
                yield Point(at, before)
