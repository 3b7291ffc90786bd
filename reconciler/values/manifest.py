"""The manifest beside every export: what left, in which files, with counts and hashes. It is published last."""

from __future__ import annotations

from typing import Literal

from reconciler.values.base import Value
from reconciler.values.changed import ChangeCounts
from reconciler.values.excluded import Excluded
from reconciler.values.sealed import Sealed
from reconciler.values.slot import Instant, Slot

RunKind = Literal["full", "increment", "rebuild", "resend"]


class ManifestFile(Value):
    """`path` relative to the manifest's folder, `rows`, `size` in bytes, `sha256` in hex. `removed`, in the ledger: it says who left."""

    path: str
    rows: int
    size: int
    sha256: str
    removed: Literal[True] | None = None


class Column(Value):
    """A column that leaves: name in the file and type in the project's type language."""

    name: str
    type: str


class Manifest(Value):
    """`files` is empty when no row matched. `read`: rows that were read; `matched`: of these, those that the filter kept; `excluded`: of
    these, those that did not leave, by reason. `delay_seconds`: from the slot until the run began; `duration_seconds`: from then until
    everything was written, before it was published.

    `encryption`: what the files, not this one, are encrypted by; sizes and hashes are of the encrypted files.
    Strategy `diff`: `changes` counts them. `removed_files` hold the keys of those who left, and why; `rows` and `size` are without them.
    """

    format_version: Literal[1] = 1
    tool: str
    flow: str
    run_id: str
    kind: RunKind
    slot: Slot
    created_at: Instant
    destination: str
    source: str
    format: str
    compression: str
    encryption: Sealed | None = None
    columns: tuple[Column, ...]
    files: tuple[ManifestFile, ...]
    removed_files: tuple[ManifestFile, ...] | None = None
    rows: int
    size: int
    read: int | None = None
    matched: int
    excluded: dict[Excluded, int] = {}
    delay_seconds: int | None = None
    duration_seconds: float | None = None
    changes: ChangeCounts | None = None
