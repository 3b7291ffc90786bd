"""What the stores share about blobs: files that are kept whole, under keys that are used once.

A blob carries no nonce, and needs none: whoever finds one under the key that it alone was given wrote it itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import IO, Final

from reconciler.errors import OutcomeUnknown, StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Store
from reconciler.stores.writes import PATIENCE, Patience, Sleep

CHUNK: Final = 2**20


def commit_blob(
    store: Store, key: str, path: Path, *, sleep: Sleep = time.sleep, patience: Patience = PATIENCE
) -> None:
    """Keeps a file under a key of its own, whatever answers get lost. Raises `StoreError` and `OutcomeUnknown`."""
    size = path.stat().st_size
    why = ""
    for attempt in range(patience.tries):
        if attempt:
            sleep(patience.wait(attempt - 1, key))
        try:
            return store.write_blob(key, path)
        except (PreconditionFailed, AmbiguousWrite) as error:
            why = error.detail
        there = dict(store.blobs(key)).get(key)
        if there == size:
            return None
        if there is not None:
            raise StoreError("L143", "a snapshot of the ledger is missing or damaged", f"{key} is another's. {_MEND}")
    raise OutcomeUnknown(
        "L103",
        "the outcome of a ledger write is unknown",
        f"{why}. It was sent {patience.tries} times and isn't to be seen in the ledger. Run the same command again.",
    )


def fetch_blob(store: Store, key: str, into: Path, digest: str) -> None:
    """A blob as a new file. Raises `StoreError` L143 where it is gone, or isn't the one with this hex SHA-256."""
    if not store.read_blob(key, into) or sha256_of(into) != digest:
        raise StoreError("L143", "a snapshot of the ledger is missing or damaged", f"{key}. {_MEND}")


def sha256_of(path: Path) -> str:
    """Hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def new_file(path: Path) -> IO[bytes]:
    """A file that wasn't there, for its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


_MEND = (
    "Nothing was exported. A backup of the ledger holds no snapshots: start over with everything, which also makes a new one: "
    "reconcile export FLOW --full"
)
