"""Objects in S3 under preconditions: PutObject with If-None-Match and If-Match, DeleteObject with If-Match.

What the store answers is taken at its word here; whether it may be is for `s3.py` and its probe. The version is the
ETag. Conditional requests go through a client that never sends anything twice; reads through one that tries again.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.s3_answers import TRANSPORT
from reconciler.catalog.s3 import S3Encryption, encryption_fields
from reconciler.errors import ReconcilerError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Stored
from reconciler.stores.base import SUFFIX, check_key
from reconciler.stores.blobs import CHUNK
from reconciler.stores.parallel import in_parallel
from reconciler.stores.s3_answers import Absent, Denied, Unsure, meaning, refused, unreachable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

T = TypeVar("T")
LARGEST: Final = 64 * 2**20
READERS: Final = 16
"""Documents that are read at the same time, each over a connection of its own."""
_BODY_ATTEMPTS: Final = 3
_BYTES: Final = "application/octet-stream"
_FORGOTTEN: Final = timedelta(days=7)
"""An upload that is older is nobody's any more."""


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where in S3 a ledger is.

    `prefix` without slashes around it. `encryption` None: as the bucket's default says.
    """

    bucket: str
    prefix: str = ""
    region: str | None = None
    expected_owner: str | None = None
    encryption: S3Encryption | None = None
    read_timeout: float = 30


class S3Objects:
    """Keys are `<prefix>/<key>.json`. Threads may share it. Raises as `Store` does."""

    def __init__(self, place: S3Place, session: AwsSession) -> None:
        self._place = place
        self._base = f"{place.prefix.strip('/')}/" if place.prefix.strip("/") else ""
        self._reads: S3Client = session.s3(
            region=place.region, attempts=5, read_timeout=place.read_timeout, connections=READERS
        )
        self._writes: S3Client = session.s3(region=place.region, attempts=1, read_timeout=place.read_timeout)
        self._common: dict[str, Any] = {"Bucket": place.bucket}
        if place.expected_owner:
            self._common["ExpectedBucketOwner"] = place.expected_owner

    @property
    def url(self) -> str:
        return f"s3://{self._place.bucket}/{self._base}".rstrip("/")

    def read(self, key: str) -> Stored | None:
        """What is at the key, empty objects too."""
        for attempt in range(_BODY_ATTEMPTS):
            try:
                response = self._reads.get_object(**self._common, Key=self._name(key), ChecksumMode="ENABLED")
            except (ClientError, BotoCoreError) as error:
                if self._is_absent(error):
                    return None
                raise self._for_read(error, "s3:GetObject") from error
            if response["ContentLength"] > LARGEST:
                raise refused(self._place.bucket, f"{key} is larger than a ledger document can be")
            try:
                return Stored(response["Body"].read(), response["ETag"])
            except TRANSPORT as error:  # the client's own tries end where the body begins
                if attempt == _BODY_ATTEMPTS - 1:
                    raise self._for_read(error, "s3:GetObject") from error
        raise AssertionError("the last attempt returns or raises")

    def create(self, key: str, body: bytes) -> str:
        return self._put(key, body, IfNoneMatch="*")

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._put(key, body, IfMatch=_real(key, version))

    def delete(self, key: str, version: str) -> None:
        name = self._name(key)
        condition = _real(key, version)
        self._sent(
            key,
            "s3:DeleteObject",
            lambda: self._writes.delete_object(**self._common, Key=name, IfMatch=condition),
        )

    def list(self, prefix: str) -> Iterable[tuple[str, str]]:
        """Without empty objects."""
        return [(key, version) for key, version, size in self.listed(prefix, SUFFIX) if size > 0]

    def listed(self, prefix: str, suffix: str) -> Iterable[tuple[str, str, int]]:
        """Key, version and size of all objects whose key starts and whose name ends so, sorted."""
        pages = self._reads.get_paginator("list_objects_v2")
        try:
            found = [
                (item["Key"].removeprefix(self._base).removesuffix(suffix), item["ETag"], item["Size"])
                for page in pages.paginate(**self._common, Prefix=f"{self._base}{prefix}")
                for item in page.get("Contents", ())
                if item["Key"].endswith(suffix)
            ]
        except (ClientError, BotoCoreError) as error:
            raise self._for_read(error, "s3:ListBucket") from error
        return sorted(found)  # some stores sort by folder

    def put_file(self, key: str, suffix: str, file: IO[bytes], sha256: bytes) -> None:
        """A new object of an open file's bytes, whose digest is known. Sent once."""
        request = self._request(key, suffix, _BYTES, sha256)
        self._sent(key, "s3:PutObject", lambda: self._writes.put_object(**request, Body=file, IfNoneMatch="*"))

    def put_parts(self, key: str, suffix: str, file: IO[bytes], part: int) -> None:
        """A new object of an open file's bytes, sent by parts of so many bytes. Nobody else may write at the key."""
        name = f"{self._base}{check_key(key)}{suffix}"
        self._close_uploads(name)
        encryption: dict[str, Any] = encryption_fields(self._place.encryption)
        try:
            upload = self._reads.create_multipart_upload(
                **self._common,
                **encryption,
                Key=name,
                ContentType=_BYTES,
                ChecksumAlgorithm="SHA256",
            )["UploadId"]
            parts = list(self._parts(name, upload, file, part))
        except (ClientError, BotoCoreError) as error:
            self._close_uploads(name)
            raise self._for_read(error, "s3:PutObject") from error
        # What an unclear answer leaves open is closed by the next try, which whoever asked sends if the object isn't there.
        self._sent(
            key,
            "s3:PutObject",
            lambda: self._writes.complete_multipart_upload(
                **self._common, Key=name, UploadId=upload, IfNoneMatch="*", MultipartUpload={"Parts": parts}
            ),
        )
        self._close_uploads(name)  # one whose opening was answered late

    def _parts(self, name: str, upload: str, file: IO[bytes], size: int) -> Iterator[CompletedPartTypeDef]:
        for number, body in enumerate(iter(lambda: file.read(size), b""), 1):
            checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
            sent = self._reads.upload_part(
                **self._common, Key=name, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=checksum
            )
            yield {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _close_uploads(self, name: str) -> None:
        """Aborts what is open at a name, and, beside it, what killed runners left long ago, by the store's own clock. Where that isn't
        allowed, the bucket's life cycle has to."""
        pages = self._reads.get_paginator("list_multipart_uploads")
        with suppress(ClientError, BotoCoreError):
            for page in pages.paginate(**self._common, Prefix=f"{name.rpartition('/')[0]}/"):
                said = page["ResponseMetadata"]["HTTPHeaders"].get("date")
                before = parsedate_to_datetime(said) - _FORGOTTEN if said else None
                for each in page.get("Uploads", ()):
                    if each["Key"] == name or (before is not None and each["Initiated"] < before):
                        self._reads.abort_multipart_upload(**self._common, Key=each["Key"], UploadId=each["UploadId"])

    def get_file(self, key: str, suffix: str, write: Callable[[bytes], object]) -> bool:
        """An object's bytes, a chunk at a time; False where there is none. Raises `TRANSPORT` errors where the body breaks off."""
        name = f"{self._base}{check_key(key)}{suffix}"
        try:
            response = self._reads.get_object(**self._common, Key=name, ChecksumMode="ENABLED")
        except (ClientError, BotoCoreError) as error:
            if self._is_absent(error):
                return False
            raise self._for_read(error, "s3:GetObject") from error
        for chunk in response["Body"].iter_chunks(CHUNK):
            write(chunk)
        return True

    def remove_file(self, key: str, suffix: str) -> None:
        """Whether it is there or not, as often as it takes."""
        name = f"{self._base}{check_key(key)}{suffix}"
        try:
            self._reads.delete_object(**self._common, Key=name)
        except (ClientError, BotoCoreError) as error:
            raise self._for_read(error, "s3:DeleteObject") from error

    def fetch(self, prefix: str, known: Mapping[str, Stored]) -> Iterable[tuple[str, Stored]]:
        """What was emptied since it was listed is given empty."""
        listed = list(self.list(prefix))
        stale = [key for key, version in listed if key not in known or known[key].version != version]
        anew = dict(zip(stale, in_parallel(self.read, stale, READERS), strict=True))
        found = ((key, anew[key] if key in anew else known[key]) for key, _ in listed)
        return [(key, stored) for key, stored in found if stored is not None]

    def sweep(self, prefix: str, age: timedelta) -> None:
        """Deletes what is older than `age` by the store's own clock, empty objects too, whatever it is by now: for names that
        are never used again."""
        pages = self._reads.get_paginator("list_objects_v2").paginate(**self._common, Prefix=f"{self._base}{prefix}")
        try:
            for page in pages:
                said = page["ResponseMetadata"]["HTTPHeaders"].get("date")
                if said is None:
                    return
                now = parsedate_to_datetime(said)
                for item in page.get("Contents", ()):
                    if now - item["LastModified"] >= age:
                        self._reads.delete_object(**self._common, Key=item["Key"])
        except (ClientError, BotoCoreError) as error:
            raise self._for_read(error, "s3:ListBucket") from error

    def _name(self, key: str) -> str:
        return f"{self._base}{check_key(key)}{SUFFIX}"

    def _put(self, key: str, body: bytes, **condition: str) -> str:
        request = self._request(key, SUFFIX, "application/json", hashlib.sha256(body).digest()) | condition
        request["Body"] = body
        return self._sent(key, "s3:PutObject", lambda: self._writes.put_object(**request))["ETag"]

    def _request(self, key: str, suffix: str, content_type: str, sha256: bytes) -> dict[str, Any]:
        return {
            **self._common,
            "Key": f"{self._base}{check_key(key)}{suffix}",
            "ContentType": content_type,
            "ChecksumSHA256": base64.b64encode(sha256).decode(),
            **encryption_fields(self._place.encryption),
        }

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

    def unreadable(self, error: Exception) -> ReconcilerError:
        """What a body that breaks off every time means."""
        return self._for_read(error, "s3:GetObject")

    def _for_read(self, error: Exception, action: str) -> ReconcilerError:
        match meaning(error, bucket=self._place.bucket, action=action, owner=self._place.expected_owner):
            case Unsure(why):
                return unreachable(self._place.bucket, why)
            case Denied() | Absent():
                return refused(self._place.bucket, str(error))
            case refusal:
                return refusal


def _real(key: str, version: str) -> str:
    """The version, unless no object has it: clients leave an empty condition out, and a star holds for any object."""
    if version in ("", "*"):
        raise PreconditionFailed(key)
    return version
