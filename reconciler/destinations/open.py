"""From a destination's declaration to a connection."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from reconciler.accounts.sessions import Sessions
from reconciler.catalog.base import DestinationType
from reconciler.catalog.types import TYPES
from reconciler.destinations.base import Destination
from reconciler.destinations.errors import failure
from reconciler.destinations.opening import Opening
from reconciler.errors import MissingExtra
from reconciler.resources.effective import EffectiveDestination


def open_destination(destination: EffectiveDestination, *, root: Path, accounts: Sessions) -> Destination:
    """The connection; touches nothing yet. `root`: the project, for relative paths.

    Raises `MissingExtra`, `AccountError`, `DestinationError` D109: a relative path leads out of the project, D140: its type isn't
    installed, D141: what opens it can't be imported.
    """
    about = destination.spec.about
    opens = _opens(about, destination.name)
    return opens(destination.spec.connection, Opening(destination.name, root, destination.account, accounts))


def _opens(about: DestinationType, name: str) -> Callable[[Any, Opening], Destination]:
    if not about.opens:
        detail = f"Destination {name} is of type {about.name}. {about.summary}"
        raise failure("D140", f"{detail} Install the package that adds the type, then run again.")
    module, _, function = about.opens.partition(":")
    try:
        found: Callable[[Any, Opening], Destination] = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        if about.extra is not None:
            raise MissingExtra(about.extra, f"destination {name} of type {about.name}") from error
        if about.name in TYPES:
            raise
        lacks = f": {error.name} is missing" if isinstance(error, ImportError) and error.name else ""
        detail = (
            f"What opens destination {name} of type {about.name} can't be imported{lacks}. Install its package anew."
        )
        raise failure("D141", detail) from error
    return found
