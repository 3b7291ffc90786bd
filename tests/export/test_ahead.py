"""Steps that overlap: pieces stay in order, at most one is made ahead or waits behind, and errors arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from reconciler.export.ahead import one_ahead, one_behind


def test_the_next_piece_is_made_while_one_is_used() -> None:
    made: list[int] = []
    second = threading.Event()

    def pieces() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    with closing(one_ahead(pieces())) as found:
        assert next(found) == 0
        assert second.wait(10)
        assert made == [0, 1]
        assert list(found) == [1, 2, 3]


def test_what_making_a_piece_meets_is_raised_in_its_turn() -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with closing(one_ahead(pieces())) as found:
        assert next(found) == 1
        with pytest.raises(ValueError, match="broken"):
            next(found)


def test_pieces_are_put_in_order_one_behind() -> None:
    put: list[int] = []
    free = threading.Event()

    def slow(piece: int) -> None:
        assert free.wait(10)
        put.append(piece)

    with one_behind(slow) as later:
        later(1)
        assert put == []
        free.set()
        later(2)
        assert put[:1] == [1]
    assert put == [1, 2]


def test_what_putting_a_piece_meets_is_raised_by_the_next_or_at_the_end() -> None:
    def fails(piece: int) -> None:
        raise OSError(f"{piece} has no room")

    with pytest.raises(OSError, match="2 has no room"), one_behind(fails) as later:
        later(2)
    with one_behind(fails) as later:
        later(1)
        with pytest.raises(OSError, match="1 has no room"):
            later(2)
