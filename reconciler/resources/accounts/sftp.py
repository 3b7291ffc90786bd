"""`type: sftp`: a user of servers that are reached by SSH."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import SecretRef


class SftpAccountSpec(AccountSpec):
    """A user with a private key, a password, or both where the server wants both. `key`: as ssh-keygen writes it."""

    type: Literal["sftp"]
    user: Annotated[
        str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", description="Who signs in.")
    ]
    key: Annotated[SecretRef | None, Field(description="A private key: Ed25519, ECDSA or RSA.")] = None
    key_passphrase: Annotated[SecretRef | None, Field(description="Of `key`, where it has one.")] = None
    password: Annotated[SecretRef | None, Field(description="After the key, where the server wants both.")] = None

    @property
    def realm(self) -> str:
        """The user: each may see another tree."""
        return self.user

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """No way to sign in, or a passphrase for nothing."""
        if self.key is None and self.password is None:
            yield (), "There is no way to sign in. Add key or password, each as a reference to a secret."
        if self.key is None and self.key_passphrase is not None:
            yield ("keyPassphrase",), "There is no key that it could be the passphrase of. Add key, or remove it."
