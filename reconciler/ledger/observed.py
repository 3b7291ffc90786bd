"""What a look at the destinations showed, as facts. The plan lists what of it isn't as recorded."""

from __future__ import annotations

from reconciler.values.base import Value
from reconciler.values.slot import Slot


class SeenDestination(Value):
    """One applied destination. `marker`: the lineage in its owner marker, None if there is none, or if it can't be read
    (`readable` false). `error`: why it couldn't be looked at or, if it was `reached`, written to."""

    name: str
    reached: bool
    readable: bool
    marker: str | None = None
    error: str | None = None


class SeenExport(Value):
    """The last export of one flow: its files and manifest by name, at the destination as it was claimed.

    `missing`: recorded and not there. `changed`: of another size, or a manifest that says something else. `error`: why it
    couldn't be looked at.
    """

    flow: str
    slot: Slot
    run_id: str
    files: int
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    error: str | None = None


class Observed(Value):
    """One look, of a part or of everything that one project applied."""

    destinations: tuple[SeenDestination, ...] = ()
    exports: tuple[SeenExport, ...] = ()
