"""What a project's permissions are judged by, as its last apply recorded it in the ledger's project document."""

from __future__ import annotations

from reconciler.resources.identity import IdentitySpec
from reconciler.resources.policy import PolicySpec
from reconciler.resources.role import RoleSpec
from reconciler.values.base import Value


class Governing(Value):
    """What permissions are judged by, as applied: roles, how people prove who they are, and what could be changed to get around them.

    `destinations`: their labels, those that have any. `columns`: dataset to column to data-usage labels.
    """

    roles: dict[str, RoleSpec] = {}
    identity: IdentitySpec | None = None
    policies: dict[str, PolicySpec] = {}
    destinations: dict[str, dict[str, str]] = {}
    columns: dict[str, dict[str, tuple[str, ...]]] = {}
