"""`account login`: which account, and whether somebody can log in to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.diagnostics import did_you_mean
from reconciler.errors import UsageError
from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec
from reconciler.resources.secrets import FromFile

if TYPE_CHECKING:
    from reconciler.api.wiring import Wiring
    from reconciler.config.desired import Desired


def log_in(wiring: Wiring, desired: Desired, name: str, show: Callable[[str], None], wait: float) -> Path:
    """See `Project.log_in`."""
    account = desired.accounts.get(name)
    if account is None:
        raise _no_login(f"There is no Account {name}.{did_you_mean(name, desired.accounts)}")
    spec = account.spec
    if not isinstance(spec, Oauth2AccountSpec):
        raise _no_login(f"Account {name} is of type {spec.type}.")
    if spec.authorization_url is None:
        raise _no_login(f"Account {name} has no authorizationUrl.")
    if not isinstance(spec.refresh_token, FromFile):
        raise _no_login(f"The refreshToken of Account {name} isn't a file that could be written: {{fromFile: PATH}}.")
    return wiring.sessions.log_in(spec, show, wait)


def _no_login(detail: str) -> UsageError:
    return UsageError("U116", "nobody can log in to this account", detail)
