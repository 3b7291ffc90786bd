"""The same call over many things."""

from __future__ import annotations

import threading

import pytest

from reconciler.stores.parallel import in_parallel


def test_results_are_in_order() -> None:
    assert in_parallel(lambda each: each * 2, range(100), 8) == [each * 2 for each in range(100)]
    assert in_parallel(str, [], 8) == []
    assert in_parallel(lambda _: threading.current_thread(), [1], 8) == [threading.current_thread()]


def test_no_more_than_so_many_at_a_time() -> None:
    at_work, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(4)

    def work(_: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        together.wait(timeout=30)
        with lock:
            at_work -= 1

    in_parallel(work, range(16), 4)
    assert most == 4


def test_the_first_error_ends_it() -> None:
    begun: list[int] = []

    def work(each: int) -> None:
        begun.append(each)
        if each == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        in_parallel(work, range(10_000), 2)
    assert len(begun) < 10_000
