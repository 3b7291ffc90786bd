"""Where in S3 a destination is, and the requests that several of its files need."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.catalog.s3 import S3Connection, encryption_fields
from reconciler.destinations.errors import failure
from reconciler.destinations.names import MAX_NAME_BYTES, segments
from reconciler.destinations.s3_answers import Meaning, NoUpload, Unsure, final, meaning, unreachable
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")
Sleep = Callable[[float], None]
PAUSES: Final = (0.05, 0.2, 0.5, 1.0)
"""Seconds between looks at a write whose outcome isn't known."""
NOTHING_THERE: Final[Mapping[str, Any]] = MappingProxyType({"IfNoneMatch": "*"})
NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})
WHOLE: Final = "reconciler-sha256"
"""The metadata in which an object that was copied by parts says what it holds: its checksum is of its parts."""
_UPLOADS_PAGE: Final = 1000


class S3Place:
    """A folder of a bucket, for one connection. Threads may share it.

    `client` tries again by itself; `once` never sends anything twice and is for what must not be repeated unseen.
    """

    def __init__(self, connection: S3Connection, session: AwsSession, sleep: Sleep = time.sleep) -> None:
        self.bucket = connection.bucket
        self.owner = connection.expected_bucket_owner
        self.readable = connection.access == "read-write"
        self.prefix = f"{path}/" if (path := connection.path.strip("/")) else ""
        self.sleep = sleep
        self.client: S3Client = session.s3(region=connection.region, attempts=5)
        self.once: S3Client = session.s3(region=connection.region, attempts=1)
        self.common: dict[str, Any] = {"Bucket": self.bucket}
        if self.owner:
            self.common["ExpectedBucketOwner"] = self.owner
        self.encryption: dict[str, Any] = encryption_fields(connection.encryption)

    def key(self, name: str) -> str:
        """The object's key. Raises DestinationError D109."""
        segments(name)
        return self.raw_key(name)

    def raw_key(self, name: str) -> str:
        """The key of a name that is the tool's own."""
        key = self.prefix + name
        if len(key.encode()) > MAX_NAME_BYTES:
            raise failure(
                "D109", f"The key {key[:80]!r}… is longer than {MAX_NAME_BYTES} bytes, which S3 doesn't take."
            )
        return key

    def url(self, name: str = "") -> str:
        """For people."""
        return f"s3://{self.bucket}/{self.prefix}{name}" if name else f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def means(self, error: Exception, action: str) -> Meaning:
        """What a client's error means for a request that needs `action`."""
        return meaning(error, bucket=self.bucket, action=action, owner=self.owner)

    def final(self, error: Exception, action: str) -> ReconcilerError:
        """The error to raise for it."""
        return final(error, bucket=self.bucket, action=action, owner=self.owner)

    def tried(self, action: str, request: Callable[[], T]) -> T:
        """A request that needs `action`, or its final error."""
        try:
            return request()
        except CLIENT_ERRORS as error:
            raise self.final(error, action) from error

    def create_upload(self, key: str, metadata: Mapping[str, str] = NO_METADATA) -> str:
        """Opens a multipart upload and returns its id. `metadata`: of the object.

        Sent by `once`: an upload whose answer was lost would stay open unknown. So what is open at the key (whose
        name holds the run's id, so it is ours) is closed before it is sent again, and where it is given up.
        """
        why = ""
        for pause in PAUSES:
            try:
                created = self.once.create_multipart_upload(
                    **self.common, **self.encryption, Key=key, ChecksumAlgorithm="SHA256", Metadata=dict(metadata)
                )
                return created["UploadId"]
            except CLIENT_ERRORS as error:
                match self.means(error, "s3:PutObject"):
                    case Unsure(reason):
                        why = reason
                    case _:
                        with suppress(ReconcilerError):
                            self.close_uploads(key)
                        raise self.final(error, "s3:PutObject") from error
            self.sleep(pause)
            self.close_uploads(key)
        raise unreachable(self.bucket, "s3:PutObject", why)

    def close_uploads(self, key: str) -> None:
        """Aborts every upload that is open at a key."""
        for found, upload_id in self.uploads(key):
            if found == key:
                self.abort_upload(key, upload_id)

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes) -> Part:
        """Sends one part with its checksum, which the store verifies. Raises the client's errors."""
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        answer = self.client.upload_part(
            **self.common, Key=key, UploadId=upload_id, PartNumber=number, Body=body, ChecksumSHA256=checksum
        )
        return Part(number=number, etag=answer["ETag"], checksum=checksum)

    def complete_upload(
        self, key: str, upload_id: str, parts: Iterable[Part], condition: Mapping[str, Any] = NOTHING_THERE
    ) -> None:
        """Sends a completion once, that mustn't overwrite anything else than the condition says. Raises the client's errors."""
        listed: list[CompletedPartTypeDef] = [
            {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": part.checksum} for part in parts
        ]
        self.once.complete_multipart_upload(
            **self.common, Key=key, UploadId=upload_id, **condition, MultipartUpload={"Parts": listed}
        )

    def uploads(self, prefix: str) -> Iterator[tuple[str, str]]:
        """(key, upload id) of every open upload whose key begins with the prefix."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(
            **self.common, Prefix=prefix, PaginationConfig={"PageSize": _UPLOADS_PAGE}
        )
        try:
            for page in pages:
                for upload in page.get("Uploads", ()):
                    yield upload["Key"], upload["UploadId"]
        except CLIENT_ERRORS as error:
            raise self.final(error, "s3:ListBucketMultipartUploads") from error

    def is_open(self, key: str, upload_id: str) -> bool:
        """Whether the upload is neither completed nor aborted."""
        return (key, upload_id) in self.uploads(key)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Aborts; fine where there is no such upload."""
        try:
            self.client.abort_multipart_upload(**self.common, Key=key, UploadId=upload_id)
        except CLIENT_ERRORS as error:
            if not isinstance(self.means(error, "s3:AbortMultipartUpload"), NoUpload):
                raise self.final(error, "s3:AbortMultipartUpload") from error
