"""Destination types with what a project has of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.catalog.control import May, Permission, Target, unrestricted
from reconciler.config.desired import Desired
from reconciler.ledger.records import Actual
from reconciler.plan.access import Access, governing_of


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


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do with destinations. `known`: whether it is known who that is; else nothing is held back."""

    may: May
    known: bool = True


def allowed(desired: Desired, actual: Actual | None, root: Path) -> Allowed:
    """By the roles that are applied, where one looked at the ledger; else by those that are declared, as if they were. Without any, all is.

    Raises `Refused` G152, `AccountError`, `MissingExtra`.
    """
    from reconciler.api.principal import principal_of

    access = Access.of(desired.project.metadata.name, actual or as_declared(desired), desired)
    if access is None:
        return Allowed(unrestricted)
    principal = principal_of(access, root)
    if principal is None:
        return Allowed(unrestricted, known=False)

    def may(permission: Permission, to: Target | None) -> bool:
        return access.somewhere(principal, permission) if to is None else access.has(principal, (permission, to.name))

    return Allowed(may)


def as_declared(desired: Desired) -> Actual:
    """A ledger that holds the declared roles and nothing else."""
    return Actual(assumed=governing_of(desired))


def _declared(desired: Desired, actual: Actual | None) -> Iterator[Connection]:
    applied = None if actual is None else False
    for name, each in desired.destinations.items():
        yield Connection(each.spec.type, Target(name, each.spec.takes, each.metadata.labels), True, applied)
