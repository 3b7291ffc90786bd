"""What every ledger store must do, and how a test opens one. `test_stores.py` runs all of it over all stores."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.ledger.store import Store
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.stores.folder import FolderStore
from reconciler.stores.s3 import S3Store
from reconciler.stores.s3_objects import S3Place
from reconciler.stores.writes import Committed, Lost, Outcome, Patience, commit_create, commit_delete, commit_replace
from tests.servers.s3 import S3Server

PATIENT = Patience(tries=40, first=0.002, longest=0.02)


@dataclass(frozen=True)
class StoreCase:
    """One kind of store over one place that starts empty.

    `open` gives a new store object over the same place, as another runner would have. `answers`: every answer
    arrives, so that the primitives can be called directly; otherwise they are called through
    `reconciler.stores.writes` only.
    """

    name: str
    open: Callable[[], Store]
    answers: bool = True


@functools.cache
def s3_session(server: S3Server) -> AwsSession:
    """One session per endpoint and keys: clients take long to make."""
    auth = {"accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}}}
    spec = AwsAccountSpec.model_validate(
        {"type": "aws", "auth": auth, "region": server.region, "endpoints": {"s3": server.endpoint}}
    )
    return AwsSession(spec, SecretSource(Path("/"), {"ID": server.access_key, "KEY": server.secret_key}))


def s3_case(name: str, server: S3Server, bucket: str, *, answers: bool = True) -> StoreCase:
    """An empty place in a bucket."""
    place = S3Place(bucket, f"team/ledger-{secrets.token_hex(6)}")
    return StoreCase(name, lambda: S3Store(place, s3_session(server)), answers)


def document(nonce: str | None = None, **fields: Any) -> tuple[str, bytes]:
    """A nonce and a document that carries it."""
    nonce = nonce or secrets.token_hex(8)
    return nonce, json.dumps({"nonce": nonce, **fields}, ensure_ascii=False).encode()


def create(store: Store, key: str, **fields: Any) -> Outcome:
    """Creates a fresh document."""
    nonce, body = document(**fields)
    return commit_create(store, key, body, nonce, patience=PATIENT)


def replace(store: Store, key: str, version: str, **fields: Any) -> Outcome:
    """Replaces with a fresh document."""
    nonce, body = document(**fields)
    return commit_replace(store, key, body, version, nonce, patience=PATIENT)


def delete(store: Store, key: str, version: str) -> Outcome:
    return commit_delete(store, key, version, patience=PATIENT)


def committed(outcome: Outcome) -> str:
    """The version of a write that must have happened."""
    assert isinstance(outcome, Committed), outcome
    return outcome.version


def lost(outcome: Outcome) -> Lost:
    """What a write met that must not have happened."""
    assert isinstance(outcome, Lost), outcome
    return outcome


def fields(store: Store, key: str) -> dict[str, Any]:
    """The document, which must be there."""
    stored = store.read(key)
    assert stored is not None
    loaded: dict[str, Any] = json.loads(stored.body)
    return loaded


def race(case: StoreCase, runners: int, act: Callable[[Store, int], Outcome]) -> list[Outcome]:
    """Lets runners act at once, each with a store object of its own."""
    stores = [case.open() for _ in range(runners)]
    with ThreadPoolExecutor(runners) as pool:
        return list(pool.map(act, stores, range(runners)))


def count_up(store: Store, key: str, times: int) -> None:
    """Adds one to a shared counter so often, as transitions of a head do: swap, and if lost, read and swap again."""
    done = 0
    while done < times:
        stored = store.read(key)
        assert stored is not None
        before = json.loads(stored.body)
        nonce = secrets.token_hex(8)
        _, body = document(nonce, count=before["count"] + 1, nonces=[*before.get("nonces", []), before["nonce"]])
        done += isinstance(commit_replace(store, key, body, stored.version, nonce, patience=PATIENT), Committed)


def count_up_in_folder(root: str, key: str, times: int) -> None:
    """`count_up` for a process of its own."""
    count_up(FolderStore(Path(root)), key, times)
