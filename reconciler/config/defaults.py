"""Lays a Project's `defaults` below its destinations and activations, before anything else looks at them: what is checked, planned and
compared is what holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.config.index import Entry
from reconciler.resources.resource import Activation, Destination, Project


def with_defaults(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with the defaults of the Project among them."""
    project = next((each.resource for each in entries if isinstance(each.resource, Project)), None)
    if project is None or project.spec.defaults is None:
        return list(entries)
    defaults = project.spec.defaults
    destinations = (each.resource for each in entries if isinstance(each.resource, Destination))
    parties = {each.metadata.name for each in destinations if each.spec.recipient is not None}

    def laid(entry: Entry) -> Entry:
        match entry.resource:
            case Destination(spec=spec) as found:
                return replace(entry, resource=found.model_copy(update={"spec": defaults.destination.of(spec)}))
            case Activation(spec=spec) as found:
                own = defaults.activation.of(spec, third_party=spec.destination in parties)
                return replace(entry, resource=found.model_copy(update={"spec": own}))
            case _:
                return entry

    return [laid(each) for each in entries]
