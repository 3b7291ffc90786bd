"""How long the parts of a run take, for whoever traces them. Nobody does unless it is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Part = Literal["run", "claim", "stage", "judge", "decide", "publish", "record"]
"""A `run` is the whole of it, and holds the others."""
Fact = str | int | float | bool


class Span(Protocol):
    """One part while it goes on."""

    def note(self, **facts: Fact) -> None:
        """Adds what became known: names of the configuration, numbers, codes; never data. Never raises."""


Spans = Callable[[Part], AbstractContextManager[Span]]
"""Begins a part within the one that this thread is in; leaving it ends it. What is raised meanwhile passes, and is noted by its code."""


class _Nothing:
    def note(self, **facts: Fact) -> None:
        return


_NOTHING = _Nothing()


@contextmanager
def untraced(part: Part) -> Iterator[Span]:
    """Nobody traces."""
    yield _NOTHING
