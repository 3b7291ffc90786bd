"""Roles: that the destinations they name exist, and that somebody may change the roles again."""

from __future__ import annotations

from reconciler.config.index import Index
from reconciler.resources.resource import Destination, Role


def check_roles(index: Index) -> None:
    """Reports all of it."""
    roles = list(index.all(Role))
    for entry, role in roles:
        for at, name in enumerate(role.spec.destinations or ()):
            index.resolve(Destination, name, entry, ("spec", "destinations", at))
        selector = role.spec.destination_selector
        if selector is None or index.refused("Destination"):
            continue
        wanted = selector.match_labels.items()
        if not any(wanted <= each.metadata.labels.items() for _, each in index.all(Destination)):
            labels = ", ".join(f"{name}: {value}" for name, value in sorted(wanted))
            detail = f"No Destination has the labels {{{labels}}}. Correct them, or add them to one."
            index.report("R111", entry, ("spec", "destinationSelector"), detail)
    broken = index.refused("Role")
    if roles and not broken and not any("manage-policies" in role.spec.grants for _, role in roles):
        entry, _ = roles[0]
        detail = "No role grants manage-policies, so that once they are applied nobody may change roles or policies. Grant it to somebody."
        index.report("R160", entry, ("spec", "grants"), detail)
