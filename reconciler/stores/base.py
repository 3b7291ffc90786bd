"""What the stores share: which keys they take, and the probe that finds out a store that ignores preconditions."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from reconciler.errors import ReconcilerError, StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Store
from reconciler.stores.writes import Committed, Sleep, commit_create, commit_delete, commit_replace

SUFFIX: Final = ".json"
"""Appended to keys where a store keeps files: a key may also be the folder of longer ones."""

BLOB: Final = ".blob"
"""The same of blobs."""

PROBE: Final = "probe/"

STALE: Final = timedelta(days=1)
"""What a probe or a write takes, many times over: older leftovers are those of a process that was killed."""

_KEY = re.compile(r"[A-Za-z0-9_:@+-][A-Za-z0-9._:@+-]*(/[A-Za-z0-9_:@+-][A-Za-z0-9._:@+-]*)*")


def check_key(key: str) -> str:
    """The key itself.

    Raises `StoreError` L140: a key is never a path out of the ledger nor one of the store's own files.
    """
    if not _KEY.fullmatch(key) or len(key) > 800 or any(len(segment) > 200 for segment in key.split("/")):
        raise StoreError("L140", "not a ledger key", f"{key[:80]!r} can't name a ledger document. Nothing was changed.")
    return key


def probe_preconditions(store: Store, sleep: Sleep) -> None:
    """Tries every primitive with a stale version.

    Raises `StoreError` L134 where one that must fail succeeds. Leaves nothing behind.
    """
    key = f"{PROBE}{secrets.token_hex(12)}"
    nonces = [secrets.token_hex(8) for _ in range(3)]
    bodies = [json.dumps({"probe": True, "nonce": nonce}).encode() for nonce in nonces]
    first = _version(commit_create(store, key, bodies[0], nonces[0], sleep=sleep))
    _must_fail(store, key, "create over an existing document", lambda: store.create(key, bodies[2]))
    second = _version(commit_replace(store, key, bodies[1], first, nonces[1], sleep=sleep))
    _must_fail(store, key, "replace with a stale version", lambda: store.replace(key, bodies[2], first))
    _must_fail(store, key, "delete with a stale version", lambda: store.delete(key, first))
    commit_delete(store, key, second, sleep=sleep)
    if store.read(key) is not None:
        raise _ignored(store, "delete", "said yes and removed nothing")


def _must_fail(store: Store, key: str, what: str, write: Callable[[], object]) -> None:
    before = store.read(key)
    try:
        write()
    except PreconditionFailed:
        pass
    except AmbiguousWrite:
        if store.read(key) == before:
            return
    else:
        if store.read(key) != before:
            _tidy(store, key)
        raise _ignored(store, what, "said yes where it had to say no")
    if store.read(key) != before:
        _tidy(store, key)
        raise _ignored(store, what, "said no and did it")


def _version(outcome: object) -> str:
    if isinstance(outcome, Committed):
        return outcome.version
    raise StoreError(
        "L134",
        "the ledger's store ignores preconditions",
        "A probe document under a random name was changed by something else.",
    )


def _tidy(store: Store, key: str) -> None:
    try:
        left = store.read(key)
        if left is not None:
            store.delete(key, left.version)
    except ReconcilerError:
        return  # the refusal that follows says what matters


def _ignored(store: Store, what: str, how: str) -> StoreError:
    return StoreError(
        "L134",
        "the ledger's store ignores preconditions",
        f"{store.url}: the store {how}: {what}. Two runners could export the same slot there, so it is refused as a "
        "ledger. "
        "Use a store with conditional writes (Amazon S3 and most that speak its protocol in a recent version), or a "
        "local folder.",
    )
