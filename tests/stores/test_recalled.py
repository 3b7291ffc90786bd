"""Looking at a ledger in S3 again: one list, and only what changed is read."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.api.wiring import Wiring
from reconciler.cache.folder import NO_CACHE, Cache
from reconciler.config.project import LedgerPlace
from reconciler.ledger import keys
from reconciler.ledger.records import FlowHead, ProjectRecord
from reconciler.ledger.store import Store
from reconciler.resources.project import EngineSpec, LedgerSpec
from reconciler.stores.ledger import Ledger
from reconciler.stores.s3 import S3Store
from reconciler.stores.s3_objects import S3Place
from reconciler.values.identity import FlowId
from tests.conformance.stores import s3_session
from tests.ledger.test_lives import APPLIED, added
from tests.servers.faultproxy import FaultProxy
from tests.servers.s3 import S3Server

NAMES = [f"a{number}" for number in range(30)]


class Looked:
    """A ledger of thirty flows behind a proxy that counts requests."""

    def __init__(self, server: S3Server, proxy: FaultProxy, folder: Path) -> None:
        self.proxy = proxy
        self.place = S3Place(server.create_bucket(), f"l-{secrets.token_hex(4)}")
        self.session: AwsSession = s3_session(server.at(proxy.endpoint))
        self.cache = Cache(folder / "cache")
        ledger = self.ledger(NO_CACHE)
        record = ProjectRecord(
            nonce="n", format_version=1, lineage=secrets.token_hex(16), simulated=False, serial=1, created_at=APPLIED.at
        )
        ledger.create(keys.PROJECT, record)
        for name in NAMES:
            self.put(ledger, added(folder, name))

    def ledger(self, cache: Cache) -> Ledger:
        store: Store = S3Store(self.place, self.session)
        return Ledger(store, lambda: secrets.token_hex(8), lambda _: None, cache)

    def put(self, ledger: Ledger, head: FlowHead) -> None:
        ledger.create(keys.flow(head.flow_id), head)

    def look(self) -> tuple[int, int]:
        """How many lists and reads it took; the result must be what it is without a cache."""
        self.proxy.seen.clear()
        found = self.ledger(self.cache).actual()
        lists = sum(1 for request in self.proxy.seen if "list-type=2" in request.path)
        reads = len(self.proxy.seen) - lists
        assert found == self.ledger(NO_CACHE).actual()
        assert len(found.flows) >= len(NAMES)
        return lists, reads

    def touch(self, *names: str) -> None:
        ledger = self.ledger(NO_CACHE)
        for name in names:
            head = ledger.head(FlowId("box", "audience", name))
            assert head is not None
            ledger.swap(head, head.document.model_copy(update={"generation": 7, "nonce": secrets.token_hex(8)}))


@pytest.fixture(params=["seaweed", "moto"])
def looked(request: pytest.FixtureRequest, tmp_path: Path) -> Looked:
    server = request.getfixturevalue(f"{request.param}_server")
    return Looked(server, request.getfixturevalue(f"{request.param}_proxy"), tmp_path)


def test_what_has_not_changed_is_not_read_again(looked: Looked) -> None:
    assert looked.look() == (2, 1 + len(NAMES))
    assert looked.look() == (2, 1)
    looked.touch("a3")
    assert looked.look() == (2, 2)
    looked.touch(*NAMES[:20])
    assert looked.look() == (2, 21)
    assert looked.look() == (2, 1)


def test_what_is_gone_or_new_is_noticed(looked: Looked, tmp_path: Path) -> None:
    looked.look()
    ledger = looked.ledger(NO_CACHE)
    looked.put(ledger, added(tmp_path, "new"))
    gone = ledger.head(FlowId("box", "audience", "a1"))
    assert gone is not None
    looked.put(ledger, added(tmp_path, "newer"))
    ledger.delete(keys.flow(gone.document.flow_id), gone.version)
    assert looked.look() == (2, 3)


def test_a_damaged_cache_is_read_past(looked: Looked) -> None:
    looked.look()
    folder = looked.cache.folder
    assert folder is not None
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert looked.look() == (2, 1 + len(NAMES))


def test_another_ledger_at_the_same_place_is_another(looked: Looked) -> None:
    looked.look()
    ledger = looked.ledger(NO_CACHE)
    found = ledger.read(ProjectRecord, keys.PROJECT)
    assert found is not None
    ledger.replace(keys.PROJECT, found.document.model_copy(update={"lineage": "other", "nonce": "m"}), found.version)
    assert looked.look() == (2, 1 + len(NAMES))


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        ({"url": "s3://acme-ledger/x"}, True),
        ({"url": "s3://acme-ledger/x", "encryption": {"type": "sse-s3"}}, True),
        ({"url": "s3://acme-ledger/x", "encryption": {"type": "sse-kms", "keyId": "alias/x"}}, False),
        ({"url": "file://ledger"}, False),
    ],
)
def test_of_which_ledgers_anything_is_kept(
    spec: dict[str, object], kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    place = LedgerPlace("p", None, LedgerSpec.model_validate(spec), None, EngineSpec())
    assert (Wiring(tmp_path, place).ledger()._cache.folder is not None) == kept
