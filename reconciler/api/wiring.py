"""The composition root: builds stores, destinations, datasets, engine, clock and credentials. Everything heavy is imported when used.

Needs to know where the ledger is and nothing else of the configuration: what runs need is recorded there.
"""

from __future__ import annotations

import getpass
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.accounts.sessions import Sessions
from reconciler.api.hooks import Hooks
from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.alerts.base import Channel
    from reconciler.api.telling import Telling
    from reconciler.apply.context import Context
    from reconciler.config.project import LedgerPlace
    from reconciler.datasets.base import Files
    from reconciler.destinations.base import Destination
    from reconciler.destinations.sealing import Sealing
    from reconciler.export.job import Engine
    from reconciler.ledger.records import Applied
    from reconciler.resources.accounts.base import AccountSpec
    from reconciler.resources.alert import AlertChannelSpec
    from reconciler.resources.effective import EffectiveDestination, EffectiveSource
    from reconciler.resources.exclusions import EffectiveSuppression
    from reconciler.stores.ledger import Ledger

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def clock() -> datetime:
    """Now, aware, UTC."""
    return datetime.now(UTC)


def new_run_id() -> str:
    """`r` and sixteen random letters and digits."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(16))


def new_lineage() -> str:
    """What tells a ledger from all others."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Wiring:
    """One project directory and its ledger's place. Opening anything touches nothing yet; credentials are resolved on first use."""

    root: Path
    place: LedgerPlace
    sessions: Sessions = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sessions", Sessions(self.root))

    def ledger(self) -> Ledger:
        """The ledger's documents. Raises `StoreError` L141, `MissingExtra`, `AccountError`."""
        from reconciler.cache.folder import NO_CACHE, Cache
        from reconciler.catalog.s3 import SseKms
        from reconciler.stores.ledger import Ledger
        from reconciler.stores.open import ledger_folder, open_ledger

        store = open_ledger(self.place.spec, self.place.account, root=self.root, session=self.sessions.aws)
        # A folder is read as fast as a cache of it, and what has a key of its own isn't left on a disk without it.
        spec = self.place.spec
        kept = ledger_folder(spec.url, self.root) is None and not isinstance(spec.encryption, SseKms)
        cache = Cache.of_user(os.environ) if kept else NO_CACHE
        return Ledger(store, lambda: secrets.token_hex(16), time.sleep, cache)

    def destination(self, destination: EffectiveDestination) -> Destination:
        """The connection to a destination, as it was claimed."""
        from reconciler.destinations.open import open_destination

        return open_destination(destination, root=self.root, accounts=self.sessions)

    def files(self, source: EffectiveSource | EffectiveSuppression) -> Files:
        """A dataset's files."""
        from reconciler.datasets.open import open_dataset

        return open_dataset(source.dataset_spec, root=self.root, session=lambda: self.sessions.aws(source.account))

    def channel(self, spec: AlertChannelSpec, account: AccountSpec | None) -> Channel:
        """Where alerts go. `account`: what it signs in with, if anything."""
        from reconciler.alerts.open import open_channel

        token = None if account is None else lambda: self.sessions.bearer(account)
        return open_channel(spec, root=self.root, resolve=self.sessions.secret, token=token)

    def sealing(self, destination: EffectiveDestination) -> Sealing | None:
        """What encrypts for a destination; None where nothing does."""
        from reconciler.encryption.sealing import open_sealing

        return open_sealing(destination, root=self.root, resolve=self.sessions.secret, now=clock())

    def context(self, ledger: Ledger, hooks: Hooks) -> Context:
        """What a run needs. What is completed for another runner is told. Raises `MissingExtra` where the engine isn't installed."""
        from reconciler.api.runs import Exported
        from reconciler.apply.context import Context

        return Context(
            ledger=ledger,
            open_destination=self.destination,
            open_files=self.files,
            engine=self._engine(),
            open_sealing=self.sealing,
            clock=clock,
            run_id=new_run_id,
            holder=secrets.token_hex(8),
            tool=__version__,
            began=clock(),
            stop=hooks.stop,
            progress=hooks.progress,
            completed=lambda run: hooks.told(Exported(run.flow, run, completed=True)),
        )

    @contextmanager
    def telling(self, ledger: Ledger, lineage: str, hooks: Hooks, now: datetime) -> Iterator[Telling]:
        """Who tells others of what happens at `now`, for as long as it is entered."""
        from reconciler.api.alerting import Alerts
        from reconciler.api.sending import Sender
        from reconciler.api.telling import Telling
        from reconciler.api.tracing import traced

        sender = Sender(
            ledger,
            environment=self.place.environment,
            open_channel=lambda alert: self.channel(alert.channel, alert.account),
            holder=secrets.token_hex(8),
            wall=clock,
            now=now,
            tell=hooks.told,
        )
        alerts = Alerts(ledger, lineage, now, sender, hooks.told)
        declared = self.place.metrics.open_telemetry
        with traced(declared, os.environ, self.place.project, self.sessions.secret, hooks.told) as spans, alerts:
            yield Telling(alerts, spans)

    def applied(self, at: datetime) -> Applied:
        """Who applies what at `at`. `by`: RECONCILER_ACTOR, or the operating system's user."""
        from reconciler.config.revision import commit_time, head
        from reconciler.ledger.records import Applied

        return Applied(
            at=at,
            by=os.environ.get("RECONCILER_ACTOR") or _user(),
            revision=head(self.root),
            committed_at=commit_time(self.root),
        )

    def limit_threads(self) -> None:
        """Says how many threads Polars is to make. It asks once, when it is loaded: before that, or in vain."""
        if self.place.engine.threads != "auto":
            os.environ["POLARS_MAX_THREADS"] = str(self.place.engine.threads)

    def _engine(self) -> Engine:
        from reconciler.errors import MissingExtra
        from reconciler.export.budget import Budget

        spec = self.place.engine
        self.limit_threads()
        try:
            from reconciler.export.together import SharingPolarsEngine
        except ImportError as error:
            raise MissingExtra("export", "exporting") from error
        budget = Budget(spec.bytes, None if spec.threads == "auto" else spec.threads)
        return SharingPolarsEngine(self.sessions.secret, budget)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
