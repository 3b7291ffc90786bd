"""Documents to bytes and back. A torn document and one of a newer version are refused by name, never guessed at."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TypeVar

from reconciler.errors import StoreError
from reconciler.ledger import keys
from reconciler.ledger.records import (
    FORMAT_VERSION,
    DestinationRecord,
    Document,
    FlowHead,
    ProjectRecord,
    RunRecord,
    StagedRecord,
)

D = TypeVar("D", bound=Document)
_OURS = re.compile(rb'"schemaVersion":%d[,}]' % FORMAT_VERSION)
"""As `encode` writes it."""


def encode(document: Document) -> bytes:
    """Compact JSON in UTF-8 with sorted keys."""
    return json.dumps(document.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document: Document) -> str:
    """Hex SHA-256 of a document's bytes: what a head names of what its run staged."""
    return hashlib.sha256(encode(document)).hexdigest()


def decode(kind: type[D], key: str, body: bytes) -> D:
    """The document in `body`. Raises `StoreError`: L110 torn, damaged or another's, L111 written by a newer version."""
    try:
        document = kind.model_validate_json(body, by_alias=True, by_name=False)  # bytes to document in one pass
        if _OURS.search(body) and _is_ours(document) and _at_home(document, key):
            return document
    except ValueError:
        pass
    return _carefully(kind, key, body)


def _is_ours(document: Document) -> bool:
    """Whether a document that could be read says itself that this version may read it."""
    newest = document.format_version if isinstance(document, ProjectRecord) else FORMAT_VERSION
    return "schema_version" in document.model_fields_set and newest <= FORMAT_VERSION


def _carefully(kind: type[D], key: str, body: bytes) -> D:
    """The same step by step, to tell what is wrong."""
    try:
        data = json.loads(body)
        versions = [data["schemaVersion"], data.get("formatVersion", FORMAT_VERSION)]
        newer = [each for each in versions if not isinstance(each, int) or each > FORMAT_VERSION]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise torn(key) from error
    if newer:
        version = repr(newer[0])[:40]
        raise StoreError(
            "L111",
            "a ledger document is from a newer version",
            f"{key} has schema version {version}; this version reads up to {FORMAT_VERSION}. Upgrade reconciler; nothing was changed.",
        )
    try:
        document = kind.model_validate(data)
        at_home = _at_home(document, key)
    except ValueError as error:  # pydantic's too
        raise torn(key) from error
    if not at_home:
        raise torn(key)
    return document


def torn(key: str) -> StoreError:
    """The error for a document that can't be read as what it must be."""
    return StoreError(
        "L110",
        "a ledger document is damaged",
        f"{key} is not a whole document, or not the one that belongs there. Nothing was changed. Restore it from a backup "
        "(reconcile ledger import) or from the store's object versions.",
    )


def _at_home(document: Document, key: str) -> bool:
    """Whether a document stands at its key: a copy at another one would be a flow, or a destination, that nobody declared."""
    match document:
        case FlowHead():
            return key == keys.flow(document.flow_id)
        case DestinationRecord():
            return key == keys.destination(document.name)
        case StagedRecord():
            return key == keys.staged(document.run_id)
        case RunRecord():
            return key.startswith(keys.RUNS) and key.endswith(f"-{document.run_id}")
        case _:
            return True
