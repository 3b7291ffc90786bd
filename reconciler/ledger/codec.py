"""Documents to bytes and back. A torn document and one of a newer version are refused by name, never guessed at."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import ValidationError

from reconciler.errors import StoreError
from reconciler.ledger.records import FORMAT_VERSION, Document

D = TypeVar("D", bound=Document)


def encode(document: Document) -> bytes:
    """Compact JSON in UTF-8 with sorted keys."""
    return json.dumps(document.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def decode(kind: type[D], key: str, body: bytes) -> D:
    """The document in `body`. Raises `StoreError`: L110 torn or damaged, L111 written by a newer version."""
    try:
        data = json.loads(body)
        version = data["schemaVersion"]
        newer = not isinstance(version, int) or version > FORMAT_VERSION
    except (ValueError, KeyError, TypeError) as error:
        raise torn(key) from error
    if newer:
        raise StoreError(
            "L111",
            "a ledger document is from a newer version",
            f"{key} has schema version {version!r}; this version reads up to {FORMAT_VERSION}. Upgrade reconciler; nothing was changed.",
        )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise torn(key) from error


def torn(key: str) -> StoreError:
    """The error for a document that can't be read as what it must be."""
    return StoreError(
        "L110",
        "a ledger document is damaged",
        f"{key} is not a whole document. Nothing was changed. Restore it from a backup (reconcile ledger import) or from the store's "
        "object versions.",
    )
