"""`encryption` of destinations: whose keys they are. The files are read here for their fingerprints alone, from inside the project."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.config.files import Origin
from reconciler.config.index import Entry, Index
from reconciler.config.openpgp import fingerprint_in
from reconciler.config.parse import Path
from reconciler.resources.encryption import PgpEncryption
from reconciler.resources.resource import Destination

Keys = Mapping[str, tuple[str, ...]]
"""By destination, the fingerprints of those who can read its files, in the order in which they are declared."""


def recipient_keys(index: Index, origin: Origin | None) -> Keys:
    """Reports D160 what can't be a recipient's key. `origin`: where the project's files are; None: there are none."""
    found: dict[str, tuple[str, ...]] = {}
    for entry, destination in index.all(Destination):
        encryption = destination.spec.encryption
        if encryption is None:
            continue
        if (wrong := encryption.problems()) is not None:
            index.report("C109", entry, ("spec", "encryption", "signPassphrase"), wrong, key=True)
        found[entry.name] = tuple(_fingerprints(index, entry, encryption, origin))
    return found


def _fingerprints(index: Index, entry: Entry, encryption: PgpEncryption, origin: Origin | None) -> list[str]:
    fingerprints: list[str] = []
    for at, recipient in enumerate(encryption.recipients):
        path: Path = ("spec", "encryption", "recipients", at, "fromFile")
        try:
            fingerprint = fingerprint_in(_content(recipient.from_file, origin))
        except ValueError as error:
            index.report("D160", entry, path, f"{recipient.from_file}: {error}")
            continue
        if fingerprint in fingerprints:
            index.report("D160", entry, path, f"{recipient.from_file}: Key {fingerprint} is named twice. Remove one.")
        fingerprints.append(fingerprint)
    return fingerprints


def _content(name: str, origin: Origin | None) -> bytes:
    """Raises ValueError: why it can't be read."""
    if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")) or "\\" in name:
        raise ValueError(
            "A recipient's key is a file of the project, so that it is reviewed: write its plain relative path."
        )
    if origin is None:
        raise ValueError("There is no project that it could be a file of.")
    content = origin.attached(name)
    if not isinstance(content, bytes):
        raise ValueError(content.detail)
    return content
