"""Which points a test tries: all of them with `RECONCILER_FAULTS=all`, else a sample that is the same every time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

tried: Counter[str] = Counter()
"""How many things were broken in this process, by what was done; said at the end of a test run."""

ALL = os.environ.get("RECONCILER_FAULTS") == "all"


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
