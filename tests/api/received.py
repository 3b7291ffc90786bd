"""What a reader finds of one export, in the form of the models'."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from tests.api.nights import Export, canonical
from tests.faults import look


def as_export(seen: look.Seen, name: str, manifest: dict[str, Any]) -> Export:
    """The export that a manifest tells of."""
    folder = name.rpartition("/")[0]

    def rows(files: list[dict[str, Any]]) -> Counter[str]:
        lines = [line for each in files for line in seen.files[f"{folder}/{each['path']}"].decode().splitlines()]
        return Counter(canonical(json.loads(line)) for line in lines)

    removed = rows(manifest.get("removedFiles") or [])
    slot = datetime.fromisoformat(manifest["slot"])
    return Export(slot, manifest["kind"], rows(manifest["files"]), removed, manifest.get("excluded", {}))


def _unknown(removals: Counter[str]) -> set[str]:
    return {row["id"] for row in map(json.loads, removals) if row["reason"] == "?"}


def by_reason(removals: Counter[str]) -> Counter[tuple[str, str]]:
    """How often each key left for a reason."""
    return Counter((row["id"], row["reason"]) for row in map(json.loads, removals.elements()))


def as_far_as_known(is_: Counter[str], should: Counter[str]) -> Counter[tuple[str, str]]:
    """Reasons that the model can't tell are taken as they come."""
    unknown = _unknown(should)
    return Counter((key, "?" if key in unknown else reason) for key, reason in by_reason(is_).elements())
