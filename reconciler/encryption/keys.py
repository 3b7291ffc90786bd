"""Keys for use: the applied ones, and none that has expired, was revoked, is too weak, or can't do what it is for.

What is weak is Sequoia's judgement (RSA below 2048 bits, SHA-1 and the like); it doesn't look at expiry when it encrypts, so that is
looked at here, and keys of a recipient that have ended are taken out before it chooses one.
"""

from __future__ import annotations

import hashlib
import secrets
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pysequoia
from pysequoia.packet import Packet, PacketPile, SignatureType, Tag

from reconciler.accounts.secrets import Secret
from reconciler.config.files import Directory
from reconciler.config.openpgp import fingerprint_in
from reconciler.encryption.errors import key_failure, reason

_opened: set[bytes] = set()
"""Private keys that this process has opened: a passphrase takes about a second each time, on purpose, and a run has many flows."""
_HERE: Final = secrets.token_bytes(32)


def certificate(root: Path, name: str, applied: str, now: datetime) -> bytes:
    """A recipient's public key, as bytes that hold only what may be encrypted for. `applied`: its fingerprint as the plan showed it.

    Raises `AccountError` A155, A157.
    """
    try:
        content = _content(root, name)
        found = fingerprint_in(content)
    except ValueError as error:
        raise key_failure("A155", f"{name}: {error}") from None
    if found != applied:
        raise key_failure(
            "A157", f"{name} holds key {found}, and applied was {applied}. Plan and apply, if that is meant."
        )
    try:
        (whole,) = pysequoia.Cert.split_bytes(content)
        if (why := _ended(whole, now)) is not None:
            raise key_failure("A155", f"{name}: key {found} {why}.")
        usable = pysequoia.Cert.from_packets(list(_alive(whole, now)))
        pysequoia.encrypt(b"", recipients=[usable], armor=False)
    except (RuntimeError, ValueError) as error:
        raise key_failure(
            "A155", f"{name}: key {found}: {reason(error)}. Expired and revoked keys aren't encrypted for."
        ) from None
    return bytes(usable)


def check_signer(text: Secret, passphrase: Secret | None, now: datetime) -> str:
    """The fingerprint of a private key that can sign. Raises `AccountError` A156, which says nothing of what the key holds."""
    try:
        content = text.reveal().encode()
        if all(each.tag != Tag.SecretKey for each in PacketPile.from_bytes(content)):
            raise ValueError("no private key")
        key = pysequoia.Tsk.from_bytes(content)
        public = key.extract_certificate()
        why = _ended(public, now)
    except (RuntimeError, ValueError):
        raise key_failure("A156", "It isn't an OpenPGP private key that Sequoia thinks safe.") from None
    found = public.fingerprint.upper()
    if why is not None:
        raise key_failure("A156", f"Key {found} {why}.")
    opened = _digest(text, passphrase)
    try:
        if opened not in _opened:
            pysequoia.sign(key.signer(passphrase.reveal() if passphrase else None), b"")
    except (RuntimeError, ValueError):
        told = "signPassphrase doesn't open it" if passphrase else "it is locked, and signPassphrase isn't declared"
        raise key_failure("A156", f"Key {found} can't sign: {told}, or it has no part for signing.") from None
    _opened.add(opened)
    return found


def _digest(text: Secret, passphrase: Secret | None) -> bytes:
    """Under a key that no other process has."""
    parts = [text.reveal(), passphrase.reveal() if passphrase else ""]
    return hashlib.blake2b("\0".join(parts).encode(), key=_HERE).digest()


def _content(root: Path, name: str) -> bytes:
    """Read when it is used, from inside the project alone. Raises ValueError: why it can't be."""
    content = Directory(root).attached(name)
    if not isinstance(content, bytes):
        raise ValueError(f"{content.detail} Put the key's file back.")
    return content


def _ended(key: pysequoia.Cert, now: datetime) -> str | None:
    """Why a whole key isn't used any more, as it says itself."""
    if key.is_revoked:
        return "was revoked"
    if key.expiration is not None and key.expiration <= now:
        return f"expired on {key.expiration:%Y-%m-%d}"
    return None


def _alive(key: pysequoia.Cert, now: datetime) -> Iterator[Packet]:
    """A key's packets without subkeys that have expired or were revoked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        packets = list(PacketPile.from_bytes(bytes(key)))
    groups: list[list[Packet]] = [[]]
    for packet in packets:
        if packet.tag == Tag.PublicSubkey:
            groups.append([])
        groups[-1].append(packet)
    yield from groups[0]
    for group in groups[1:]:
        if _lasts(group, now):
            yield from group


def _lasts(subkey: list[Packet], now: datetime) -> bool:
    """By its newest binding. Sequoia verifies that this is the key's owner's own."""
    signatures = [each for each in subkey[1:] if each.tag == Tag.Signature]
    if any(each.signature_type == SignatureType.SubkeyRevocation for each in signatures):
        return False
    bindings = [each for each in signatures if each.signature_type == SignatureType.SubkeyBinding]
    newest = max(bindings, key=lambda each: each.signature_created or datetime.min.replace(tzinfo=UTC), default=None)
    created = subkey[0].key_created
    if newest is None or created is None or newest.key_validity_period is None:
        return newest is not None
    return created + newest.key_validity_period > now
