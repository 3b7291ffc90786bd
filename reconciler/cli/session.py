"""The composition root: from a valid project to its ledger and to what runs need. Everything heavy is imported when it is used."""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reconciler.errors import UsageError
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession
    from reconciler.apply.context import Context
    from reconciler.config.desired import Desired
    from reconciler.export.job import Progress
    from reconciler.ledger.records import Applied
    from reconciler.resources.account import AccountSpec
    from reconciler.stores.ledger import Ledger

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_run_id() -> str:
    """`r` and sixteen random letters and digits."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def moment(text: str | None, *, simulated: bool) -> datetime:
    """The time that a command acts at: now, or `--at`. Ahead of the clock only on a simulated ledger."""
    now = datetime.now(UTC)
    if text is None:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise UsageError("U101", "not a time", "--at takes a time with its zone, such as 2026-12-01T02:00Z.")
    if at > now and not simulated:
        raise UsageError(
            "U102", "ahead of the clock", "--at lies in the future: that is for plan, and for a simulated ledger only."
        )
    return at.astimezone(UTC)


def removals(text: str | None) -> int | Literal["all"] | None:
    """`--allow-removals`. Raises UsageError."""
    if text is None:
        return None
    if text == "all":
        return "all"
    if not text.isdecimal():
        raise UsageError("U103", "not a number of removals", "--allow-removals takes a number, or all.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Session:
    """A project's ledger, and what performs changes on it."""

    desired: Desired
    root: Path

    def ledger(self) -> Ledger:
        """The ledger's documents; nothing is touched yet."""
        from reconciler.stores.ledger import Ledger
        from reconciler.stores.open import open_store

        spec = self.desired.project.spec.ledger
        account = self.desired.accounts[spec.account].spec if spec.account else None
        store = open_store(spec.url, root=self.root, session=lambda: self._session(account))
        return Ledger(store, lambda: secrets.token_hex(16), time.sleep)

    def context(
        self,
        ledger: Ledger,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> Context:
        """What a run needs. Raises `MissingExtra` where the engine isn't installed."""
        from reconciler.accounts.secrets import SecretSource
        from reconciler.apply.context import Context
        from reconciler.datasets.open import open_dataset
        from reconciler.destinations.open import open_destination
        from reconciler.errors import MissingExtra

        try:
            from reconciler.export.polars_engine import PolarsEngine
        except ImportError as error:
            raise MissingExtra("export", "exporting") from error

        return Context(
            ledger=ledger,
            open_destination=lambda to: open_destination(to, root=self.root, session=lambda: self._session(to.account)),
            open_files=lambda source: open_dataset(
                source.dataset_spec, root=self.root, session=lambda: self._session(source.account)
            ),
            engine=PolarsEngine(SecretSource(self.root, os.environ).resolve),
            clock=lambda: datetime.now(UTC),
            run_id=new_run_id,
            holder=secrets.token_hex(8),
            tool=__version__,
            stop=stop,
            progress=progress,
        )

    def applied(self, at: datetime) -> Applied:
        """Who applies what, now. `by`: RECONCILER_ACTOR, or the operating system's user."""
        from reconciler.config.revision import commit_time, head
        from reconciler.ledger.records import Applied

        return Applied(
            at=at,
            by=os.environ.get("RECONCILER_ACTOR") or _user(),
            revision=head(self.root),
            committed_at=commit_time(self.root),
        )

    def _session(self, account: AccountSpec | None) -> AwsSession:
        from reconciler.accounts.aws import AwsSession, ambient_session
        from reconciler.accounts.secrets import SecretSource

        source = SecretSource(self.root, os.environ)
        return ambient_session(source) if account is None else AwsSession(account, source)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
