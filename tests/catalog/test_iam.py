"""The least-privilege policy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import reconciler
from reconciler.catalog.adls_gen2 import AdlsGen2Connection
from reconciler.catalog.azure_blob import AzureBlobConnection
from reconciler.catalog.base import Connection
from reconciler.catalog.gcs import GcsConnection
from reconciler.catalog.iam import policy as of
from reconciler.catalog.iam import s3_policy
from reconciler.catalog.local import LocalConnection
from reconciler.catalog.s3 import S3Connection


def policy(**connection: Any) -> dict[str, dict[str, Any]]:
    document: Any = s3_policy(S3Connection.model_validate({"bucket": "agency", **connection}))
    assert document["Version"] == "2012-10-17"
    return {statement["Sid"]: statement for statement in document["Statement"]}


def grants(connection: Connection) -> dict[str, Any]:
    document: Any = of(connection)
    return {grant["name"]: grant for grant in document["grants"]}


def test_of_a_bucket_of_googles() -> None:
    found = grants(GcsConnection(bucket="agency", path="/exports/"))
    assert found["Files"] == {
        "name": "Files",
        "includedPermissions": [f"storage.objects.{each}" for each in ("create", "delete", "get", "update")],
        "resource": "//storage.googleapis.com/projects/_/buckets/agency",
        "condition": {"expression": 'resource.name.startsWith("projects/_/buckets/agency/objects/exports/")'},
    }
    assert found["Bucket"]["includedPermissions"] == ["storage.objects.list"]
    assert "condition" not in found["Bucket"]
    assert "condition" not in grants(GcsConnection(bucket="agency"))["Files"]


def test_of_a_write_only_bucket_of_googles() -> None:
    found = grants(GcsConnection(bucket="agency", access="write-only"))
    assert found["Files"]["includedPermissions"] == ["storage.objects.create"]
    assert found["Staging"]["includedPermissions"] == [
        f"storage.objects.{each}" for each in ("delete", "get", "update")
    ]
    expression = 'resource.name.startsWith("projects/_/buckets/agency/objects/.reconciler-staging/")'
    assert found["Staging"]["condition"] == {"expression": expression}


def test_of_containers_of_azure() -> None:
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
    scope = "/blobServices/default/containers/agency"
    (files,) = grants(AzureBlobConnection(container="agency", path="exports")).values()
    assert files == {
        "name": "Files",
        "dataActions": [blobs + each for each in ("delete", "read", "write")],
        "scope": scope,
    }
    (files,) = grants(AdlsGen2Connection(container="agency")).values()
    assert files["dataActions"] == [blobs + each for each in ("delete", "read", "move/action", "write")]
    found = grants(AdlsGen2Connection(container="agency", path="exports", access="write-only"))
    assert found["Files"]["dataActions"] == [blobs + each for each in ("move/action", "write")]
    assert found["Staging"] == {
        "name": "Staging",
        "dataActions": [blobs + each for each in ("delete", "read")],
        "scope": scope,
        "folder": "exports/.reconciler-staging/",
    }


def test_where_no_cloud_grants_anything() -> None:
    assert of(LocalConnection(path="out")) is None


def test_read_write() -> None:
    found = policy(path="exports/prospects/")
    assert found["Files"]["Resource"] == "arn:aws:s3:::agency/exports/prospects/*"
    assert found["Files"]["Action"] == ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    assert found["Bucket"]["Resource"] == "arn:aws:s3:::agency"
    assert found["Bucket"]["Action"] == ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    assert "Key" not in found


def test_write_only_reads_lists_and_deletes_nothing() -> None:
    found = policy(access="write-only")
    assert found["Files"]["Resource"] == "arn:aws:s3:::agency/*"
    assert found["Files"]["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject"]
    assert found["Bucket"]["Action"] == ["s3:ListBucketMultipartUploads"]


@pytest.mark.parametrize(
    ("key", "resource", "condition"),
    [
        ("arn:aws:kms:eu-west-1:123456789012:key/abc", "arn:aws:kms:eu-west-1:123456789012:key/abc", None),
        ("abc", "arn:aws:kms:eu-west-1:*:key/abc", None),
        ("alias/agency", "arn:aws:kms:*:*:key/*", "alias/agency"),
        ("arn:aws:kms:eu-west-1:123456789012:alias/agency", "arn:aws:kms:*:*:key/*", "alias/agency"),
    ],
)
def test_keys(key: str, resource: str, condition: str | None) -> None:
    found = policy(region="eu-west-1", encryption={"type": "sse-kms", "keyId": key})["Key"]
    assert (found["Resource"], found["Action"]) == (resource, ["kms:Decrypt", "kms:GenerateDataKey"])
    said = found.get("Condition", {}).get("ForAnyValue:StringEquals", {}).get("kms:ResourceAliases")
    assert said == condition


@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), (None, "aws")]
)
def test_partitions(region: str | None, partition: str) -> None:
    assert policy(region=region)["Bucket"]["Resource"] == f"arn:{partition}:s3:::agency"


def test_exactly_the_actions_that_the_code_asks_for() -> None:
    """Every request of the destination names the action that it needs; no other is granted."""
    sources = (Path(reconciler.__file__).parent / "destinations").glob("s3*.py")
    asked = {action for path in sources for action in re.findall(r'"(s3:[A-Za-z]+)"', path.read_text("utf-8"))}
    found = policy()
    assert asked == {*found["Files"]["Action"], *found["Bucket"]["Action"]}
