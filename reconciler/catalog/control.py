"""What somebody would do next with a destination type, given what they may: a pure function of grants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.catalog.base import DataType, DestinationType

Permission = Literal[
    "manage-destinations",
    "view-destinations",
    "activate-destinations",
    "manage-dataset-destinations",
    "activate-datasets",
]
"""The permissions that have to do with destinations."""
Control = Literal["set-up", "activate", "activate-audiences", "export-datasets", "none"]
"""`set-up`: make a first connection. The others: what can be sent to the connections that there are. `none`: nothing is allowed."""


@dataclass(frozen=True, slots=True)
class Target:
    """A destination of a type: its name, the data types that it accepts, its labels."""

    name: str
    accepts: tuple[DataType, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


May = Callable[[Permission, Target | None], bool]
"""Whether a permission is granted on a destination; None: on one that isn't there yet."""


def unrestricted(permission: Permission, to: Target | None) -> bool:
    """Without any role all is allowed."""
    return True


def control(of: DestinationType, connections: Iterable[Target], may: May = unrestricted) -> Control:
    """The control of a type with these connections.

    Connecting needs the right to view and to manage, sending that to view and to activate; datasets have rights of their own.
    """
    listed = list(connections)
    audiences = any(_audiences(each, may) for each in listed)
    datasets = any(_datasets(each, may) for each in listed)
    match audiences, datasets:
        case True, True:
            return "activate"
        case True, False:
            return "activate-audiences"
        case False, True:
            return "export-datasets"
        case _:
            return "set-up" if _connects(of, may) else "none"


def control_of(of: DestinationType, connection: Target, may: May = unrestricted) -> Control:
    """The control of one connection: never `set-up`."""
    found = control(of, [connection], may)
    return "none" if found == "set-up" else found


def _connects(of: DestinationType, may: May) -> bool:
    manages = may("manage-destinations", None)
    if "datasets" in of.accepts:
        manages = manages or may("manage-dataset-destinations", None)
    return may("view-destinations", None) and manages


def _audiences(to: Target, may: May) -> bool:
    takes = any(each in to.accepts for each in ("prospects", "customers"))
    return takes and may("view-destinations", to) and may("activate-destinations", to)


def _datasets(to: Target, may: May) -> bool:
    return "datasets" in to.accepts and may("view-destinations", to) and may("activate-datasets", to)
