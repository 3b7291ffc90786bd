"""From a url to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.errors import StoreError
from reconciler.stores.folder import FolderStore
from reconciler.stores.open import ledger_folder, open_store
from reconciler.stores.s3 import S3Store
from tests.conformance.stores import s3_session
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
