"""From a ledger's url to its store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.catalog.s3 import S3Encryption
from reconciler.errors import MissingExtra, StoreError
from reconciler.ledger.store import Store
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.project import LedgerSpec
from reconciler.stores.folder import FolderStore
from reconciler.stores.writes import Sleep

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession

FOLDER_SCHEME = "file://"
S3_SCHEME = "s3://"


def ledger_folder(url: str, root: Path) -> Path | None:
    """The folder of a `file://` ledger, relative ones below `root`; None for a ledger that is elsewhere."""
    if not url.startswith(FOLDER_SCHEME):
        return None
    path = url.removeprefix(FOLDER_SCHEME)
    if not path or "\0" in path:
        raise _unsupported(url)
    return (root / path).absolute()


def open_ledger(
    spec: LedgerSpec,
    account: AccountSpec | None,
    *,
    root: Path,
    session: Callable[[AccountSpec | None], AwsSession],
    sleep: Sleep = time.sleep,
) -> Store:
    """The store of a ledger as it is declared, signed in to with its account; see `open_store`."""

    def signed_in() -> AwsSession:
        return session(spec.account_of(account))

    return open_store(
        spec.url,
        root=root,
        session=signed_in,
        sleep=sleep,
        region=spec.region,
        owner=spec.expected_bucket_owner,
        encryption=spec.encryption,
    )


def open_store(
    url: str,
    *,
    root: Path,
    session: Callable[[], AwsSession],
    sleep: Sleep = time.sleep,
    region: str | None = None,
    owner: str | None = None,
    encryption: S3Encryption | None = None,
) -> Store:
    """The store at `file://PATH` or `s3://BUCKET[/PREFIX]`. Touches nothing yet; what is behind `url` is for S3 only.

    Raises `StoreError` L141 for another url, `MissingExtra`, `AccountError`.
    """
    folder = ledger_folder(url, root)
    if folder is not None:
        return FolderStore(folder, sleep)
    bucket, _, prefix = url.removeprefix(S3_SCHEME).partition("/")
    if not url.startswith(S3_SCHEME) or not bucket:
        raise _unsupported(url)
    try:
        from reconciler.stores.s3 import S3Store
        from reconciler.stores.s3_objects import S3Place
    except ImportError as error:
        raise MissingExtra("s3", "a ledger in S3") from error
    place = S3Place(bucket, prefix.strip("/"), region, owner, encryption)
    return S3Store(place, session(), sleep)


def _unsupported(url: str) -> StoreError:
    scheme = url.partition("://")[0][:20]
    return StoreError(
        "L141", "not a ledger's url", f"A ledger is at file://PATH or s3://BUCKET/PREFIX; {scheme!r} is neither."
    )
