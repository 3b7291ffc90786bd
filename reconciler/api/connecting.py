"""`validate --connect`: everything that is declared and lies elsewhere is tried once, several at a time, and each finding has its place in
the configuration.

Destinations and ledger are written to, and what is written is removed. A destination that another ledger owns isn't touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from reconciler.accounts.sessions import Session, SignsIn
from reconciler.api.acting import lineage_of, of_environment
from reconciler.config.files import PROJECT_FILES
from reconciler.config.parse import Path
from reconciler.datasets.trying import try_reading
from reconciler.destinations.lacking import naming_all
from reconciler.destinations.names import refuse_other_owner
from reconciler.destinations.trying import try_out
from reconciler.diagnostics import Diagnostic, Source, diagnose
from reconciler.errors import AccountError, DestinationError, MissingExtra, ReconcilerError, StoreError, unexpected
from reconciler.present.connected import Tried
from reconciler.resources.alert import CloudEventsChannelSpec
from reconciler.resources.secrets import SecretRef, references
from reconciler.stores.open import ledger_folder
from reconciler.stores.parallel import in_parallel

if TYPE_CHECKING:
    from reconciler.api.wiring import Wiring
    from reconciler.config.desired import Desired
    from reconciler.destinations.base import Destination
    from reconciler.ledger.records import Actual
    from reconciler.resources.accounts.base import AccountSpec
    from reconciler.resources.alert import AlertChannelSpec
    from reconciler.resources.dataset import DatasetSpec
    from reconciler.resources.effective import EffectiveDestination

_AT_ONCE: Final = 8
_SESSIONS: Final = {
    "aws": ("reconciler.accounts.aws", "AwsSession", "s3"),
    "azure": ("reconciler.accounts.azure", "AzureSession", "azure"),
    "gcp": ("reconciler.accounts.gcp", "GcpSession", "gcs"),
    "oauth2": ("reconciler.accounts.oauth2", "BearerSession", "oauth"),
}
"""Of types of account that sign in without a place to go to: module, class, extra."""

_OTHER_SERVER: Final = "A152"
"""Whose host key isn't the pinned one, which stands in the connection."""

Steps = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """`tried`: what worked. `findings`: what didn't, all of them errors. Both sorted."""

    tried: tuple[Tried, ...]
    findings: tuple[Diagnostic, ...]


def connect(wiring: Wiring, desired: Desired, now: datetime) -> Connected:
    """Tries it all. `now`: aware. What fails is a finding, and the rest goes on."""
    tries = _Tries(wiring, desired, now)
    missing = [each for each in map(_done, tries.secrets()) if isinstance(each, Diagnostic)]
    ledger = _done(tries.ledger())
    outcomes = [ledger, *in_parallel(_done, list(tries.rest(isinstance(ledger, Tried))), _AT_ONCE)]
    # A secret that isn't there stops whatever needs it, and is told where it is named.
    told = {(each.code, each.detail) for each in missing}
    failed = [each for each in outcomes if isinstance(each, Diagnostic) and (each.code, each.detail) not in told]
    return Connected(
        tuple(sorted(each for each in outcomes if isinstance(each, Tried))), tuple(sorted({*missing, *failed}))
    )


@dataclass(frozen=True, slots=True)
class _Try:
    """One thing to try: `does` says its steps, or raises. `sign_in`: where an `AccountError` belongs; `place`: any other error."""

    kind: str
    name: str
    subject: str
    sign_in: Source
    place: Source
    does: Callable[[], Steps]


def _done(what: _Try) -> Tried | Diagnostic:
    try:
        return Tried(what.kind, what.name, what.does())
    except ReconcilerError as error:
        failed = error
    except Exception as error:
        failed = unexpected(error)
    about_keys = isinstance(failed, AccountError) and failed.code != _OTHER_SERVER
    place = what.sign_in if about_keys else what.place
    return diagnose(failed.code, place, failed.detail or f"{failed.summary}.", subject=what.subject)


@dataclass(frozen=True, slots=True)
class _Tries:
    """What there is to try of a configuration."""

    wiring: Wiring
    desired: Desired
    now: datetime

    def secrets(self) -> Iterator[_Try]:
        """Every secret that is named. Public keys aren't secret; who plans proves who they are when they do."""
        kinds: Mapping[str, Mapping[str, Any]] = {
            "Project": {self.desired.project.metadata.name: self.desired.project},
            "Account": self.desired.accounts,
            "Destination": self.desired.destinations,
            "Dataset": self.desired.datasets,
            "Suppression": self.desired.suppressions,
            "Activation": self.desired.activations,
            "AlertChannel": self.desired.alert_channels,
        }
        for kind, resources in kinds.items():
            for name, resource in resources.items():
                for path, ref in references(resource.spec):
                    if "recipients" not in path and path[:1] != ("identity",):
                        does = self._login if kind == "Account" and path == ("refreshToken",) else self._secret
                        yield self._try("secret", kind, name, partial(does, ref), path, path)

    def ledger(self) -> _Try:
        """Read, and written to."""
        name = self.desired.project.metadata.name
        return self._try("ledger", "Project", name, self._ledger, ("ledger", "account"), ("ledger", "url"))

    def rest(self, ledger: bool) -> Iterator[_Try]:
        """`ledger`: whether it could be read."""
        for name, account in self.desired.accounts.items():
            if account.spec.type in _SESSIONS:
                yield self._try("account", "Account", name, partial(self._account, account.spec), (), ())
        actual = self.wiring.ledger().actual() if ledger else None
        for name, destination in self.desired.destination_specs.items():
            writes = partial(self._destination, destination, actual)
            yield self._try("destination", "Destination", name, writes, ("account",), ("connection",))
        for name, dataset in self.desired.datasets.items():
            reads = partial(self._dataset, dataset.spec)
            yield self._try("dataset", "Dataset", name, reads, ("account",), ("location",))
        for name, channel in self.desired.alert_channels.items():
            checks = partial(self._channel, channel.spec)
            yield self._try("alert channel", "AlertChannel", name, checks, (), ("url",))

    def _try(self, what: str, kind: str, name: str, does: Callable[[], Steps], sign_in: Path, place: Path) -> _Try:
        document = self.desired.documents.get((kind, name))

        def at(path: Path) -> Source:
            return document.at(("spec", *path)) if document is not None else Source(PROJECT_FILES[0])

        return _Try(what, name, f"{kind}/{name}", at(sign_in), at(place), does)

    def _secret(self, ref: SecretRef) -> Steps:
        self.wiring.sessions.secret(ref)
        return ()

    def _login(self, ref: SecretRef) -> Steps:
        self.wiring.sessions.login(ref)
        return ()

    def _ledger(self) -> Steps:
        folder = ledger_folder(self.wiring.place.spec.url, self.wiring.root)
        if folder is not None and not folder.exists():
            above = next(each for each in folder.parents if each.exists())
            if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
                raise StoreError("L137", "the ledger's folder can't be used", f"{folder} can't be made in {above}.")
            return ("isn't there, and can be made",)
        ledger = self.wiring.ledger()
        of_environment(ledger.actual(), self.wiring.place.environment)
        ledger.store.probe()
        return "read", "wrote, replaced and removed a probe"

    def _account(self, spec: AccountSpec) -> Steps:
        module, name, extra = _SESSIONS[spec.type]
        try:
            kind: type[Session] = getattr(import_module(module), name)
        except ImportError as error:
            raise MissingExtra(extra, f"an account of type {spec.type}") from error
        session = self.wiring.sessions.of(spec, kind)
        return (session.sign_in(),) if isinstance(session, SignsIn) else ()

    def _destination(self, declared: EffectiveDestination, actual: Actual | None) -> Steps:
        """`actual`: None where the ledger can't be read."""
        self.wiring.sealing(declared)
        destination = self.wiring.destination(declared)
        marker = _owner(destination, applied=actual is not None and declared.name in actual.destinations)
        if marker is not None and actual is None:
            return ("reached", "not written to, since the ledger can't tell whether it is ours")
        if marker is not None and actual is not None:
            refuse_other_owner(marker, lineage_of(actual) or "still to be made", destination.location())
        return try_out(destination).steps

    def _channel(self, spec: AlertChannelSpec) -> Steps:
        name = spec.account if isinstance(spec, CloudEventsChannelSpec) else None
        account = self.desired.accounts[name].spec if name is not None else None
        return (self.wiring.channel(spec, account).check(),)

    def _dataset(self, spec: DatasetSpec) -> Steps:
        name = spec.account
        account = self.desired.accounts[name].spec if name is not None else None
        found = try_reading(spec, self.now, root=self.wiring.root, session=lambda: self.wiring.sessions.aws(account))
        return f"listed {found:,} file{'' if found == 1 else 's'}", "read one"


def _owner(destination: Destination, *, applied: bool) -> str | None:
    """The marker's lineage. `applied`: before that, an apply makes a folder that isn't there; afterwards one that vanished is a finding."""
    if not destination.capabilities.readable:
        return None
    try:
        return destination.owner()
    except DestinationError as error:
        if applied or error.code != "D102":
            raise naming_all(destination, error) from error
        return None
