"""What strategy `diff` compares by: two snapshots can be compared only where this is the same."""

from __future__ import annotations

import hashlib
import json

from reconciler.resources.effective import FlowSpec

DIGESTS = "blake3-xxh3-128/1"
"""Which digests of keys and rows a snapshot holds, and of which version of their text: another one is a new beginning."""


def basis(spec: FlowSpec) -> str:
    """Hex SHA-256 of all that decides what a row's key and digest are: algorithm, key, columns as they leave, secret by reference.

    Filter and exclusions have no part in it: who left by them is what a comparison tells. Neither have `required` columns.
    """
    changes = spec.changes
    secret = changes.secret.to_json() if changes and changes.secret else None
    dataset = spec.source.dataset_spec
    parts = {
        "digests": DIGESTS,
        "key": [[name, dataset.columns[name].type] for name in dataset.primary_key],
        "columns": [each.model_copy(update={"required": None}).to_json() for each in spec.columns],
        "secret": secret,
        "sealed": bool(changes and changes.tells_removed),
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
