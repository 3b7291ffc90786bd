"""Conditional writes with a known outcome: committed, lost to another, or unknown.

A write whose answer is missing is read back and classified by nonce: ours is success, another's is a conflict, and
where the document is as it was before, the same bytes are sent again. This is the one place that waits before it
tries again; stores never do for a write.

A request that the network delivers after all, minutes later, can't overwrite anything: its precondition names a
version that is never current again. Only a `create` could come true late, after its key was written and deleted
meanwhile: what it leaves then is a document of a finished run or of a removed object, never a head, since heads are
not deleted.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.errors import OutcomeUnknown, ReconcilerError
from reconciler.ledger.store import AmbiguousWrite, Documents, PreconditionFailed, Stored

Sleep = Callable[[float], None]

SUPERSEDED: Final = "superseded"
"""The version in `Committed` where another's write followed ours: no store has it, so replacing it fails as it must."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Our write happened.

    `version` is what it gave; `newer` is what another wrote over it since, where that is known.
    """

    version: str
    newer: Stored | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Our write didn't happen and never will: `current` is what is there (None: nothing)."""

    current: Stored | None


Outcome = Committed | Lost


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a write is sent in all, and the waits between: `first` seconds, doubled, at most `longest`."""

    tries: int = 6
    first: float = 0.1
    longest: float = 5.0

    def wait(self, attempt: int, seed: str) -> float:
        """Seconds before the attempt after `attempt` (from 0): half fixed, half spread by the seed, so that rivals
        don't march in step.
        """
        full = min(self.longest, self.first * float(2**attempt))
        spread = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()[0] / 255
        return full / 2 + full / 2 * spread


PATIENCE = Patience()


def commit_create(
    store: Documents, key: str, body: bytes, nonce: str, *, sleep: Sleep = time.sleep, patience: Patience = PATIENCE
) -> Outcome:
    """Creates a document that carries `nonce`. Raises `StoreError` (surely not written) and `OutcomeUnknown`."""

    def look() -> Outcome | None:
        current = store.read(key)
        if current is None:
            return None
        return _ours(current, nonce) or Lost(current)

    return _until_known(lambda: store.create(key, body), look, key, nonce, sleep, patience)


def commit_replace(
    store: Documents,
    key: str,
    body: bytes,
    version: str,
    nonce: str,
    *,
    sleep: Sleep = time.sleep,
    patience: Patience = PATIENCE,
) -> Outcome:
    """Swaps the document at `version` for one that carries `nonce`.

    Raises `StoreError` (surely not written) and `OutcomeUnknown`.
    """

    def look() -> Outcome | None:
        current = store.read(key)
        if current is None:
            return Lost(None)
        if current.version == version:
            return None
        return _ours(current, nonce) or Lost(current)

    return _until_known(lambda: store.replace(key, body, version), look, key, nonce, sleep, patience)


def commit_delete(
    store: Documents, key: str, version: str, *, sleep: Sleep = time.sleep, patience: Patience = PATIENCE
) -> Outcome:
    """Removes the document at `version`.

    `Committed("")`: it is gone, by us or by another. `Lost`: something else is there now.

    Raises `StoreError` (surely not removed) and `OutcomeUnknown`.
    """

    def remove() -> str:
        store.delete(key, version)
        return ""

    def look() -> Outcome | None:
        current = store.read(key)
        if current is None:
            return Committed("")
        return None if current.version == version else Lost(current)

    return _until_known(remove, look, key, version, sleep, patience)


def _until_known(
    write: Callable[[], str], look: Callable[[], Outcome | None], key: str, seed: str, sleep: Sleep, patience: Patience
) -> Outcome:
    """Writes; after anything but a clear yes looks at what is there.

    None from `look`: as before, so the same write is sent again.

    A clear 412 is looked at too: what stands between us and the store may have sent the request twice, and then the
    no answers our own write.
    """
    reason = ""
    for attempt in range(patience.tries):
        if attempt:
            sleep(patience.wait(attempt - 1, seed))
        try:
            return Committed(write())
        except (PreconditionFailed, AmbiguousWrite) as error:
            reason = error.detail
        except OutcomeUnknown:
            raise
        except ReconcilerError as error:
            if not reason:
                raise
            raise _unknown(key, f"{reason}. Sending it again failed: {error.summary}: {error.detail}") from error
        outcome = _look(look, key, reason)
        if outcome is not None:
            return outcome
    raise _unknown(key, f"{reason}. It was sent {patience.tries} times and isn't to be seen in the ledger")


def _look(look: Callable[[], Outcome | None], key: str, reason: str) -> Outcome | None:
    try:
        return look()
    except OutcomeUnknown:
        raise
    except ReconcilerError as error:
        raise _unknown(key, f"{reason}. Reading it back failed too: {error.summary}: {error.detail}") from error


def _unknown(key: str, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        "L103",
        "the outcome of a ledger write is unknown",
        f"{key}: {why}. Nothing else was touched. Run the same command again: it finds out what happened and goes on "
        "from there.",
    )


def _ours(current: Stored, nonce: str) -> Committed | None:
    """Whether our write is the document, or one of those that it remembers in `nonces`.

    Raises `OutcomeUnknown` for a torn one.
    """
    try:
        document = json.loads(current.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _unknown("a document", "what was read back isn't a JSON object, so that it can't be told whose it is")
    if document.get("nonce") == nonce:
        return Committed(current.version)
    remembered = document.get("nonces")
    if isinstance(remembered, list) and nonce in remembered:
        return Committed(SUPERSEDED, newer=current)
    return None
