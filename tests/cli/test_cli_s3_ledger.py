"""A ledger in S3 as a project declares it: encrypted, at an endpoint of its own, from `apply` to `status`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.servers.s3 import S3Server

LEDGER = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: shop}}
spec:
  ledger:
    url: s3://{bucket}/shop
    region: eu-central-1
    endpoint: {endpoint}
    encryption: {{type: sse-kms, keyId: alias/ledger}}
    expectedBucketOwner: "123456789012"
"""


def test_every_document_is_encrypted(
    moto_server: S3Server, tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    bucket = moto_server.create_bucket("ledger")
    project = tmp_path / "shop"
    assert reconcile("init", project).code == 0
    (project / "reconcile.yaml").write_text(LEDGER.format(bucket=bucket, endpoint=moto_server.endpoint))
    for command in (("validate",), ("apply", "--yes"), ("export", "outbox/us-high-intent"), ("status",)):
        found = reconcile("-C", project, *command)
        assert found.code == 0, found.err
    assert not (project / ".reconcile").exists()
    client = moto_server.client()
    keys = [each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"] if each["Size"]]
    assert {key.split("/")[1].split(".")[0] for key in keys} >= {"project", "destinations", "flows", "runs"}
    for key in keys:
        head = client.head_object(Bucket=bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/ledger")
