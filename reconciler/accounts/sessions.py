"""One session per account for all that is opened with it: clients, connections and assumed roles are dear to make."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar, runtime_checkable

from reconciler.accounts.secrets import Secret, SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.effective import fingerprint
from reconciler.resources.secrets import SecretRef

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession

SHARED: Final = 600.0
"""Seconds after which what is opened gets a new session, so that keys that were rotated meanwhile are picked up."""


class Session(Protocol):
    """What one account gives access to. Made from the account's `spec` and a resolver for its secrets, and touches nothing until it is
    used. `signs_in_with`: the account's model. Threads share it."""

    signs_in_with: ClassVar[type[AccountSpec]]

    def __init__(self, spec: Any, secrets: SecretSource, /) -> None: ...


@runtime_checkable
class SignsIn(Protocol):
    """A session that can sign in by itself, without a place to go to."""

    def sign_in(self) -> str:
        """Gets credentials, and says how. Raises `AccountError`."""
        ...


S = TypeVar("S", bound=Session)


class Sessions:
    """Sessions by account, of whatever type. Threads may share it. Whoever has a session keeps it: what expires renews itself in it."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._secrets = SecretSource(root, os.environ)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[type[Session], str], tuple[float, Any]] = {}

    def of(self, account: AccountSpec | None, kind: type[S]) -> S:
        """The session of an account. Touches nothing yet. Raises `AccountError` A140 for an account of another type, or none."""
        if not isinstance(account, kind.signs_in_with):
            found = f"an account of type {account.type}" if account is not None else "no account"
            detail = f"A {kind.__name__} signs in with {kind.signs_in_with.__name__}, and there is {found}."
            raise AccountError("A140", "the account is of another type", detail)
        key = (kind, fingerprint(account))
        with self._lock:
            made, session = self._known.get(key, (float("-inf"), None))
            if session is None or self._clock() - made >= SHARED:
                session = kind(account, self._secrets)
                self._known[key] = self._clock(), session
            found_session: S = session
            return found_session

    def aws(self, account: AccountSpec | None) -> AwsSession:
        """The session of an AWS account; None: of what the environment gives."""
        from reconciler.accounts.aws import AMBIENT, AwsSession

        return self.of(AMBIENT if account is None else account, AwsSession)

    def bearer(self, account: AccountSpec) -> Secret:
        """An access token of an `oauth2` account. Raises `AccountError`, `MissingExtra`."""
        from reconciler.accounts.oauth2 import BearerSession

        return self.of(account, BearerSession).bearer()

    def log_in(self, account: AccountSpec, show: Callable[[str], None], wait: float) -> Path:
        """Has somebody log in, and keeps the refresh token; returns the file that it is in. `show`: gets the URL to open; `wait`: seconds.
        Raises `AccountError`, `MissingExtra`."""
        from reconciler.accounts.oauth2 import keep
        from reconciler.accounts.oauth2_login import log_in
        from reconciler.resources.accounts.oauth2 import Oauth2AccountSpec

        assert isinstance(account, Oauth2AccountSpec)
        assert account.refresh_token is not None
        return keep(self._secrets, account.refresh_token, log_in(account, self._secrets, show, wait).reveal())

    def login(self, ref: SecretRef) -> Secret:
        """The refresh token that a login left. Raises `AccountError`."""
        from reconciler.accounts.oauth2 import login

        return login(self._secrets, ref)

    def secret(self, ref: SecretRef) -> Secret:
        """A secret that a declaration refers to. Raises `AccountError`."""
        return self._secrets.resolve(ref)
