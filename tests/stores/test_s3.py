"""What S3 adds: answers and what they mean, permissions, owners, stores that ignore preconditions."""

from __future__ import annotations

import dataclasses
import json
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from reconciler.catalog.s3 import S3Encryption
from reconciler.errors import StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Store
from reconciler.stores import base, s3_blobs, s3_objects
from reconciler.stores.blobs import commit_blob, sha256_of
from reconciler.stores.s3 import S3Store
from reconciler.stores.s3_objects import S3Place
from tests.conformance.stores import committed, create, delete, document, fields, replace, s3_session
from tests.servers.faultproxy import Answer, Delay, Drop, Fault, FaultProxy, Lose, Request, Rule, Strip, Tear
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import READ_ONLY, WRITE_ONLY, limited

KEY = "flows/agency/audience/us"


@pytest.fixture(scope="module")
def bucket(seaweed_server: S3Server) -> str:
    return seaweed_server.create_bucket()


def opened(server: S3Server, bucket: str, **place: object) -> S3Store:
    return S3Store(S3Place(bucket, f"l-{secrets.token_hex(4)}", **place), s3_session(server))  # type: ignore[arg-type]


def same(store: S3Store, server: S3Server) -> S3Store:
    """The same ledger as seen by others."""
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    return S3Store(S3Place(bucket, prefix), s3_session(server))


def puts(proxy: FaultProxy) -> list[Request]:
    return [request for request in proxy.seen if request.method == "PUT"]


def test_objects_are_json_below_the_prefix(seaweed_server: S3Server, bucket: str) -> None:
    store = opened(seaweed_server, bucket)
    store.create(KEY, document(n=1)[1])
    name = f"{store.url.removeprefix(f's3://{bucket}/')}/{KEY}.json"
    found = seaweed_server.client().get_object(Bucket=bucket, Key=name)
    assert json.loads(found["Body"].read())["n"] == 1
    assert found["ContentType"] == "application/json"
    assert store.url == f"s3://{bucket}/{name.split('/')[0]}"


@pytest.mark.parametrize(
    "fault", [Lose(), Drop(), Answer(500), Answer(503, "SlowDown"), Answer(409, "ConditionalRequestConflict")]
)
def test_a_conditional_write_is_sent_once_and_its_lost_answer_is_ambiguous(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy, fault: Lose | Drop | Answer
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    version = store.create("project", document()[1])
    effects: list[Callable[[], str]] = [
        lambda: store.create(KEY, document()[1]),
        lambda: store.replace("project", document()[1], version),
    ]
    for effect in effects:
        seaweed_proxy.clear()
        seaweed_proxy.add(Rule(fault, method="PUT"))
        with pytest.raises(AmbiguousWrite, match="L102"):
            effect()
        assert len(puts(seaweed_proxy)) == 1


def test_a_delete_is_sent_once_and_its_lost_answer_is_ambiguous(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    delete(store, "pins/first", committed(create(store, "pins/first")))
    version = committed(create(store, KEY))
    seaweed_proxy.clear()
    seaweed_proxy.add(Rule(Lose(), method="DELETE"))
    with pytest.raises(AmbiguousWrite):
        store.delete(KEY, version)
    assert [request.method for request in seaweed_proxy.seen] == ["DELETE"]
    assert seaweed_proxy.seen[0].headers["if-match"] == version
    assert store.read(KEY) is None


def test_an_answer_that_comes_too_late_is_ambiguous(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket, read_timeout=0.3)
    seaweed_proxy.add(Rule(Delay(1.5), method="PUT", nth=1))
    with pytest.raises(AmbiguousWrite, match="ReadTimeoutError"):
        store.create(KEY, document()[1])


def test_reads_are_tried_again(seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    committed(create(store, KEY, n=1))
    for fault in (Lose(), Drop(), Tear(), Answer(500), Answer(503, "SlowDown")):
        seaweed_proxy.clear()
        seaweed_proxy.add(Rule(fault, method="GET", nth=1))
        assert fields(store, KEY)["n"] == 1
        assert len(seaweed_proxy.seen) == 2
    seaweed_proxy.clear()
    seaweed_proxy.add(Rule(Answer(500), method="GET", nth=1))
    assert [key for key, _ in store.list("")] == [KEY]


def test_a_store_that_never_answers_is_named_unreachable() -> None:
    server = S3Server("http://127.0.0.1:9", "access", "secret")
    store = opened(server, "some-bucket")
    with pytest.raises(StoreError, match="L130") as caught:
        store.read(KEY)
    assert "s3://some-bucket" in caught.value.detail


def test_a_bucket_that_is_not_there_is_named(seaweed_server: S3Server) -> None:
    store = opened(seaweed_server, "no-such-bucket")
    for act in (
        lambda: store.read(KEY),
        lambda: store.create(KEY, b"{}"),
        lambda: store.probe(),
        lambda: store.list(""),
    ):
        with pytest.raises(StoreError, match="L131") as caught:
            act()
        assert "no-such-bucket" in caught.value.detail


@pytest.mark.parametrize(
    ("keys", "act", "action"),
    [
        (READ_ONLY, lambda store: store.create("a", b"{}"), "s3:PutObject"),
        (READ_ONLY, lambda store: store.replace("a", b"{}", '"x"'), "s3:PutObject"),
        (WRITE_ONLY, lambda store: store.read("a"), "s3:GetObject"),
        (WRITE_ONLY, lambda store: store.list(""), "s3:ListBucket"),
        (WRITE_ONLY, lambda store: store.probe(), "s3:ListBucket"),
    ],
)
def test_a_missing_permission_is_named(
    seaweed_server: S3Server, bucket: str, keys: tuple[str, str], act: Callable[[Store], object], action: str
) -> None:
    with pytest.raises(StoreError, match="L135") as caught:
        act(opened(limited(seaweed_server, keys), bucket))
    assert f"{action} is not allowed" in caught.value.detail
    assert keys[1] not in str(caught.value)


def test_a_forbidden_delete_is_named(seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    version = committed(create(store, KEY))
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), method="DELETE"))
    with pytest.raises(StoreError, match="s3:DeleteObject is not allowed"):
        store.delete(KEY, version)
    assert store.read(KEY) is not None


def test_what_aws_says_is_missing_is_believed(moto_server: S3Server, moto_proxy: FaultProxy) -> None:
    """Amazon names the action, such as one of KMS, in its message."""
    store = opened(moto_server.at(moto_proxy.endpoint), moto_server.create_bucket())
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: arn"
    moto_proxy.add(Rule(Answer(403, "AccessDenied", message=said), method="PUT"))
    with pytest.raises(StoreError, match="kms:GenerateDataKey is not allowed"):
        store.create(KEY, document()[1])


def test_wrong_keys_are_named_without_showing_them(seaweed_server: S3Server, bucket: str) -> None:
    store = opened(dataclasses.replace(seaweed_server, secret_key="not-the-secret"), bucket)
    for act in (lambda: store.read(KEY), lambda: store.create(KEY, b"{}")):
        with pytest.raises(StoreError, match="L133") as caught:
            act()
        assert "not-the-secret" not in str(caught.value)


def test_the_expected_owner_goes_with_every_request(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket, expected_owner="123456789012")
    store.probe()
    committed(replace(store, KEY, committed(create(store, KEY))))
    list(store.list(""))
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in seaweed_proxy.seen} == {"123456789012"}


def test_a_bucket_of_another_owner_is_refused(seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy) -> None:
    """No server for tests compares owners: the proxy answers as Amazon does."""
    seaweed_proxy.add(
        Rule(Answer(403, "AccessDenied"), when=lambda r: r.headers.get("x-amz-expected-bucket-owner") != "999999999999")
    )
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket, expected_owner="123456789012")
    with pytest.raises(StoreError, match="isn't owned by account 123456789012"):
        store.create(KEY, document()[1])
    mine = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket, expected_owner="999999999999")
    committed(create(mine, KEY))


@pytest.mark.parametrize(
    ("encryption", "said"),
    [
        ({"type": "sse-kms", "keyId": "alias/ledger"}, ("aws:kms", "alias/ledger")),
        ({"type": "sse-s3"}, ("AES256", None)),
        (None, (None, None)),
    ],
)
def test_documents_are_encrypted_as_declared(
    moto_server: S3Server, encryption: dict[str, str] | None, said: tuple[str | None, str | None]
) -> None:
    bucket = moto_server.create_bucket()
    parsed = TypeAdapter(S3Encryption).validate_python(encryption) if encryption else None
    store = opened(moto_server, bucket, encryption=parsed)
    version = committed(create(store, KEY, n=1))
    committed(replace(store, KEY, version, n=2))
    name = moto_server.client().list_objects_v2(Bucket=bucket)["Contents"][0]["Key"]
    head = moto_server.client().head_object(Bucket=bucket, Key=name)
    assert said[0] is None or head["ServerSideEncryption"] == said[0]
    assert head.get("SSEKMSKeyId") == said[1]


@pytest.mark.parametrize("code", ["KMS.NotFoundException", "KMS.DisabledException", "KMS.KMSInvalidStateException"])
def test_a_key_that_can_not_be_used_is_said(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy, code: str
) -> None:
    seaweed_proxy.add(Rule(Answer(400, code), method="PUT"))
    with pytest.raises(StoreError, match=f"L142.*{code}.*kms:GenerateDataKey"):
        opened(seaweed_server.at(seaweed_proxy.endpoint), bucket).create(KEY, document()[1])


@pytest.mark.parametrize(
    ("method", "headers", "what"),
    [
        ("PUT|DELETE", ("if-match", "if-none-match"), "create"),
        ("PUT", ("if-none-match",), "create"),
        ("PUT", ("if-match",), "replace"),
    ],
)
def test_a_store_that_ignores_preconditions_is_found_out(
    moto_server: S3Server, moto_proxy: FaultProxy, method: str, headers: tuple[str, ...], what: str
) -> None:
    moto_proxy.add(Rule(Strip(headers), method=method))
    store = opened(moto_server.at(moto_proxy.endpoint), moto_server.create_bucket())
    with pytest.raises(StoreError, match="L134") as caught:
        store.probe()
    assert what in caught.value.detail
    assert list(store.list("")) == []


def test_a_store_that_says_it_has_no_preconditions_is_refused(moto_server: S3Server, moto_proxy: FaultProxy) -> None:
    moto_proxy.add(Rule(Answer(501, "NotImplemented"), conditional=True))
    with pytest.raises(StoreError, match="L134"):
        opened(moto_server.at(moto_proxy.endpoint), moto_server.create_bucket()).probe()


def test_where_deletes_ignore_preconditions_no_document_is_ever_removed_unconditionally(
    moto_server: S3Server, moto_proxy: FaultProxy
) -> None:
    moto_proxy.add(Rule(Strip(("if-match",)), method="DELETE"))
    bucket = moto_server.create_bucket()
    store = opened(moto_server.at(moto_proxy.endpoint), bucket)
    first = committed(create(store, KEY, n=1))
    second = committed(replace(store, KEY, first, n=2))
    delete(store, KEY, first)
    assert fields(store, KEY)["n"] == 2
    committed(delete(store, KEY, second))
    deleted = [request.path for request in moto_proxy.seen if request.method == "DELETE"]
    assert deleted
    assert all("/probe/" in path for path in deleted)
    # Another process, whose own probe says something else, understands it too.
    other = same(store, moto_server)
    assert other.read(KEY) is None
    assert list(other.list("")) == []
    committed(delete(other, KEY, committed(create(other, KEY, n=3))))
    assert moto_server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_documents_are_deleted_for_good_where_preconditions_are_honoured(seaweed_server: S3Server) -> None:
    bucket = seaweed_server.create_bucket()
    store = opened(seaweed_server, bucket)
    committed(delete(store, KEY, committed(create(store, KEY))))
    assert seaweed_server.client().list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_what_killed_probes_left_goes_once_it_is_stale(
    seaweed_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty objects too, which stand for deleted documents where deletes aren't conditional."""
    store, client = opened(seaweed_server, bucket), seaweed_server.client()
    committed(create(store, KEY))
    prefix = store.url.removeprefix(f"s3://{bucket}/")
    for name, content in (("dead", b"{}"), ("deleted", b"")):
        client.put_object(Bucket=bucket, Key=f"{prefix}/probe/{name}.json", Body=content)

    def there() -> list[str]:
        found = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/")
        return [each["Key"].removeprefix(f"{prefix}/") for each in found["Contents"]]

    store.probe()
    assert there() == [f"{KEY}.json", "probe/dead.json", "probe/deleted.json"]
    monkeypatch.setattr(base, "STALE", timedelta(seconds=-1))  # a store tells its time in whole seconds
    store.probe()
    assert there() == [f"{KEY}.json"]


def test_a_process_that_only_deletes_sweeps_too(
    seaweed_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first delete tries on a document of its own whether deletes are conditional: killed there, a run leaves that."""
    store, client = opened(seaweed_server, bucket), seaweed_server.client()
    version = committed(create(store, KEY))
    prefix = store.url.removeprefix(f"s3://{bucket}/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/probe/dead.json", Body=b"{}")
    monkeypatch.setattr(base, "STALE", timedelta(seconds=-1))
    store.delete(KEY, version)
    assert client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/probe/").get("Contents", []) == []


def test_other_objects_below_the_prefix_are_not_documents(seaweed_server: S3Server, bucket: str) -> None:
    store = opened(seaweed_server, bucket)
    committed(create(store, KEY))
    prefix = store.url.removeprefix(f"s3://{bucket}/")
    for name in ("readme.txt", "flows/", "empty.json"):
        seaweed_server.client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=b"")
    assert [key for key, _ in store.list("")] == [KEY]


def test_a_huge_object_is_not_read(seaweed_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(seaweed_server, bucket)
    store.create(KEY, b"x" * 2000)
    monkeypatch.setattr("reconciler.stores.s3_objects.LARGEST", 1000)
    with pytest.raises(StoreError, match="L138"):
        store.read(KEY)


# Blobs that one PutObject doesn't take ---------------------------------------------------------------------------------------

SNAPSHOT = "snapshots/r0123456789abcdef"
_PART = 5 << 20


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that is too large, as if 5 MiB were all that a request takes: of three parts."""
    monkeypatch.setattr(s3_blobs, "AT_ONCE", _PART)
    monkeypatch.setattr(s3_blobs, "PART", _PART)
    path = tmp_path / "large"
    path.write_bytes(secrets.token_bytes(2 * _PART + 1))
    return path


def uploads(server: S3Server, bucket: str) -> list[str]:
    found = server.client().list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    return [each["Key"] for each in found]


def kept(server: S3Server, store: S3Store, path: Path, into: Path) -> None:
    """The file is there, whole, and nothing else of it."""
    other = same(store, server)
    assert dict(other.blobs("snapshots/")) == {SNAPSHOT: path.stat().st_size}
    assert other.read_blob(SNAPSHOT, into)
    assert sha256_of(into) == sha256_of(path)


def test_a_large_blob_goes_up_by_parts_and_is_never_written_over(
    seaweed_server: S3Server, seaweed_proxy: FaultProxy, bucket: str, large: Path, tmp_path: Path
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket, expected_owner="123456789012")
    store.write_blob(SNAPSHOT, large)
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in seaweed_proxy.seen} == {"123456789012"}
    kept(seaweed_server, store, large, tmp_path / "back")
    with pytest.raises(PreconditionFailed):
        store.write_blob(SNAPSHOT, large)
    commit_blob(store, SNAPSHOT, large)
    store.delete_blob(SNAPSHOT)
    assert list(store.blobs("")) == []


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500), Answer(500, after=True)], ids=lambda f: repr(f)[:12])
def test_each_request_of_a_large_blob_may_be_lost(
    seaweed_server: S3Server,
    seaweed_proxy: FaultProxy,
    bucket: str,
    large: Path,
    tmp_path: Path,
    fault: Fault,
    nth: int,
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    seaweed_proxy.add(Rule(fault, when=lambda request: request.method in ("PUT", "POST"), nth=nth))
    commit_blob(store, SNAPSHOT, large, sleep=lambda _: None)
    kept(seaweed_server, store, large, tmp_path / "back")
    assert not [key for key in uploads(seaweed_server, bucket) if key.startswith(store.url.rpartition("/")[2])]


def test_what_a_killed_runner_left_of_a_large_blob_goes_with_the_next(
    seaweed_server: S3Server, bucket: str, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is at the same key at once, what is beside it once it is old."""
    store = opened(seaweed_server, bucket)
    prefix = store.url.rpartition("/")[2]
    names = [f"{prefix}/{SNAPSHOT}.blob", f"{prefix}/snapshots/rfedcba9876543210.blob"]
    for name in names:
        seaweed_server.client().create_multipart_upload(Bucket=bucket, Key=name)
    store.write_blob(SNAPSHOT, large)
    assert [key for key in uploads(seaweed_server, bucket) if key in names] == names[1:]
    monkeypatch.setattr(s3_objects, "_FORGOTTEN", timedelta(0))
    time.sleep(1.1)  # the store's clock has seconds
    store.delete_blob(SNAPSHOT)
    store.write_blob(SNAPSHOT, large)
    assert [key for key in uploads(seaweed_server, bucket) if key in names] == []
    kept(seaweed_server, store, large, tmp_path / "back")


def test_a_large_blob_that_may_not_be_written_leaves_nothing(
    seaweed_server: S3Server, seaweed_proxy: FaultProxy, bucket: str, large: Path
) -> None:
    store = opened(seaweed_server.at(seaweed_proxy.endpoint), bucket)
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), when=lambda r: "partNumber=2" in r.path))
    with pytest.raises(StoreError, match="s3:PutObject is not allowed"):
        store.write_blob(SNAPSHOT, large)
    assert not [key for key in uploads(seaweed_server, bucket) if key.startswith(store.url.rpartition("/")[2])]
