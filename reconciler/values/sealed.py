"""For whom files were encrypted."""

from __future__ import annotations

from typing import Literal

from reconciler.values.base import Value


class Sealed(Value):
    """For whom a run's files were encrypted, as fingerprints of keys. `signed_by`: whose signature is in them."""

    type: Literal["pgp"]
    recipients: tuple[str, ...]
    signed_by: str | None = None
