"""What keeps a snapshot from telling who is in it: keys made of the flow's salt and, where there is one, a declared secret."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from reconciler.accounts.secrets import Secret
from reconciler.errors import AccountError

_SHORTEST = 16


@dataclass(frozen=True, slots=True)
class DiffKeys:
    """`digest`: what the texts of keys begin with when they are hashed, 128 bits as text. `seal`: 32 bytes, encrypts exported keys; None
    without a secret. `check`: hex; tells one secret from another and nothing else of it."""

    digest: str = field(repr=False)
    seal: bytes | None = field(repr=False)
    check: str


def diff_keys(salt: str, secret: Secret | None) -> DiffKeys:
    """`salt`: 32 bytes in hex. Raises `AccountError` A107: the secret is too short."""
    text = b""
    if secret is not None:
        text = secret.reveal().encode()
        if len(text) < _SHORTEST:
            raise AccountError("A107", "a key is too short", f"changes.secret has at least {_SHORTEST} characters.")
    root = hashlib.blake2b(bytes.fromhex(salt), key=hashlib.sha512(text).digest() if text else b"").digest()

    def derived(use: bytes, size: int = 32) -> bytes:
        return hashlib.blake2b(root, digest_size=size, person=use).digest()

    return DiffKeys(
        digest=base64.b64encode(derived(b"key digests", 16)).decode().rstrip("="),
        seal=derived(b"exported keys") if text else None,
        check=derived(b"check", 16).hex(),
    )
