"""What tests know of a running S3 server: where it is, with which keys, and how a subprocess gets to know it."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class S3Server:
    """An endpoint and its keys."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"

    def at(self, endpoint: str) -> S3Server:
        """The same server behind another address: a proxy's."""
        return replace(self, endpoint=endpoint)

    def env(self) -> Mapping[str, str]:
        """Environment variables with which any AWS client finds this server: ambient credentials for subprocesses."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self) -> S3Client:
        """A plain boto3 client, for preparing and for looking; one for each server, since they take long to make."""
        return _client(self)

    def create_bucket(self, prefix: str = "test") -> str:
        """A new bucket with a name that no other test has."""
        name = f"{prefix}-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name


@functools.cache
def _client(server: S3Server) -> S3Client:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}),
    )
