"""How a caller hears of long work while it goes on, and asks it to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.export.job import Progress
    from reconciler.values.identity import FlowId


def _nothing(*_: Any) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Hooks:
    """All are called from the thread that works, often: they return quickly and don't raise.

    `told` hears of each thing that was done or failed, at once; `progress` of the rows of an export under way; once `stop` is true, the
    export under way is finished or discarded and `Interrupted` raised: whatever is left, the next call completes.
    """

    told: Callable[[Any], None] = _nothing
    progress: Callable[[FlowId, Progress], None] = _nothing
    stop: Callable[[], bool] = _never


QUIET = Hooks()
