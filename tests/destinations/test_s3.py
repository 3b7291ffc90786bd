"""What is particular to the `s3` type on real servers: parts, encryption, roles, permissions, memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.s3 import S3Connection
from reconciler.destinations.s3 import S3Destination
from reconciler.destinations.s3_place import S3Place
from reconciler.destinations.s3_sink import MAX_PARTS, S3Sink, part_size
from reconciler.errors import DestinationError
from reconciler.resources.accounts.aws import AwsAccountSpec
from tests.conformance.destinations import HERE, LINEAGE, RUN, content, staged
from tests.conformance.test_destinations_s3 import S3Bench, session_for
from tests.servers.faultproxy import FaultProxy, Rule, Strip
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import READ_ONLY, WRITE_ONLY, limited

ROOT = Path(__file__).parents[2]
NAME = f"us/part-{RUN}.csv"


def code_of(call: Any) -> str:
    with pytest.raises(DestinationError) as caught:
        call()
    return caught.value.code


# parts


def test_parts_keep_to_the_protocols_limits() -> None:
    sizes = [part_size(number) for number in range(1, MAX_PARTS + 1)]
    assert min(sizes) >= 5 << 20
    assert max(sizes) <= 64 << 20
    assert sizes == sorted(sizes)
    assert sum(sizes) > 400 << 30


def test_parts_grow_as_the_file_does(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    place = S3Place(bench.connection, bench.session)
    sink = S3Sink(place, NAME, _now, sizes=lambda number: number * (5 << 20))
    data = content(32 << 20)
    for at in range(0, len(data), 777_777):
        sink.write(data[at : at + 777_777])
    token = sink.finish(1)
    assert len(token.parts) == 4
    bench.open().publish(token)
    assert bench.visible() == {NAME: data}
    head = bench.client.head_object(Bucket=bench.bucket, Key=bench.prefix + NAME, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == token.checksum


def test_a_file_of_too_many_parts_is_refused(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    sink = S3Sink(S3Place(bench.connection, bench.session), NAME, _now, sizes=lambda _: 10, max_parts=3)
    sink.write(b"x" * 30)
    assert code_of(lambda: sink.write(b"x" * 10)) == "D106"
    sink.abort()
    assert bench.leftovers() == []


def test_keys_have_a_longest_length(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server, path="p" * 900)
    assert code_of(lambda: bench.open().stage(RUN, "é" * 60 + RUN)) == "D109"


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


# a whole bucket


def test_without_a_path_the_bucket_is_the_folder(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server, path="", own_bucket=True)
    place = bench.open()
    place.probe()
    place.claim_owner(LINEAGE)
    staged(place, f"us/gone-{RUN}.csv")
    token = staged(place, NAME)
    assert sorted(place.staged(RUN)) == sorted([NAME, f"us/gone-{RUN}.csv"])
    assert place.publish(token) in HERE
    assert place.discard(RUN) == 1
    assert [found.name for found in place.list()] == [NAME]
    assert place.location(NAME) == f"s3://{bench.bucket}/{NAME}"
    assert bench.leftovers() == []


def test_a_neighbours_folder_isnt_touched(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    other = S3Connection.model_validate({"bucket": bench.bucket, "path": f"{bench.connection.path}2"})
    neighbour = S3Destination(other, bench.session)
    staged(neighbour, NAME)
    assert bench.open().discard(RUN) == 0
    assert list(bench.open().staged()) == []
    assert list(neighbour.staged()) == [NAME]


# encryption


def test_kms_keys_encrypt_everything(moto_server: S3Server) -> None:
    import boto3

    kms = boto3.client(
        "kms",
        endpoint_url=moto_server.endpoint,
        region_name=moto_server.region,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    key = kms.create_key()["KeyMetadata"]["Arn"]
    bench = S3Bench(moto_server, encryption={"type": "sse-kms", "keyId": key})
    place = bench.open()
    place.probe()
    place.claim_owner(LINEAGE)
    token = staged(place, NAME, content(12 << 20))
    assert place.publish(token) in HERE
    assert bench.open().publish(token) in HERE
    for name in (NAME, ".reconciler-owner.json"):
        head = bench.client.head_object(Bucket=bench.bucket, Key=bench.prefix + name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_sse_s3_encrypts_everything(moto_server: S3Server) -> None:
    bench = S3Bench(moto_server, encryption={"type": "sse-s3"})
    place = bench.open()
    place.claim_owner(LINEAGE)
    place.publish(staged(place, NAME))
    for name in (NAME, ".reconciler-owner.json"):
        head = bench.client.head_object(Bucket=bench.bucket, Key=bench.prefix + name)
        assert head["ServerSideEncryption"] == "AES256"


# who may


def test_an_assumed_role_with_an_external_id(moto_server: S3Server, moto_proxy: FaultProxy) -> None:
    bench = S3Bench(moto_server)
    role = "arn:aws:iam::123456789012:role/export"
    spec = AwsAccountSpec.model_validate(
        {
            "type": "aws",
            "auth": {
                "accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}},
                "assumeRole": {"roleArn": role, "externalId": {"fromEnv": "EXTERNAL"}},
            },
            "region": moto_server.region,
            "endpoints": {"s3": moto_proxy.endpoint, "sts": moto_proxy.endpoint},
        }
    )
    env = {"ID": "x", "KEY": "x", "EXTERNAL": "agency-external-id"}
    place = S3Destination(bench.connection, AwsSession(spec, SecretSource(Path("/"), env)))
    place.probe()
    place.claim_owner(LINEAGE)
    token = staged(place, NAME)
    assert place.publish(token) in HERE
    assumed, *rest = [request for request in moto_proxy.seen if b"AssumeRole" in request.body]
    assert b"ExternalId=agency-external-id" in assumed.body
    assert rest == []
    assert all("x-amz-security-token" in request.headers for request in moto_proxy.seen if request is not assumed)
    assert "agency-external-id" not in token.model_dump_json() + place.location(NAME)


def test_read_only_keys(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    bench.session = session_for(limited(seaweed_server, READ_ONLY))
    with pytest.raises(DestinationError, match="s3:PutObject") as caught:
        bench.open().probe()
    assert caught.value.code == "D104"


def test_write_only_keys_where_reading_is_declared(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    bench.session = session_for(limited(seaweed_server, WRITE_ONLY))
    with pytest.raises(DestinationError, match=r"s3:(GetObject|ListBucket)") as caught:
        bench.open().probe()
    assert caught.value.code == "D104"


def test_keys_that_arent_known(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    for keys in (("nobody", "x"), (seaweed_server.access_key, "wrong")):
        bench.session = session_for(limited(seaweed_server, keys))
        with pytest.raises(DestinationError) as caught:
            bench.open().probe()
        assert caught.value.code == "D111"
        assert keys[1] not in str(caught.value).replace("wrong, expired", "")


def test_a_bucket_that_isnt_there(seaweed_server: S3Server) -> None:
    bench = S3Bench(seaweed_server)
    token = staged(bench.open(), NAME)
    bench.connection = bench.connection.model_copy(update={"bucket": "no-such-bucket"})
    place = bench.open()
    for call in (
        place.probe,
        place.owner,
        lambda: place.claim_owner(LINEAGE),
        lambda: place.stage(RUN, NAME),
        lambda: place.publish(token),
        lambda: place.discard(RUN),
        lambda: list(place.list()),
        lambda: list(place.read(NAME)),
        lambda: place.delete([NAME]),
    ):
        assert code_of(call) == "D102"


def test_a_store_that_isnt_there() -> None:
    server = S3Server("http://127.0.0.1:9", "x", "x")
    place = S3Destination(S3Connection(bucket="some-bucket"), session_for(server), sleep=lambda _: None)
    with pytest.raises(DestinationError) as caught:
        place.probe()
    assert (caught.value.code, caught.value.permanent) == ("D105", False)


@pytest.mark.parametrize("access", ["read-write", "write-only"])
def test_a_store_that_ignores_preconditions_is_found_out(
    moto_server: S3Server, moto_proxy: FaultProxy, access: str
) -> None:
    bench = S3Bench(moto_server, through=moto_proxy.endpoint, access=access)
    moto_proxy.add(Rule(Strip(), conditional=True))
    assert code_of(bench.open().probe) == "D107"
    assert bench.leftovers() == []


# memory

_STREAM = """
import resource, sys
from tests.conformance.test_destinations_s3 import session_for
from tests.servers.s3 import S3Server
from reconciler.catalog.s3 import S3Connection
from reconciler.destinations.local import LocalDestination
from reconciler.destinations.s3 import S3Destination
from pathlib import Path

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

kind, where, bucket = sys.argv[1:]
if kind == "s3":
    session = session_for(S3Server(where, "full-access-key", "full-secret-key"))
    place = S3Destination(S3Connection(bucket=bucket), session)
else:
    place = LocalDestination(Path(where))
    place.probe()
sink = place.stage("r0123456789abcdef", "r0123456789abcdef.bin")
sink.write(b"x")
before, chunk = peak(), bytes(1 << 20)
for _ in range(300):
    sink.write(chunk)
token = sink.finish(1)
place.publish(token)
total = sum(map(len, place.read(token.name)))
assert total == token.size == (300 << 20) + 1
assert peak() - before < 90, (before, peak())
"""


def test_memory_is_bounded_while_300_mib_stream(seaweed_server: S3Server, tmp_path: Path) -> None:
    for kind, where in (("s3", seaweed_server.endpoint), ("local", str(tmp_path))):
        bucket = seaweed_server.create_bucket()
        subprocess.run([sys.executable, "-c", _STREAM, kind, where, bucket], check=True, cwd=ROOT)
