"""The least-privilege policy of an `s3` destination: exactly the actions that exports and their probe need, and no
others.

s3:ListBucket carries no prefix condition: S3 asks for it without a prefix when it decides whether to say that an
object isn't there (service authorization reference for Amazon S3; HeadObject). S3 knows none for
s3:ListBucketMultipartUploads. Multipart uploads with a KMS key need kms:Decrypt even where nothing is read
(CompleteMultipartUpload).
"""

from __future__ import annotations

from reconciler.catalog.s3 import S3Connection, SseKms

WRITE_OBJECTS = ("s3:AbortMultipartUpload", "s3:PutObject")
WRITE_BUCKET = ("s3:ListBucketMultipartUploads",)
READ_OBJECTS = ("s3:DeleteObject", "s3:GetObject")
READ_BUCKET = ("s3:ListBucket",)
KEY = ("kms:Decrypt", "kms:GenerateDataKey")

Json = dict[str, object]


def s3_policy(connection: S3Connection) -> Json:
    """An IAM policy document for the account's role. KMS keys need the same actions in their own policy if they are
    another account's."""
    reads = connection.access == "read-write"
    path = connection.path.strip("/")
    bucket = f"arn:{_partition(connection.region)}:s3:::{connection.bucket}"
    statements = [
        _allow(
            "Files", WRITE_OBJECTS + (READ_OBJECTS if reads else ()), f"{bucket}/{path}/*" if path else f"{bucket}/*"
        ),
        _allow("Bucket", WRITE_BUCKET + (READ_BUCKET if reads else ()), bucket),
    ]
    if isinstance(connection.encryption, SseKms):
        statements.append(_key_statement(connection.encryption.key_id, connection.region))
    return {"Version": "2012-10-17", "Statement": statements}


def _key_statement(key_id: str, region: str | None) -> Json:
    """A key's ARN and id name the resource; an alias is a condition, since policies can't name aliases as resources."""
    partition = _partition(region)
    if key_id.startswith("arn:") and ":key/" in key_id:
        return _allow("Key", KEY, key_id)
    if "alias/" in key_id:
        alias = key_id[key_id.index("alias/") :]
        condition = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
        return {**_allow("Key", KEY, f"arn:{partition}:kms:*:*:key/*"), "Condition": condition}
    return _allow("Key", KEY, f"arn:{partition}:kms:{region or '*'}:*:key/{key_id}")


def _allow(name: str, actions: tuple[str, ...], resource: str) -> Json:
    return {"Sid": name, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}


def _partition(region: str | None) -> str:
    if (region or "").startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if (region or "").startswith("us-gov-") else "aws"
