"""One session per account for all that is opened with it: clients, connections and assumed roles are dear to make."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.accounts.secrets import SecretSource

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession
    from reconciler.resources.account import AccountSpec

SHARED: Final = 600.0
"""Seconds after which what is opened gets a new session, so that keys that were rotated meanwhile are picked up."""


class AwsSessions:
    """Sessions by account. Threads may share it. Whoever has a session keeps it: assumed roles renew themselves in it."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._secrets = SecretSource(root, os.environ)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[AccountSpec | None, tuple[float, AwsSession]] = {}

    def of(self, account: AccountSpec | None) -> AwsSession:
        """The session of an account; None: of what the environment gives. Touches nothing yet."""
        from reconciler.accounts.aws import AwsSession, ambient_session

        with self._lock:
            made, session = self._known.get(account, (float("-inf"), None))
            if session is None or self._clock() - made >= SHARED:
                session = ambient_session(self._secrets) if account is None else AwsSession(account, self._secrets)
                self._known[account] = self._clock(), session
            return session
