"""The `s3` destination: a folder of a bucket in Amazon S3, or in what speaks its protocol.

Bucket naming rules: Amazon S3 user guide, "General purpose bucket naming rules".
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, assert_never

from pydantic import AfterValidator, Field, WithJsonSchema

from reconciler.catalog.base import Access, Connection, DestinationType, Folder
from reconciler.values.base import Value

BUCKET_PATTERN = r"^(?!xn--)(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$"
_BUCKET_RULE = "3-63 lower-case letters, digits, hyphens and dots; not an IP address."


def _bucket(text: str) -> str:
    # Here and not in Field(pattern=…): pydantic's own expressions have no look-ahead.
    if not re.fullmatch(BUCKET_PATTERN[1:-1], text):
        raise ValueError(f"not a bucket's name: {_BUCKET_RULE}")
    return text


Bucket = Annotated[
    str,
    AfterValidator(_bucket),
    WithJsonSchema({"type": "string", "pattern": BUCKET_PATTERN, "description": _BUCKET_RULE}),
]


class SseS3(Value):
    """Encrypted with keys that the bucket's owner leaves to S3."""

    type: Literal["sse-s3"]


class SseKms(Value):
    """Encrypted with a KMS key: `keyId` is a key id, an ARN or an alias."""

    type: Literal["sse-kms"]
    key_id: Annotated[str, Field(min_length=1, max_length=2048, description="A key's id, ARN or alias.")]


S3Encryption = Annotated[SseS3 | SseKms, Field(discriminator="type")]
Region = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", description="Such as eu-west-1.")]
BucketOwner = Annotated[str, Field(pattern=r"^[0-9]{12}$", description="Refuse a bucket of any other account.")]


def encryption_fields(encryption: S3Encryption | None) -> dict[str, str]:
    """What a request that makes an object says of it; nothing where the bucket's default decides."""
    match encryption:
        case None:
            return {}
        case SseS3():
            return {"ServerSideEncryption": "AES256"}
        case SseKms(key_id=key_id):
            return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id}
        case _:
            assert_never(encryption)


class S3Connection(Connection):
    """A folder of a bucket. Endpoint and default region come from the account."""

    bucket: Bucket
    path: Annotated[str, Field(max_length=900, description="The folder in the bucket.")] = ""
    region: Region | None = None
    expected_bucket_owner: BucketOwner | None = None
    encryption: Annotated[
        S3Encryption | None, Field(description="Of each object; else as the bucket's default says.")
    ] = None
    access: Access = "read-write"

    def url(self) -> str:
        """`s3://bucket/path`."""
        return f"s3://{self.bucket}/{self.path.strip('/')}".rstrip("/")

    def folder(self, realm: str) -> Folder:
        """A folder of a bucket, which is another one at another endpoint."""
        return Folder(("s3", realm, self.bucket), self.path, "path" if self.path else "bucket")

    @property
    def deletes(self) -> bool:
        """Not where it is write-only."""
        return self.access == "read-write"


S3 = DestinationType(
    name="s3",
    title="Amazon S3",
    summary="Files in a folder of a bucket of Amazon S3, or of a store that speaks its protocol.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=S3Connection,
    opens="reconciler.destinations.s3:open_s3",
    accounts=("aws",),
    extra="s3",
)
