"""The same call over many things, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(call: Callable[[T], R], things: Sequence[T], workers: int) -> list[R]:
    """The results, in order. The first error ends it: what hasn't begun is left, what has is waited for."""
    if len(things) < 2:
        return [call(each) for each in things]
    pool = ThreadPoolExecutor(min(workers, len(things)))
    try:
        return list(pool.map(call, things))
    finally:
        pool.shutdown(cancel_futures=True)
