"""Destination types that other packages add, by entry point.

A package declares `NAME = "its.module:TYPE"` in the group `reconciler.destinations`; TYPE is a `DestinationType`. Configuration names a
type and never code: only what is installed is found, nothing of the current folder is, and a package is imported when its type is
first asked for. A built-in type is never replaced.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import MappingProxyType

from reconciler.catalog.base import Connection, DestinationType
from reconciler.catalog.types import TYPES
from reconciler.errors import ReconcilerError

GROUP = "reconciler.destinations"
_NAME = re.compile(r"[a-z0-9](-?[a-z0-9]){0,62}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


class PluginError(ReconcilerError):
    """A package's type can't be used (D141)."""

    def __init__(self, detail: str) -> None:
        super().__init__("D141", "a destination plug-in can't be used", detail)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A type that an installed package says it adds. `package`: its name and version."""

    name: str
    package: str
    entries: tuple[metadata.EntryPoint, ...]

    def load(self) -> DestinationType:
        """Imports the declaration. Raises `PluginError`."""
        if self.name in TYPES:
            raise self.unusable("has the name of a built-in type")
        if len(self.entries) > 1:
            raise self.unusable("is added more than once")
        try:
            found = self.entries[0].load()
        except Exception as error:
            # Whatever a stranger's module does at import; its text is its author's, so that only the kind is told.
            raise self.unusable(f"can't be imported ({type(error).__name__})") from error
        if wrong := _wrong(self.name, found):
            raise self.unusable(wrong)
        assert isinstance(found, DestinationType)
        return found

    def unusable(self, why: str) -> PluginError:
        """The error for a type that can't be used."""
        return PluginError(f"The type {self.name} of {self.package} {why}. Upgrade or remove the package.")


@cache
def installed() -> Mapping[str, Plugin]:
    """Every type that installed packages say they add, by name. Imports none of them."""
    found: dict[str, list[tuple[str, metadata.EntryPoint]]] = {}
    seen: set[str] = set()
    for distribution in metadata.distributions(path=_search_path()):
        name = distribution.name
        if not name or name in seen:
            continue  # one that stands before it on the path hides it
        seen.add(name)
        for entry in distribution.entry_points:
            if entry.group == GROUP and _NAME.fullmatch(entry.name):
                found.setdefault(entry.name, []).append((f"{name} {distribution.version}", entry))
    plugins = {
        name: Plugin(name, " and ".join(sorted(package for package, _ in entries)), tuple(each for _, each in entries))
        for name, entries in sorted(found.items())
    }
    return MappingProxyType(plugins)


@cache
def find(name: str) -> DestinationType | None:
    """A type by name, a built-in or an installed package's; None if there is none. Raises `PluginError`."""
    if (known := TYPES.get(name)) is not None:
        return known
    plugin = installed().get(name)
    return plugin.load() if plugin is not None else None


def _search_path() -> list[str]:
    """Where packages are installed: not the current folder, which Python searches first when it runs a module, and which may be a
    stranger's."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:  # it was removed
        here = ""
    return [each for each in sys.path if each and os.path.realpath(each) != here]


def _wrong(name: str, found: object) -> str:
    """Why an object can't be the declaration of a type; nothing where it can."""
    if not isinstance(found, DestinationType):
        return "isn't declared by a DestinationType"
    if found.name != name:
        return "calls itself otherwise"
    if not (isinstance(found.connection, type) and issubclass(found.connection, Connection)):
        return "has a connection that isn't a Connection"
    if not _TARGET.fullmatch(found.opens):
        return "doesn't say what opens it, as module:function"
    if not found.accepts or not found.formats:
        return "accepts no data type or writes no format"
    return ""
