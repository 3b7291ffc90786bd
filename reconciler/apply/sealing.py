"""Encryption where a run stages: for whom, checked before anything is claimed."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.apply.context import Context
from reconciler.destinations.base import FileSink
from reconciler.destinations.sealing import Sealing
from reconciler.resources.effective import EffectiveDestination


def sealing_for(context: Context, destination: EffectiveDestination) -> Sealing | None:
    """What encrypts for a destination; None where nothing is declared. Raises `AccountError`, `MissingExtra`."""
    if destination.spec.encryption is None:
        return None
    return context.open_sealing(destination)


def opening(sealing: Sealing | None, open_file: Callable[[int], FileSink]) -> Callable[[int], FileSink]:
    """What opens a run's files, so that they are encrypted where that is declared."""
    if sealing is None:
        return open_file
    return lambda part: sealing.seal(open_file(part))
