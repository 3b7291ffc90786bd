"""How files are encrypted before they leave, for whom, and who signs them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.secrets import FromFile, SecretRef
from reconciler.values.base import Value


class PgpEncryption(Value):
    """OpenPGP. `recipients`: files of the project, each with one public key; any of them can read. `sign`: an armoured private key."""

    type: Literal["pgp"]
    recipients: Annotated[
        tuple[FromFile, ...],
        Field(
            min_length=1,
            max_length=16,
            description="Files of the project, each with one public key: any of them can read.",
        ),
    ]
    sign: Annotated[SecretRef | None, Field(description="A private key in ASCII armour.")] = None
    sign_passphrase: Annotated[SecretRef | None, Field(description="Of `sign`, where it has one.")] = None
    extension: Annotated[Literal["pgp", "gpg"], Field(description="What the files' names end with.")] = "pgp"

    def problems(self) -> str | None:
        """What is wrong beyond the schema, with the mend."""
        if self.sign is None and self.sign_passphrase is not None:
            return "There is no key that signPassphrase could be the passphrase of. Add sign, or remove it."
        return None
