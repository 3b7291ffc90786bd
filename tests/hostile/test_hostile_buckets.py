"""Buckets that aren't there, aren't ours, or forbid one action: through the command line, which says which one, shows nothing to
anybody meanwhile, and exports every row once it is allowed.

SeaweedFS stores, and a proxy before it refuses as Amazon does: no server for tests knows owners and single actions.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest

from reconciler.cli.main import run
from tests.hostile.shop import FLOW, Shop
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule
from tests.servers.s3 import S3Server

ACCOUNT = """
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: lake}}
spec:
  type: aws
  auth: {{accessKey: {{accessKeyId: {{fromEnv: KEY_ID}}, secretAccessKey: {{fromEnv: KEY}}}}}}
  endpoints: {{s3: "{endpoint}"}}
"""
DESTINATION = (
    "{{type: s3, account: lake, connection: {{bucket: {bucket}, path: exports, access: {access}{more}}}, "
    "format: {{type: csv, compression: none}}}}"
)
OWNER = "123456789012"
ROWS = b"prospect_id,country,score\np1,US,0.5\np2,US,0.5\n"
APPLY = ("apply", "--yes", "--at", "2054-12-01T00:00Z")
RUN = ("run", "--at", "2054-12-01T03:00Z")


@dataclass
class Buckets:
    """A ledger, a dataset and a destination, each in a bucket of its own."""

    shop: Shop
    server: S3Server
    proxy: FaultProxy
    captured: pytest.CaptureFixture[str]
    ledger: str
    data: str
    box: str

    def declare(self, *, access: str = "read-write", owner: str = "", form: str = "csv", **names: str) -> None:
        more = f', expectedBucketOwner: "{owner}"' if owner else ""
        self.shop.declare(
            ledger=f"s3://{names.get('ledger', self.ledger)}/shop",
            location=f"s3://{names.get('data', self.data)}/people/",
            destination=DESTINATION.format(bucket=names.get("box", self.box), access=access, more=more),
            form=form,
            account="lake",
            more=ACCOUNT.format(endpoint=self.proxy.endpoint),
        )

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """In this process; nobody's key and nobody's data is in what is said."""
        self.captured.readouterr()
        code = run(["-C", str(self.shop.root), *arguments])
        out, err = self.captured.readouterr()
        assert "this is a bug" not in err, err
        assert self.server.secret_key not in out + err
        return code, out + err

    def forbid(self, bucket: str, action: str, message: str = "injected") -> None:
        """What a bucket's policy forbids, whatever else it allows."""
        self.proxy.add(
            Rule(Answer(403, "AccessDenied", message=message), when=lambda seen: needs(seen, bucket) == action)
        )

    def received(self) -> list[str]:
        """Files that the recipient sees, without markers and probes."""
        found = self.server.client().list_objects_v2(Bucket=self.box).get("Contents", [])
        return sorted(each["Key"] for each in found if ".reconciler" not in each["Key"])

    def open_uploads(self) -> int:
        found = self.server.client().list_multipart_uploads(Bucket=self.box).get("Uploads", [])
        return sum(".reconciler-probe" not in each["Key"] for each in found)

    def exported(self) -> None:
        """Once it is allowed: everything, once, and nothing left over."""
        self.proxy.clear()
        code, said = self(*RUN)
        if "ledger release" in said:
            self("ledger", "release", FLOW)
            code, said = self(*RUN)
        assert code == 0, said
        files = [each for each in self.received() if "part-" in each]
        body = b"".join(self.server.client().get_object(Bucket=self.box, Key=each)["Body"].read() for each in files)
        assert (len(files), body.count(b"\n")) == (1, 3), (files, said)
        assert self.open_uploads() == 0


def needs(request: Request, bucket: str) -> str:
    """The action that a request needs, of one bucket."""
    path, _, query = request.path.partition("?")
    if path.split("/")[1] != bucket:
        return ""
    match request.method:
        case "GET" if "list-type" in query:
            return "s3:ListBucket"
        case "GET" if re.search(r"(^|&)uploads", query):
            return "s3:ListBucketMultipartUploads"
        case "GET" | "HEAD":
            return "s3:GetObject" if path.count("/") > 1 else "s3:ListBucket"
        case "DELETE":
            return "s3:AbortMultipartUpload" if "uploadId" in query else "s3:DeleteObject"
        case _:
            return "s3:PutObject"


@pytest.fixture
def buckets(
    seaweed_server: S3Server,
    seaweed_proxy: FaultProxy,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Buckets:
    names = [seaweed_server.create_bucket(each) for each in ("ledger", "data", "box")]
    seaweed_server.client().put_object(Bucket=names[1], Key="people/a.csv", Body=ROWS)
    monkeypatch.setenv("KEY_ID", seaweed_server.access_key)
    monkeypatch.setenv("KEY", seaweed_server.secret_key)
    monkeypatch.delenv("CI", raising=False)
    made = Buckets(Shop(tmp_path / "shop"), seaweed_server, seaweed_proxy, capsys, *names)
    made.declare()
    return made


# One action at a time -----------------------------------------------------------------------------------------------------------

LEDGER = ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
WRITES = ("s3:PutObject", "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload")
READS = ("s3:GetObject", "s3:ListBucket", "s3:DeleteObject")


def test_the_ledger_forbids(buckets: Buckets) -> None:
    """At the first apply, then at a night's run."""
    for command in (APPLY, RUN):
        for action in LEDGER:
            buckets.proxy.clear()
            buckets.forbid(buckets.ledger, action)
            code, said = buckets(*command)
            assert (code, "L135" in said, f"{action} is not allowed" in said) == (1, True, True), said
            # What is deleted is what was decided and published already; all else is needed before anything is shown.
            assert bool(buckets.received()) == (command == RUN and action == "s3:DeleteObject")
        buckets.proxy.clear()
        if command == APPLY:
            applied(buckets)
    buckets.exported()


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_dataset_forbids(form: str, buckets: Buckets) -> None:
    if form == "parquet":
        client, sink = buckets.server.client(), io.BytesIO()
        papq.write_table(pacsv.read_csv(io.BytesIO(ROWS)), sink)
        client.delete_object(Bucket=buckets.data, Key="people/a.csv")
        client.put_object(Bucket=buckets.data, Key="people/a.parquet", Body=sink.getvalue())
        buckets.declare(form="parquet")
    applied(buckets)
    for action in ("s3:ListBucket", "s3:GetObject"):
        buckets.proxy.clear()
        buckets.forbid(buckets.data, action)
        code, said = buckets(*RUN)
        assert (code, "F104" in said, action in said) == (1, True, True), said
        assert buckets.received() == []
    buckets.exported()


@pytest.mark.parametrize(("access", "needed"), [("read-write", (*WRITES, *READS)), ("write-only", WRITES)])
def test_the_destination_forbids_at_apply(access: str, needed: tuple[str, ...], buckets: Buckets) -> None:
    """The probe finds out: neither destination nor flow is applied, so that no night meets it."""
    buckets.declare(access=access)
    for action in needed:
        buckets.proxy.clear()
        buckets.forbid(buckets.box, action)
        code, said = buckets(*APPLY)
        assert (code, "D104" in said, f"{action} is not allowed" in said) == (6, True, True), said
    code, said = buckets(*RUN)
    assert (code, buckets.received()) == (0, []), said
    buckets.proxy.clear()
    applied(buckets)
    buckets.exported()


@pytest.mark.parametrize("access", ["read-write", "write-only"])
def test_the_destination_forbids_at_night(access: str, buckets: Buckets) -> None:
    """Rights that were taken away after they had been tried."""
    buckets.declare(access=access)
    applied(buckets)
    buckets.forbid(buckets.box, "s3:PutObject")
    code, said = buckets(*RUN)
    assert (code, "D104" in said, "s3:PutObject is not allowed" in said) == (1, True, True), said
    assert (buckets.received(), buckets.open_uploads()) == ([], 0)
    buckets.exported()


def test_a_write_only_destination_needs_no_right_to_read(buckets: Buckets) -> None:
    for action in READS:
        buckets.forbid(buckets.box, action)
    buckets.declare(access="write-only")
    applied(buckets)
    code, said = buckets(*RUN)
    assert code == 0, said
    assert len(buckets.received()) == 2


def test_the_key_can_not_be_used(buckets: Buckets) -> None:
    """Amazon names the action of another service in its message."""
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: kms:GenerateDataKey on resource: arn"
    buckets.forbid(buckets.box, "s3:PutObject", said)
    code, said = buckets(*APPLY)
    assert (code, "D108" in said, "kms:GenerateDataKey is not allowed" in said) == (6, True, True), said


# Not there, not ours --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "command", "ended", "code"),
    [("ledger", APPLY, 1, "L131"), ("ledger", RUN, 1, "L131"), ("box", APPLY, 6, "D102"), ("data", RUN, 1, "F101")],
)
def test_a_bucket_that_is_not_there(
    part: str, command: tuple[str, ...], ended: int, code: str, buckets: Buckets
) -> None:
    buckets.declare(**{part: "no-such-bucket-anywhere"})
    if part == "data":
        applied(buckets)
    found, said = buckets(*command)
    assert (found, code in said, "no-such-bucket-anywhere" in said) == (ended, True, True), said
    assert buckets.received() == []


@pytest.mark.parametrize("access", ["read-write", "write-only"])
def test_a_destination_of_another_owner(access: str, buckets: Buckets) -> None:
    """Nothing is sent to it: neither a probe, nor a marker, nor a row."""
    buckets.declare(access=access, owner=OWNER)
    buckets.proxy.add(Rule(Answer(403, "AccessDenied"), when=owned))
    code, said = buckets(*APPLY)
    assert (code, "D103" in said, OWNER in said) == (6, True, True), said
    assert buckets.server.client().list_objects_v2(Bucket=buckets.box)["KeyCount"] == 0
    assert buckets.open_uploads() == 0


def test_a_destination_whose_owner_changed_since(buckets: Buckets) -> None:
    buckets.declare(owner=OWNER)
    applied(buckets)
    buckets.proxy.add(Rule(Answer(403, "AccessDenied"), when=owned))
    code, said = buckets(*RUN)
    assert (code, "D104" in said, f"isn't owned by account {OWNER}" in said) == (1, True, True), said
    assert buckets.received() == []
    buckets.exported()


def test_a_ledger_of_another_owner(buckets: Buckets) -> None:
    config = buckets.shop.root / "reconcile.yaml"
    config.write_text(
        config.read_text().replace("account: lake, sim", f'account: lake, expectedBucketOwner: "{OWNER}", sim')
    )
    buckets.proxy.add(Rule(Answer(403, "AccessDenied"), when=owned))
    code, said = buckets(*APPLY)
    assert (code, "L135" in said, f"isn't owned by account {OWNER}" in said) == (1, True, True), said
    assert buckets.server.client().list_objects_v2(Bucket=buckets.ledger)["KeyCount"] == 0


def owned(request: Request) -> bool:
    """Whether the request says who must own the bucket."""
    return "x-amz-expected-bucket-owner" in request.headers


def applied(buckets: Buckets) -> None:
    code, said = buckets(*APPLY)
    assert code == 0, said
