"""Who plans or applies, as the applied `identity` wants it proven."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.ledger.records import Actual
from reconciler.plan.access import Access
from reconciler.plan.permitted import Principal
from reconciler.resources.identity import IdentitySpec
from reconciler.resources.secrets import FromEnv


def principal_of(access: Access, root: Path, *, offline: bool = False) -> Principal | None:
    """None where it isn't known: no token is given, or (`offline`) it couldn't be told without the network.

    Offline, the operating system's user says nothing either: a review runs as whom the CI likes. Raises `Refused` G152,
    `AccountError`, `MissingExtra`.
    """
    identity = access.governing.identity
    if identity is None:
        from reconciler.accounts.os_user import os_principal

        return None if offline else os_principal()
    if offline and identity.keys.url is not None:
        return None
    token = _token(identity, root)
    if token is None:
        return None
    from reconciler.accounts.oidc import verified

    return verified(token, identity)


def _token(identity: IdentitySpec, root: Path) -> str | None:
    from reconciler.accounts.secrets import SecretSource

    if isinstance(identity.token, FromEnv) and not os.environ.get(identity.token.from_env):
        return None
    return SecretSource(root, os.environ).resolve(identity.token).reveal().strip() or None


def require_principal(access: Access, root: Path) -> Principal:
    """Who it is. Raises `Refused` G151 where that isn't known, and what `principal_of` raises."""
    from reconciler.errors import Refused

    found = principal_of(access, root)
    if found is None:
        identity = access.governing.identity
        name = identity.token.from_env if identity and isinstance(identity.token, FromEnv) else "the token's file"
        raise Refused("G151", "it isn't known who this is", f"Roles are applied, and there is no ID token in {name}.")
    return found


def require_permitted(actual: Actual, owner: str, flow: str, root: Path) -> None:
    """Raises `Refused` G150 where somebody may not export a flow on demand, G151."""
    from reconciler.errors import Refused

    access = Access.of(owner, actual)
    if access is None:
        return
    refusal = access.export(actual.flows[flow], require_principal(access, root))
    if refusal is not None:
        raise Refused(refusal.code, "not permitted", refusal.sentence)
