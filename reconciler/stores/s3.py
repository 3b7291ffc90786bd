"""A ledger in S3, or in what speaks its conditional writes. The version is the ETag.

Deleting. Amazon S3 honours If-Match on DeleteObject (general purpose buckets: since September 2025); stores elsewhere
often accept the header and delete anything. So the first delete of a process finds out with a probe object. Where it
isn't honoured, a document is deleted by replacing it, conditionally, with an empty object: reads and lists take an
empty object for none (documents are never empty), and a create swaps it for the new document. Empty objects stay
then: removing one unconditionally could remove a document that was just created in its place. Every process
understands them, whatever its own probe said.

Conditional writes go through a client that never sends anything twice; reads through one that tries again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from reconciler.accounts.aws import AwsSession
from reconciler.errors import ReconcilerError, StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Stored
from reconciler.stores.base import PROBE, SUFFIX, check_key, probe_preconditions
from reconciler.stores.s3_answers import TRANSPORT, Absent, Denied, Unsure, meaning, refused, unreachable
from reconciler.stores.writes import Sleep

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
LARGEST: Final = 64 * 2**20
_BODY_ATTEMPTS: Final = 3
_NOBODYS_VERSION: Final = '"00000000000000000000000000000000"'


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where in S3 a ledger is.

    `prefix` without slashes around it. `kms_key`: SSE-KMS with it; None: as the bucket's default says.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    expected_owner: str | None = None
    kms_key: str | None = None
    read_timeout: float = 30


class S3Store:
    """Keys are `<prefix>/<key>.json`. Threads may share a store."""

    def __init__(self, place: S3Place, session: AwsSession, sleep: Sleep = time.sleep) -> None:
        self._place = place
        self._sleep = sleep
        self._base = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._reads: S3Client = session.s3(region=place.region, attempts=5, read_timeout=place.read_timeout)
        self._writes: S3Client = session.s3(region=place.region, attempts=1, read_timeout=place.read_timeout)
        self._lock = threading.Lock()
        self._conditional_delete: bool | None = None
        self._common: dict[str, Any] = {"Bucket": place.bucket}
        if place.expected_owner:
            self._common["ExpectedBucketOwner"] = place.expected_owner

    @property
    def url(self) -> str:
        return f"s3://{self._place.bucket}/{self._base}".rstrip("/")

    def read(self, key: str) -> Stored | None:
        found = self._get(key)
        return found if found is not None and found.body else None

    def create(self, key: str, body: bytes) -> str:
        try:
            return self._put(key, body, IfNoneMatch="*")
        except PreconditionFailed:
            found = self._get(key)
            if found is None or found.body:
                raise
            return self._put(key, body, IfMatch=found.version)  # where it was deleted by an empty object

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._put(key, body, IfMatch=version)

    def delete(self, key: str, version: str) -> None:
        if self._deletes_conditionally():
            self._remove(key, version)
        else:
            self._put(key, b"", IfMatch=version)

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        pages = self._reads.get_paginator("list_objects_v2")
        try:
            found = [
                (item["Key"].removeprefix(self._base).removesuffix(SUFFIX), item["ETag"])
                for page in pages.paginate(**self._common, Prefix=f"{self._base}{prefix}")
                for item in page.get("Contents", ())
                if item["Key"].endswith(SUFFIX) and item["Size"] > 0
            ]
        except (ClientError, BotoCoreError) as error:
            raise self._for_read(error, "s3:ListBucket") from error
        return sorted(found)  # some stores sort by folder

    def probe(self) -> None:
        """Also: that listing is allowed."""
        list(self.list(PROBE))
        probe_preconditions(self, self._sleep)

    def _name(self, key: str) -> str:
        return f"{self._base}{check_key(key)}{SUFFIX}"

    def _get(self, key: str) -> Stored | None:
        """What is at the key, empty objects too."""
        name = self._name(key)
        for attempt in range(_BODY_ATTEMPTS):
            try:
                response = self._reads.get_object(**self._common, Key=name, ChecksumMode="ENABLED")
                if response["ContentLength"] > LARGEST:
                    raise refused(self._place.bucket, f"{key} is larger than a ledger document can be")
                return Stored(response["Body"].read(), response["ETag"])
            except TRANSPORT as error:  # the client's own retries end where the body begins
                if attempt == _BODY_ATTEMPTS - 1:
                    raise self._for_read(error, "s3:GetObject") from error
            except (ClientError, BotoCoreError) as error:
                if self._is_absent(error):
                    return None
                raise self._for_read(error, "s3:GetObject") from error
        raise AssertionError("unreachable")

    def _put(self, key: str, body: bytes, **condition: str) -> str:
        request: dict[str, Any] = {**self._common, **condition, "Key": self._name(key), "Body": body}
        request["ContentType"] = "application/json"
        request["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if self._place.kms_key:
            request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._place.kms_key}
        return self._sent(key, "s3:PutObject", lambda: self._writes.put_object(**request))["ETag"]

    def _remove(self, key: str, version: str) -> None:
        name = self._name(key)
        self._sent(
            key, "s3:DeleteObject", lambda: self._writes.delete_object(**self._common, Key=name, IfMatch=version)
        )

    def _sent(self, key: str, action: str, request: Callable[[], T]) -> T:
        """Sends a conditional write once.

        Raises `PreconditionFailed`, `AmbiguousWrite`, `StoreError`, `AccountError`.
        """
        try:
            return request()
        except (ClientError, BotoCoreError) as error:
            match meaning(error, bucket=self._place.bucket, action=action, owner=self._place.expected_owner):
                case Denied() | Absent():
                    raise PreconditionFailed(key) from error
                case Unsure(why):
                    raise AmbiguousWrite(key, why) from error
                case refusal:
                    raise refusal from error

    def _is_absent(self, error: Exception) -> bool:
        return isinstance(meaning(error, bucket=self._place.bucket, action="s3:GetObject"), Absent)

    def _for_read(self, error: Exception, action: str) -> ReconcilerError:
        match meaning(error, bucket=self._place.bucket, action=action, owner=self._place.expected_owner):
            case Unsure(why):
                return unreachable(self._place.bucket, why)
            case Denied() | Absent():
                return refused(self._place.bucket, str(error))
            case refusal:
                return refusal

    def _deletes_conditionally(self) -> bool:
        """Whether If-Match on DeleteObject is honoured; False as well where that can't be told now, which is safe."""
        with self._lock:
            if self._conditional_delete is None:
                try:
                    self._conditional_delete = self._try_conditional_delete()
                except AmbiguousWrite:
                    return False
            return self._conditional_delete

    def _try_conditional_delete(self) -> bool:
        key = f"{PROBE}{secrets.token_hex(12)}"
        version = self._put(key, json.dumps({"probe": True, "nonce": secrets.token_hex(8)}).encode(), IfNoneMatch="*")
        try:
            self._remove(key, _NOBODYS_VERSION)
        except PreconditionFailed:
            self._remove(key, version)
            return True
        except StoreError as error:
            if error.code != "L134":
                raise
        return False
