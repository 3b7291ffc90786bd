"""Who somebody is, and what they need: values that a plan shows."""

from __future__ import annotations

from reconciler.resources.role import Permission
from reconciler.values.base import Value


class Principal(Value):
    """Who plans or applies: by a verified token, or the operating system's user. `claims`: texts of the token, each as a list."""

    name: str
    groups: tuple[str, ...] = ()
    claims: dict[str, tuple[str, ...]] = {}


class Needed(Value):
    """A permission that a plan needs. `destination`: None for what is about the whole project. `who`: roles that grant it, each with its
    subjects, for people. `has`: whether the principal has it; None where it isn't known who that is."""

    permission: Permission
    destination: str | None = None
    who: tuple[str, ...] = ()
    has: bool | None = None


class Permissions(Value):
    """`principal`: who was judged; None where it isn't known. `roles`: how many are applied."""

    principal: str | None = None
    roles: int
    needed: tuple[Needed, ...] = ()
