"""Steps of one work in threads of their own: what makes pieces, what uses them, and what puts them away, in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

Piece = TypeVar("Piece")
Made = TypeVar("Made")


class InOrder(Generic[Piece, Made]):
    """Pieces of which something is made while the next come, and put away in their order.

    `pool`: where it is made; None: here. `ahead`: how many at once; 0: the caller waits for each.
    """

    def __init__(
        self, make: Callable[[Piece], Made], put: Callable[[Made], object], pool: Executor | None, ahead: int
    ) -> None:
        self._make, self._put, self._pool, self._ahead = make, put, pool, ahead
        self._waiting: deque[Future[Made]] = deque()

    def add(self, piece: Piece) -> None:
        """Waits where too many do. Raises what an earlier one met."""
        if self._pool is None:
            self._put(self._make(piece))
            return
        self.settle(max(0, self._ahead - 1))
        self._waiting.append(self._pool.submit(self._make, piece))
        if not self._ahead:
            self.settle()

    def settle(self, most: int = 0) -> None:
        """Puts all away but so many. Raises what these met."""
        while len(self._waiting) > most:
            self._put(self._waiting.popleft().result())


def one_ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """The same, in order; each is made while the one before is used. Raises what making them does."""

    def made() -> tuple[Piece] | None:
        for piece in pieces:
            return (piece,)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(made)
        while (piece := coming.result()) is not None:
            coming = pool.submit(made)
            yield piece[0]


@contextmanager
def one_behind(put: Callable[[Piece], None]) -> Iterator[Callable[[Piece], None]]:
    """`put`, whose caller waits for the piece before alone; at the end of the block for all.

    What a piece meets is raised by the next, or at the end.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="behind") as pool:
        behind = InOrder(put, lambda _: None, pool, 1)
        yield behind.add
        behind.settle()
