"""The JSON Schemas with the destination types that plug-ins add: what the published ones say, and one branch more for each."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import cache

from reconciler.catalog.base import DestinationType
from reconciler.catalog.plugins import PluginError, find, installed
from reconciler.catalog.types import TYPES
from reconciler.config.schemas import Schema, inlined, of_input, schema_of, when
from reconciler.resources.account import ACCOUNT_TYPES
from reconciler.resources.destination import spec_model


def types() -> tuple[list[DestinationType], list[PluginError]]:
    """All types, built-in ones first, and why the others can't be used. Imports the declarations of all plug-ins."""
    found, broken = list(TYPES.values()), []
    for name in installed():
        try:
            about = find(name)
            if about is not None and about not in found:
                spec_schema(about)
                found.append(about)
            if name in TYPES:
                installed()[name].load()
        except PluginError as error:
            broken.append(error)
    return found, broken


@cache
def spec_schema(about: DestinationType) -> Schema:
    """The schema of a Destination's `spec` of a type, inlined. Raises `PluginError`. Not to be changed."""
    if unknown := [name for name in about.accounts if name not in ACCOUNT_TYPES]:
        raise installed()[about.name].unusable(f"signs in with an account of type {unknown[0]}, which there isn't")
    try:
        return of_input(spec_model(about))
    except Exception as error:
        if about.name in TYPES:
            raise
        # Whatever a stranger's model may be.
        raise installed()[about.name].unusable("has a connection of which no JSON Schema can be made") from error


@cache
def inlined_of(kind: str, plug_in: DestinationType | None = None) -> Schema:
    """The published schema of a kind, inlined; for a Destination, with one more type. Raises `PluginError`. Not to be changed."""
    schema = inlined(schema_of(kind))
    if plug_in is not None:
        _add(schema["properties"]["spec"], [plug_in])
    return schema


def extended(schema: Schema, more: Iterable[DestinationType]) -> Schema:
    """The schema of a Destination, or of any resource, with more types."""
    changed = deepcopy(schema)
    destination = changed if changed["title"] == "Destination" else changed["$defs"]["Destination"]
    _add(destination["properties"]["spec"], more)
    return changed


def _add(spec: Schema, more: Iterable[DestinationType]) -> None:
    for about in more:
        spec["properties"]["type"]["enum"].append(about.name)
        spec["allOf"].append(when("type", about.name, spec_schema(about)))
