"""From a url to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import StoreError
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.project import LedgerSpec
from reconciler.stores.folder import FolderStore
from reconciler.stores.open import ledger_folder, open_ledger, open_store
from reconciler.stores.s3 import S3Store
from tests.conformance.stores import s3_session
from tests.servers.faultproxy import Answer, FaultProxy, Rule
from tests.servers.s3 import S3Server


def no_session() -> AwsSession:
    raise AssertionError("a local ledger needs no session")


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file://.reconcile/ledger", "/project/.reconcile/ledger"),
        ("file:///var/ledger", "/var/ledger"),
        ("s3://b/x", None),
    ],
)
def test_the_folder_of_a_url(url: str, folder: str | None) -> None:
    assert ledger_folder(url, Path("/project")) == (Path(folder) if folder else None)


def test_a_folder_is_opened_without_a_session_and_without_a_trace(tmp_path: Path) -> None:
    store = open_store("file://.reconcile/ledger", root=tmp_path, session=no_session)
    assert isinstance(store, FolderStore)
    assert store.url == f"file://{tmp_path}/.reconcile/ledger"
    assert store.read("project") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://acme-ledger", "s3://acme-ledger"),
        ("s3://acme-ledger/", "s3://acme-ledger"),
        ("s3://acme-ledger/a/b/", "s3://acme-ledger/a/b"),
    ],
)
def test_a_place_in_s3_is_opened_without_touching_it(url: str, shown: str) -> None:
    server = S3Server("http://127.0.0.1:9", "access", "secret")
    store = open_store(url, root=Path("/project"), session=lambda: s3_session(server))
    assert isinstance(store, S3Store)
    assert store.url == shown


@pytest.mark.parametrize(
    "url", ["", "ledger", "file://", "http://user:password@host/x", "s3://", "s3:///x", "gs://bucket"]
)
def test_other_urls_are_refused_without_echoing_them(url: str) -> None:
    with pytest.raises(StoreError, match="L141") as caught:
        open_store(url, root=Path("/project"), session=no_session)
    assert "password" not in str(caught.value)


def test_a_ledger_is_opened_as_it_is_declared(seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    """Its own endpoint and region instead of the account's; owner and encryption with every request that takes them."""
    declared = LedgerSpec.model_validate(
        {
            "url": "s3://acme-ledger/growth",
            "region": "eu-north-1",
            "expectedBucketOwner": "123456789012",
            "encryption": {"type": "sse-kms", "keyId": "alias/ledger"},
            "endpoint": seaweed_proxy.endpoint,
        }
    )
    keys = {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}}
    account = AwsAccountSpec.model_validate(
        {"type": "aws", "auth": {"accessKey": keys}, "region": "eu-west-1", "endpoints": {"s3": "http://127.0.0.1:9"}}
    )

    def session(of: AccountSpec | None) -> AwsSession:
        assert of is not None
        return AwsSession(of, SecretSource(Path("/"), {"ID": "id", "KEY": "key"}))

    seaweed_proxy.add(Rule(Answer(403, "AccessDenied")))
    store = open_ledger(declared, account, root=Path("/project"), session=session)
    assert store.url == "s3://acme-ledger/growth"
    with pytest.raises(StoreError, match="isn't owned by account 123456789012"):
        store.create("project", b"{}")
    with pytest.raises(StoreError, match="L135"):
        store.read("project")
    put, get = seaweed_proxy.seen
    for request in (put, get):
        assert request.headers["x-amz-expected-bucket-owner"] == "123456789012"
        assert "/eu-north-1/s3/" in request.headers["authorization"]
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/ledger"


def test_a_ledger_without_an_account_can_still_name_an_endpoint(seaweed_server: S3Server) -> None:
    declared = LedgerSpec.model_validate({"url": "s3://acme-ledger", "endpoint": seaweed_server.endpoint})
    seen: list[AccountSpec | None] = []

    def session(of: AccountSpec | None) -> AwsSession:
        seen.append(of)
        return s3_session(seaweed_server)

    open_ledger(declared, None, root=Path("/project"), session=session)
    open_ledger(LedgerSpec(url="s3://acme-ledger"), None, root=Path("/project"), session=session)
    first, second = seen
    assert first is not None
    assert first.endpoints.s3 == seaweed_server.endpoint
    assert second is None
