"""Names in a destination, checked again where they become paths: what was decided long ago is not trusted to stay
inside."""

from __future__ import annotations

import json

from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.errors import failure

RESERVED = ".reconciler-"
MAX_NAME_BYTES = 1024


def segments(name: str) -> tuple[str, ...]:
    """The parts of a published file's name. Raises DestinationError D109: not a plain relative path, or reserved."""
    parts = tuple(name.split("/"))
    plain = all(part not in ("", ".", "..") for part in parts)
    if not plain or any(character < " " or character in "\\\x7f" for character in name):
        raise failure("D109", f"{name!r} isn't a plain relative path.")
    if is_reserved(name):
        raise failure("D109", f"{name!r} begins with {RESERVED}, which the tool keeps for itself.")
    if len(name.encode(errors="replace")) > MAX_NAME_BYTES:
        raise failure("D109", f"{name[:80]!r}… is longer than {MAX_NAME_BYTES} bytes.")
    return parts


def run_segment(run_id: str) -> str:
    """A run id as one part of a path. Raises DestinationError D109."""
    if len(segments(run_id)) != 1:
        raise failure("D109", f"{run_id!r} isn't a run id.")
    return run_id


def is_reserved(name: str) -> bool:
    """Owner marker, staging folder and probes: never listed, never published over."""
    return name.startswith(RESERVED)


def owner_document(lineage: str) -> bytes:
    """What an owner marker holds."""
    return (json.dumps({"formatVersion": 1, "lineage": lineage}, sort_keys=True) + "\n").encode()


def lineage_in(document: bytes, where: str) -> str:
    """The lineage in an owner marker. Raises DestinationError D112."""
    try:
        content = json.loads(document)
    except ValueError:
        content = None
    lineage = content.get("lineage") if isinstance(content, dict) else None
    if not isinstance(lineage, str) or not lineage:
        raise failure("D112", f"{where}/{OWNER_MARKER} holds no lineage.")
    return lineage


def refuse_other_owner(found: str, lineage: str, where: str) -> None:
    """Raises DestinationError D101 unless both are the same."""
    if found != lineage:
        raise failure(
            "D101",
            f"{where} belongs to the ledger with lineage {found}, and this one is {lineage}. Nothing was changed.",
        )
