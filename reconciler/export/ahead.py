"""Steps of one work in threads of their own, one piece apart: what makes pieces, what uses them, and what puts them away."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

Piece = TypeVar("Piece")
_END: Final = object()


def one_ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """The same, in order; each is made while the one before is used. Raises what making them does. To be closed."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming: Future[Piece | object] = pool.submit(next, pieces, _END)
        while (piece := coming.result()) is not _END:
            coming = pool.submit(next, pieces, _END)
            yield piece  # type: ignore[misc]


@contextmanager
def one_behind(put: Callable[[Piece], None]) -> Iterator[Callable[[Piece], None]]:
    """`put`, whose caller waits for the piece before alone; at the end of the block for all.

    What a piece meets is raised by the next, or at the end.
    """
    waiting: list[Future[None]] = []

    def later(piece: Piece) -> None:
        while waiting:
            waiting.pop().result()
        waiting.append(pool.submit(put, piece))

    with ThreadPoolExecutor(1, thread_name_prefix="behind") as pool:
        yield later
        while waiting:
            waiting.pop().result()
