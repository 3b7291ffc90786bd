"""From a destination's declaration to what encrypts its files: keys are read and judged here, late."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from reconciler.accounts.secrets import Secret
from reconciler.destinations.base import FileSink
from reconciler.destinations.sealing import Sealing
from reconciler.encryption.sink import PgpSink
from reconciler.errors import MissingExtra
from reconciler.resources.effective import EffectiveDestination
from reconciler.resources.secrets import SecretRef
from reconciler.values.sealed import Sealed


class PgpSealing:
    """See `Sealing`."""

    def __init__(
        self, sealed: Sealed, certificates: list[bytes], key: Secret | None, passphrase: Secret | None
    ) -> None:
        self._sealed = sealed
        self._certificates, self._key, self._passphrase = certificates, key, passphrase

    @property
    def sealed(self) -> Sealed:
        """Fingerprints."""
        return self._sealed

    def seal(self, sink: FileSink) -> FileSink:
        """A process of its own for each file."""
        told = {
            "recipients": [each.hex() for each in self._certificates],
            "sign": self._key.reveal() if self._key else None,
            "passphrase": self._passphrase.reveal() if self._passphrase else None,
        }
        try:
            return PgpSink(sink, json.dumps(told).encode())
        except BaseException:
            sink.abort()
            raise


def open_sealing(
    destination: EffectiveDestination, *, root: Path, resolve: Callable[[SecretRef], Secret], now: datetime
) -> Sealing | None:
    """What encrypts for a destination; None where nothing does. `root`: the project. `now`: aware.

    Raises `AccountError` A155 to A157 and those of secrets, `MissingExtra`.
    """
    encryption = destination.spec.encryption
    if encryption is None:
        return None
    try:
        from reconciler.encryption import keys
    except ImportError as error:
        raise MissingExtra("pgp", f"encrypting for destination {destination.name}") from error
    applied = destination.recipient_keys or ()
    certificates = [
        keys.certificate(root, recipient.from_file, fingerprint, now)
        for recipient, fingerprint in zip(encryption.recipients, applied, strict=True)
    ]
    key = resolve(encryption.sign) if encryption.sign else None
    passphrase = resolve(encryption.sign_passphrase) if encryption.sign_passphrase else None
    signer = keys.check_signer(key, passphrase, now) if key else None
    return PgpSealing(Sealed(type="pgp", recipients=applied, signed_by=signer), certificates, key, passphrase)
