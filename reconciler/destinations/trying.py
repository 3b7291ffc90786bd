"""A destination tried before anything is applied: does what an export needs, and leaves nothing there."""

from __future__ import annotations

import secrets
from typing import Protocol, runtime_checkable

from reconciler.destinations.base import Destination, ProbeReport
from reconciler.destinations.lacking import naming_all
from reconciler.errors import DestinationError, ReconcilerError


@runtime_checkable
class Traceless(Protocol):
    """A destination whose `probe` makes what stays, such as the folder that it writes to."""

    def try_out(self) -> ProbeReport:
        """As `probe`; what wasn't there before isn't there afterwards. Connections that can't delete only stage and discard."""
        ...


def try_out(destination: Destination) -> ProbeReport:
    """What worked. Raises what the methods of the port raise: the error names what isn't allowed, all of it as far as that can be told."""
    try:
        if isinstance(destination, Traceless):
            return destination.try_out()
        return destination.probe() if destination.capabilities.deletable else stage_and_discard(destination)
    except DestinationError as error:
        raise naming_all(destination, error) from error


def stage_and_discard(destination: Destination) -> ProbeReport:
    """For connections that can't take back what they publish."""
    run_id = f"probe-{secrets.token_hex(8)}"
    sink = destination.stage(run_id, f"{run_id}.txt")
    try:
        sink.write(b"probe\n")
        sink.finish(0)
    except ReconcilerError:
        sink.abort()
        raise
    destination.discard(run_id)
    return ProbeReport(("staged", "discarded a probe; nothing was published, since it can't be removed"))
