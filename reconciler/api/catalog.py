"""Destination types with what a project has of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.catalog.control import Target
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual


@dataclass(frozen=True, slots=True)
class Connection:
    """A destination of a type. `declared`: in the configuration; `applied`: in the ledger, None where nobody looked."""

    type: str
    target: Target
    declared: bool
    applied: bool | None

    @property
    def name(self) -> str:
        """The destination's."""
        return self.target.name


def connections(desired: Desired, actual: Actual | None) -> tuple[Connection, ...]:
    """The destinations that are declared or, if one looked, applied, by type and name. One whose type changes is listed under both."""
    found = {(each.type, each.name): each for each in _declared(desired, actual)}
    for name, record in (actual.destinations if actual else {}).items():
        spec = record.spec.spec
        known = found.get((spec.type, name)) or Connection(spec.type, Target(name, spec.takes), False, None)
        found[spec.type, name] = replace(known, applied=True)
    return tuple(found[key] for key in sorted(found))


def _declared(desired: Desired, actual: Actual | None) -> Iterator[Connection]:
    applied = None if actual is None else False
    for name, each in desired.destinations.items():
        yield Connection(each.spec.type, Target(name, each.spec.takes, each.metadata.labels), True, applied)
