"""`validate --connect`: real servers, principals that lack one permission each, and nothing left anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.destinations.base import OWNER_MARKER
from tests.cli.clouds import Shop
from tests.cli.support import Reconcile
from tests.servers.azurite import AzureServer
from tests.servers.faultproxy import Answer, FaultProxy, Rule
from tests.servers.gcs import GcsServer
from tests.servers.listener import Listener, listening
from tests.servers.openssh import SshServer
from tests.servers.s3 import S3Server
from tests.servers.seaweedfs import READ_ONLY, limited

KEYS = "auth: {accessKey: {accessKeyId: {fromEnv: ID}, secretAccessKey: {fromEnv: KEY}}}"


def tree(folder: Path) -> list[str]:
    """All but the files that a ledger in a folder locks, one for each of 256 groups of keys."""
    found = (str(each.relative_to(folder)) for each in folder.rglob("*"))
    return sorted(each for each in found if not each.startswith("ledger/.locks"))


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture
def local(tmp_path: Path, reconcile: Reconcile) -> Shop:
    """A project that exports into a folder that isn't there yet."""
    shop = Shop(tmp_path, reconcile, type="local", account="{type: aws}", connection="{path: out/box}")
    shop.change("account: cloud, ", "")
    shop.change("apiVersion: reconciler/v1\nkind: Account\nmetadata: {name: cloud}\nspec: {type: aws}\n---\n", "")
    return shop


@pytest.fixture
def s3(tmp_path: Path, reconcile: Reconcile, seaweed_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The same into a bucket, through the proxy of `seaweed_proxy`. `monkeypatch` gives the keys."""
    monkeypatch.setenv("ID", seaweed_server.access_key)
    monkeypatch.setenv("KEY", seaweed_server.secret_key)
    return Shop(tmp_path, reconcile, type="s3", account="{type: aws}", connection="{bucket: none}")


def in_bucket(shop: Shop, server: S3Server, endpoint: str, more: str = "") -> str:
    bucket = server.create_bucket()
    shop.change("{type: aws}", f"{{type: aws, {KEYS}, region: us-east-1, endpoints: {{s3: '{endpoint}'}}}}")
    shop.change("{bucket: none}", f"{{bucket: {bucket}, path: exports{more}}}")
    return bucket


def left(server: S3Server, bucket: str) -> list[str]:
    client = server.client()
    objects = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [each["Key"] for each in objects] + [each["Key"] for each in uploads]


# nothing is left, and without the flag nothing is done


def test_a_folder_that_is_not_there_is_tried_and_gone_again(local: Shop) -> None:
    before = tree(local.folder)
    assert "✓" not in local.call("validate")
    assert tree(local.folder) == before
    out = local.call("validate", "--connect")
    assert tree(local.folder) == before
    assert "✓ destination  " in out
    assert "removed a probe" in out
    assert "✓ dataset      " in out
    assert "listed 1 file, read one" in out
    assert "isn't there, and can be made" in out


def test_what_is_applied_is_as_it_was(local: Shop) -> None:
    local.call("apply", "--yes", "--no-exports", "--at", "2054-12-01T00:00Z")
    before = tree(local.folder)
    assert "read, wrote, replaced and removed a probe" in local.call("validate", "--connect")
    assert tree(local.folder) == before


def test_json_says_what_was_tried(local: Shop) -> None:
    data = json.loads(local.call("validate", "--connect", "--format", "json"))
    assert (data["version"], data["diagnostics"]) == (1, [])
    assert {each["kind"] for each in data["connected"]} == {"destination", "dataset", "ledger"}
    assert "connected" not in json.loads(local.call("validate", "--format", "json"))


def test_what_is_invalid_is_not_tried(local: Shop) -> None:
    local.change("dataset: people", "dataset: peolpe")
    before = tree(local.folder)
    assert "R101" in local.call("validate", "--connect", code=3)
    assert tree(local.folder) == before


# who may what


def test_a_bucket_that_may_be_used_is_empty_afterwards(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy
) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    out = s3.call("validate", "--connect")
    assert "✓ account " in out
    assert "wrote, read back, removed a probe" in out
    assert left(seaweed_server, bucket) == []


DENIED = [
    (Rule(Answer(403, "AccessDenied"), "POST", r"uploads"), "D104", "s3:PutObject"),
    (Rule(Answer(403, "AccessDenied"), "PUT", r"partNumber="), "D104", "s3:PutObject"),
    (Rule(Answer(403, "AccessDenied"), "GET", r"[?&]uploads"), "D104", "s3:ListBucketMultipartUploads"),
    (Rule(Answer(403, "AccessDenied"), "GET", r"probe-[0-9a-f]{16}(\?x-id=GetObject)?$"), "D104", "s3:GetObject"),
    (Rule(Answer(403, "AccessDenied"), "GET", r"list-type=2"), "D104", "s3:ListBucket"),
    (Rule(Answer(403, "AccessDenied"), "DELETE", r"probe-[0-9a-f]{16}(\?x-id=DeleteObject)?$"), "D104", "s3:DeleteObject"),
    (
        Rule(Answer(403, "AccessDenied", message="is not authorized to perform: kms:GenerateDataKey"), "POST", r"uploads"),
        "D108",
        "kms:GenerateDataKey",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "code", "needed"), DENIED, ids=[f"{each[2]} {at}" for at, each in enumerate(DENIED)])
def test_the_missing_action_is_named_where_the_connection_stands(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy, rule: Rule, code: str, needed: str
) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    seaweed_proxy.add(rule)
    out = s3.call("validate", "--connect", "--format", "github", code=1)
    (line,) = out.splitlines()
    assert line.startswith("::error file=reconcile.yaml,line=14,col=")
    assert f"title={code} " in line
    assert needed in line
    assert left(seaweed_server, bucket) == []


def test_all_that_is_missing_is_named_at_once(s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    for rule, *_ in (DENIED[0], DENIED[2], DENIED[5]):
        seaweed_proxy.add(rule)
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert found["code"] == "D104"
    assert found["detail"].startswith(f"s3://{bucket}: s3:PutObject is not allowed.")
    assert found["detail"].endswith("Not allowed either: s3:ListBucketMultipartUploads, s3:DeleteObject.")
    assert left(seaweed_server, bucket) == []


def test_who_may_do_nothing_is_told_all_of_it(s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    """The owner marker can't be read, so that nothing is published: what is tried shows nothing to anybody."""
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), path=f"/{bucket}"))
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert found["detail"].startswith(f"s3://{bucket}: s3:GetObject is not allowed (or s3:ListBucket")
    assert found["detail"].endswith(
        "Not allowed either: s3:PutObject, s3:ListBucketMultipartUploads, s3:AbortMultipartUpload, s3:DeleteObject, s3:ListBucket."
    )
    out = s3.call("apply", "--yes", "--at", "2054-12-01T00:00Z", code=6)
    assert (
        "Not allowed either: s3:ListBucketMultipartUploads, s3:AbortMultipartUpload, s3:DeleteObject, s3:ListBucket, "
        in out
    )
    assert "perhaps s3:GetObject, which s3:ListBucket would tell." in out


def test_an_upload_that_cannot_be_given_up_is_not_opened_again(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy
) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), "DELETE", r"uploadId="))
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), "GET", r"list-type=2"))
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert found["detail"].startswith(f"s3://{bucket}: s3:AbortMultipartUpload is not allowed.")
    assert found["detail"].endswith("Not allowed either: s3:ListBucket.")
    assert len(left(seaweed_server, bucket)) == 1


def test_what_is_missing_of_write_only_access(s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint, ", access: write-only")
    s3.change("onRemove: purge", "onRemove: keep")
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), path=f"/{bucket}"))
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert found["detail"].startswith(f"s3://{bucket}: s3:PutObject is not allowed.")
    assert found["detail"].endswith("Not allowed either: s3:ListBucketMultipartUploads, s3:AbortMultipartUpload.")


def test_keys_that_may_only_read(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    reader = limited(seaweed_server, READ_ONLY)
    monkeypatch.setenv("ID", reader.access_key)
    monkeypatch.setenv("KEY", reader.secret_key)
    out = s3.call("validate", "--connect", code=1)
    assert "D104" in out
    assert "s3:PutObject is not allowed" in out
    assert "1 error in 1 of 1 file" in out
    assert left(seaweed_server, bucket) == []


def test_what_can_only_be_written_to_is_not_published_to(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy
) -> None:
    bucket = in_bucket(s3, seaweed_server, seaweed_proxy.endpoint, ", access: write-only")
    s3.change("onRemove: purge", "onRemove: keep")
    assert "nothing was published" in s3.call("validate", "--connect")
    assert left(seaweed_server, bucket) == []


def test_a_role_that_may_not_be_assumed(
    s3: Shop, moto_proxy: FaultProxy, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.change(
        "{type: aws}",
        f"{{type: aws, auth: {{{KEYS[7:-1]}, assumeRole: {{roleArn: 'arn:aws:iam::123456789012:role/export'}}}}, "
        f"endpoints: {{s3: '{moto_proxy.endpoint}', sts: '{moto_proxy.endpoint}'}}}}",
    )
    moto_proxy.add(Rule(Answer(403, "AccessDenied"), when=lambda request: b"AssumeRole" in request.body))
    found = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert {(each["code"], each["subject"]) for each in found} == {
        ("A105", "Account/cloud"),
        ("A105", "Destination/box"),
    }
    assert "sts:AssumeRole" in found[0]["detail"]


@pytest.mark.parametrize(
    ("rule", "needed", "more"),
    [
        (Rule(Answer(403, "AccessDenied"), "GET", r"list-type=2"), "s3:ListBucket", "Whether s3:GetObject is allowed"),
        (Rule(Answer(403, "AccessDenied"), "GET", r"a\.csv"), "s3:GetObject", ""),
    ],
)
def test_a_dataset_that_may_not_be_read(
    s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy, rule: Rule, needed: str, more: str
) -> None:
    in_bucket(s3, seaweed_server, seaweed_server.endpoint)
    bucket = seaweed_server.create_bucket()
    seaweed_server.client().put_object(Bucket=bucket, Key="people/a.csv", Body=b"prospect_id,country\n1,US\n")
    s3.change("  location: data\n", f"  location: s3://{bucket}/people/\n  account: lake\n")
    s3.add(
        "apiVersion: reconciler/v1\nkind: Account\nmetadata: {name: lake}\n"
        f"spec: {{type: aws, {KEYS}, endpoints: {{s3: '{seaweed_proxy.endpoint}'}}}}\n"
    )
    assert "listed 1 file, read one" in s3.call("validate", "--connect")
    seaweed_proxy.add(rule)
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert (found["code"], found["subject"]) == ("F104", "Dataset/people")
    assert f"{needed} is not allowed" in found["detail"]
    assert more in found["detail"]


def test_a_ledger_that_may_not_be_written_to(s3: Shop, seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    in_bucket(s3, seaweed_server, seaweed_proxy.endpoint)
    bucket = seaweed_server.create_bucket()
    s3.change('url: "file://ledger"', f"url: s3://{bucket}/ledger, account: cloud")
    s3.call("validate", "--connect")
    assert left(seaweed_server, bucket) == []
    seaweed_proxy.add(Rule(Answer(403, "AccessDenied"), "PUT", rf"{bucket}/"))
    (found,) = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert (found["code"], found["subject"]) == ("L135", "Project/shop")
    assert "s3:PutObject" in found["detail"]


def test_what_another_ledger_owns_is_not_touched(local: Shop) -> None:
    box = local.folder / "out" / "box"
    box.mkdir(parents=True)
    (box / OWNER_MARKER).write_text('{"formatVersion": 1, "lineage": "another"}')
    before = tree(local.folder), box.stat().st_mtime_ns
    out = local.call("validate", "--connect", code=1)
    assert "D101" in out
    assert (tree(local.folder), box.stat().st_mtime_ns) == before


def test_a_folder_that_vanished_after_it_was_applied(local: Shop) -> None:
    local.call("apply", "--yes", "--no-exports", "--at", "2054-12-01T00:00Z")
    (local.folder / "out" / "box" / OWNER_MARKER).unlink()
    (local.folder / "out" / "box").rmdir()
    assert "D102" in local.call("validate", "--connect", code=1)


def test_a_folder_that_cannot_be_made(local: Shop) -> None:
    (local.folder / "out").write_text("a file")
    out = local.call("validate", "--connect", code=1)
    assert "reconcile.yaml:9:" in out
    assert (local.folder / "out").read_text() == "a file"


# other clouds


def test_sftp(tmp_path: Path, reconcile: Reconcile, openssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTNER_KEY", openssh_server.key.read_text())
    root = openssh_server.folder()
    connection = (
        f"{{host: 127.0.0.1, port: {openssh_server.port}, path: {root}/a/b, hostKeys: ['{openssh_server.host_key}']}}"
    )
    account = f"{{type: sftp, user: {openssh_server.user}, key: {{fromEnv: PARTNER_KEY}}}}"
    shop = Shop(tmp_path, reconcile, type="sftp", account=account, connection=connection)
    assert "removed a probe" in shop.call("validate", "--connect")
    assert list(root.iterdir()) == []
    shop.change("/a/b", "/a/b, access: write-only")
    shop.change("onRemove: purge", "onRemove: keep")
    assert "nothing was published" in shop.call("validate", "--connect")
    assert list(root.iterdir()) == []
    shop.change("/a/b", "/sub/box")
    (root / "sub").write_text("a file")
    assert "D1" in shop.call("validate", "--connect", code=1)
    shop.change(openssh_server.host_key, openssh_server.host_key[:-6] + "AAAAAA")
    (found,) = json.loads(shop.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert (found["code"], found["line"]) == ("A152", 14)
    shop.change("user: " + openssh_server.user, "user: somebody")
    shop.change(openssh_server.host_key[:-6] + "AAAAAA", openssh_server.host_key)
    (found,) = json.loads(shop.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert (found["code"], found["line"]) == ("A150", 14)


def test_azure(
    tmp_path: Path, reconcile: Reconcile, azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = azure_server.create_container()
    shop = Shop(
        tmp_path,
        reconcile,
        type="azure-blob",
        account="{type: azure, storageAccount: devstoreaccount1, auth: {sas: {fromEnv: SAS}}, "
        f"endpoints: {{blob: '{azure_server.blob}'}}}}",
        connection=f"{{container: {container}, path: exports}}",
    )
    monkeypatch.setenv("SAS", azure_server.sas(container))
    assert "removed a probe" in shop.call("validate", "--connect")
    for granted, missing, others in (
        ("rcwl", "d (delete)", ""),
        ("r", "d (delete)", "w (write), l (list), c (create)"),
        ("cw", "r (read)", "l (list), d (delete)"),
    ):
        monkeypatch.setenv("SAS", azure_server.sas(container, granted))
        (found,) = json.loads(shop.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
        assert (found["code"], f"{missing} is not allowed" in found["detail"]) == ("D104", True), found
        said = found["detail"].partition("Not allowed either: ")[2]
        assert said.rstrip(".") == others
    left = azure_server.container(container).list_blobs(include=["uncommittedblobs"])
    # What waits there is unseen, and goes with the first probe that may delete.
    assert [item.name.rpartition("/")[2] for item in left] == ["1.staged"]


def test_gcs(
    tmp_path: Path, reconcile: Reconcile, gcs_server: GcsServer, gcs_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GCS_KEY", gcs_server.key)
    shop = Shop(
        tmp_path,
        reconcile,
        type="gcs",
        account=f'{{type: gcp, auth: {{serviceAccount: {{fromEnv: GCS_KEY}}}}, endpoints: {{storage: "{gcs_proxy.endpoint}"}}}}',
        connection=f"{{bucket: {gcs_server.create_bucket()}, path: exports}}",
    )
    out = shop.call("validate", "--connect")
    assert "got a token" in out
    assert "removed a probe" in out
    gcs_proxy.add(Rule(Answer(403), "DELETE"))
    out = shop.call("validate", "--connect", code=1)
    assert "storage.objects.delete is not allowed" in out
    assert "Not allowed either" not in out
    gcs_proxy.add(Rule(Answer(403), "GET", r"/o\?"))
    gcs_proxy.add(Rule(Answer(403), "POST", "/moveTo/"))
    gcs_proxy.add(Rule(Answer(403), "POST", "/upload/"))
    (found,) = json.loads(shop.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    assert "storage.objects.delete is not allowed" in found["detail"]
    assert found["detail"].endswith(
        "Not allowed either: storage.objects.create, storage.objects.list, storage.objects.get with storage.objects.delete, or "
        "storage.objects.move."
    )


# secrets and alert channels


def test_a_secret_that_is_not_there_is_one_finding_at_its_place(s3: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.change("{type: aws}", f"{{type: aws, {KEYS}}}")
    monkeypatch.delenv("KEY")
    found = json.loads(s3.call("validate", "--connect", "--format", "json", code=1))["diagnostics"]
    ((code, line, column),) = [(each["code"], each["line"], each["column"]) for each in found]
    assert (code, line) == ("A101", 9)
    assert s3.text.splitlines()[line - 1][column - 1 :].startswith("{fromEnv: KEY}")


CHANNEL = "apiVersion: reconciler/v1\nkind: AlertChannel\nmetadata: {{name: events}}\nspec: {}\n"


@pytest.mark.parametrize(
    ("answer", "code"), [(200, ""), (204, ""), (405, ""), (401, "N101"), (403, "N101"), (302, "N103"), (503, "N101")]
)
def test_a_channel_is_asked_and_sent_nothing(local: Shop, listener: Listener, answer: int, code: str) -> None:
    listener.received.clear()
    listener.answers[:] = [answer]
    local.add(CHANNEL.format(f"{{type: cloudevents, url: '{listener.url}/alerts'}}"))
    out = local.call("validate", "--connect", code=1 if code else 0)
    assert (code or "✓ alert channel  events") in out
    (asked,) = listener.received
    assert (asked.method, asked.path, asked.body) == ("OPTIONS", "/alerts", b"")


def test_channels_of_other_types(local: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    local.add(CHANNEL.format("{type: file, path: alerts.jsonl}"))
    assert "the file can be made" in local.call("validate", "--connect")
    assert not (local.folder / "alerts.jsonl").exists()
    local.change("alerts.jsonl", "data")
    assert "N102" in local.call("validate", "--connect", code=1)
    local.change("{type: file, path: data}", "{type: apprise, url: {fromEnv: CHAT}}")
    monkeypatch.setenv("CHAT", "json://127.0.0.1:9/x")
    assert "nothing was sent" in local.call("validate", "--connect")
    monkeypatch.setenv("CHAT", "nosuch://hunter2")
    out = local.call("validate", "--connect", code=1)
    assert "N102" in out
    assert "hunter2" not in out
