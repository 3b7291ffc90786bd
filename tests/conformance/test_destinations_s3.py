"""The `s3` type passes the suite: on SeaweedFS (real conditional writes), write-only too, and on moto (encryption)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.s3 import S3Connection
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.s3 import S3Destination
from reconciler.resources.accounts.aws import AwsAccountSpec
from tests.conformance.destinations import DestinationConformance
from tests.conformance.stores import s3_session
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule
from tests.servers.s3 import S3Server


def session_for(server: S3Server) -> AwsSession:
    """A session with the server's keys."""
    spec = AwsAccountSpec.model_validate(
        {
            "type": "aws",
            "auth": {"accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}}},
            "region": server.region,
            "endpoints": {"s3": server.endpoint},
        }
    )
    return AwsSession(spec, SecretSource(Path("/"), {"ID": server.access_key, "KEY": server.secret_key}))


class S3Bench:
    """A folder of its own in a bucket of the server's, since SeaweedFS takes its time to make buckets; a session that others use too,
    since clients take long to make.

    `through`: another address of the server, a proxy's, with a session of its own, unless one is given: what clients remember of
    failures is theirs alone. `own_bucket`: a bucket for this bench alone.
    """

    big = 20 << 20
    many = 1_050
    _shared: ClassVar[dict[str, str]] = {}

    def __init__(
        self,
        server: S3Server,
        path: str | None = None,
        through: str = "",
        *,
        own_bucket: bool = False,
        session: AwsSession | None = None,
        **connection: Any,
    ) -> None:
        self.server = server
        self.through = server.at(through) if through else server
        if own_bucket:
            self.bucket = server.create_bucket()
        else:
            self.bucket = self._shared.get(server.endpoint) or self._shared.setdefault(
                server.endpoint, server.create_bucket()
            )
        path = f"exports/{secrets.token_hex(6)}" if path is None else path
        self.prefix = f"{path}/" if path else ""
        self.connection = S3Connection.model_validate({"bucket": self.bucket, "path": path, **connection})
        self.client = server.client()
        self.session = session or (session_for if through else s3_session)(self.through)

    def open(self) -> S3Destination:
        return S3Destination(self.connection, self.session)

    def visible(self) -> dict[str, bytes]:
        return {
            name: self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)["Body"].read()
            for name in self.names()
            if name not in (OWNER_MARKER, ".reconciler-probe")
        }

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        return [item["Key"].removeprefix(self.prefix) for page in pages for item in page.get("Contents", ())]

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)

    def leftovers(self) -> list[str]:
        """Open uploads, probes, and what waits to replace another file."""
        found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.prefix).get("Uploads", ())
        probes = [name for name in self.names() if name.startswith((".reconciler-probe-", ".reconciler-staging/"))]
        return [upload["Key"] for upload in found] + probes


class TestSeaweedfs(DestinationConformance):
    @pytest.fixture
    def bench(self, seaweed_server: S3Server) -> S3Bench:
        return S3Bench(seaweed_server)


def _reads_or_deletes(request: Request) -> bool:
    return request.method in ("GET", "HEAD", "DELETE") and "upload" not in request.path.partition("?")[2]


@pytest.fixture(scope="module")
def forbidding(seaweed_server: S3Server) -> Iterator[S3Server]:
    """Where reading, listing and deleting objects is forbidden: SeaweedFS has no permission for it, so the proxy
    forbids."""
    with FaultProxy(seaweed_server.endpoint) as proxy:
        proxy.add(Rule(Answer(403, "AccessDenied"), when=_reads_or_deletes))
        yield seaweed_server.at(proxy.endpoint)


class TestSeaweedfsWriteOnly(DestinationConformance):
    @pytest.fixture
    def bench(self, seaweed_server: S3Server, forbidding: S3Server) -> S3Bench:
        session = s3_session(forbidding)
        return S3Bench(seaweed_server, through=forbidding.endpoint, session=session, access="write-only")


class TestMotoSseS3(DestinationConformance):
    @pytest.fixture
    def bench(self, moto_server: S3Server) -> S3Bench:
        return S3Bench(moto_server, encryption={"type": "sse-s3"}, expectedBucketOwner="123456789012")

    test_delete_of_very_many = None  # once is enough: making so many takes long
