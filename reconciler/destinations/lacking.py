"""What a connection isn't allowed: once one permission is missing the others are tried too, so that all can be asked for at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from reconciler.destinations.base import Destination
from reconciler.errors import DestinationError, ReconcilerError


@runtime_checkable
class Surveyed(Protocol):
    """A destination that can try each permission by itself."""

    def lacking(self, known: str) -> Iterable[str]:
        """What isn't allowed of what an export needs, in the service's words; what can't be told isn't said. Shows nothing to readers, and
        leaves nothing, as far as that is allowed. `known`: one that is missing."""
        ...


class Survey:
    """One after another, whatever became of those before. `lacks`: what was forbidden, in the order of the tries."""

    def __init__(self) -> None:
        self.lacks: list[str] = []

    def tries(self, request: Callable[[], object], said: str = "") -> bool:
        """Whether it isn't forbidden; anything else that goes wrong tells nothing. `said`: what to call it, if not as the error does."""
        try:
            request()
        except ReconcilerError as error:
            if error.needs:
                self.lacks.append(said or error.needs)
            return not error.needs
        return True


def naming_all(destination: Destination, error: DestinationError) -> DestinationError:
    """The error with everything else that isn't allowed there, if a permission is what is missing."""
    if not error.needs or not isinstance(destination, Surveyed):
        return error
    others = [each for each in dict.fromkeys(destination.lacking(error.needs)) if each != error.needs]
    if not others:
        return error
    detail = f"{error.detail} Not allowed either: {', '.join(others)}."
    return DestinationError(error.code, error.summary, detail, permanent=error.permanent, needs=error.needs)
