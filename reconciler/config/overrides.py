"""What an activation's overrides lift: that it is there to be lifted, and lifted once."""

from __future__ import annotations

from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.diagnostics import did_you_mean
from reconciler.resources.core_policies import CORE_POLICIES
from reconciler.resources.override import Override, listed
from reconciler.resources.resource import Activation, Policy

_PATH: Path = ("metadata", "override")


def check_overrides(index: Index) -> None:
    """Reports guards that the activation hasn't, policies that nobody has, and what is lifted twice."""
    known = {each.name for each in CORE_POLICIES} | {entry.name for entry, _ in index.all(Policy)}
    for entry, activation in index.all(Activation):
        several = isinstance(activation.metadata.override, tuple)
        seen: set[str] = set()
        for at, override in enumerate(listed(activation.metadata.override)):
            path: Path = (*_PATH, at) if several else _PATH
            _one(index, entry, path, override, activation, known)
            if override.what in seen:
                detail = f"{override.what} is lifted twice here. Keep one of the two."
                index.report("C110", entry, path, detail)
            seen.add(override.what)


def _one(index: Index, entry: Entry, path: Path, override: Override, activation: Activation, known: set[str]) -> None:
    guards = activation.spec.guards.names()
    if override.guard is not None and override.guard not in guards:
        has = ", ".join(guards) or "none"
        detail = f"There is no guard {override.guard} here to lift; this activation has {has}. Correct it, or remove the override."
        index.report("C110", entry, (*path, "guard"), detail)
    name = override.policy
    if name is not None and name not in known and not index.refused("Policy", name):
        hint = did_you_mean(name, known) or " `reconcile list Policy` prints them."
        index.report("R153", entry, (*path, "policy"), f"There is no policy {name} to lift.{hint}")
