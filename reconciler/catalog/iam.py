"""The least-privilege policy of a destination in a cloud: exactly the actions that exports and their probe need, and no others.

s3:ListBucket carries no prefix condition: S3 asks for it without a prefix when it decides whether to say that an
object isn't there (service authorization reference for Amazon S3; HeadObject). S3 knows none for
s3:ListBucketMultipartUploads. Multipart uploads with a KMS key need kms:Decrypt even where nothing is read
(CompleteMultipartUpload).

Google checks storage.objects.list against the bucket, so that no condition on names can hold for it. Azure lists by blobs/read.
"""

from __future__ import annotations

from reconciler.catalog.adls_gen2 import AdlsGen2Connection
from reconciler.catalog.azure_blob import AzureBlobConnection
from reconciler.catalog.base import Connection
from reconciler.catalog.gcs import GcsConnection
from reconciler.catalog.s3 import S3Connection, SseKms

WRITE_OBJECTS = ("s3:AbortMultipartUpload", "s3:PutObject")
WRITE_BUCKET = ("s3:ListBucketMultipartUploads",)
READ_OBJECTS = ("s3:DeleteObject", "s3:GetObject")
READ_BUCKET = ("s3:ListBucket",)
KEY = ("kms:Decrypt", "kms:GenerateDataKey")

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/"
_STAGING = ".reconciler-staging/"

Json = dict[str, object]


def policy(connection: Connection) -> Json | None:
    """What an administrator grants for a connection; None for a type that no cloud grants anything for."""
    match connection:
        case S3Connection():
            return s3_policy(connection)
        case GcsConnection():
            return gcs_policy(connection)
        case AzureBlobConnection():
            return azure_policy(connection, anywhere=("delete", "read", "write"))
        case AdlsGen2Connection():
            reads = ("delete", "read")
            moves = ("move/action", "write")
            if connection.deletes:
                return azure_policy(connection, anywhere=(*reads, *moves))
            return azure_policy(connection, anywhere=moves, staging=reads)
        case _:
            return None


def gcs_policy(connection: GcsConnection) -> Json:
    """Custom roles, and the conditions under which they are granted on the bucket."""
    bucket = f"projects/_/buckets/{connection.bucket}"
    files = f"{bucket}/objects/{_folder(connection.path)}"
    changes = ("delete", "get", "update")
    grants = [_grant("Files", ("create", *(changes if connection.deletes else ())), bucket, files)]
    if not connection.deletes:
        grants.append(_grant("Staging", changes, bucket, f"{files}{_STAGING}"))
    return {"grants": [*grants, _grant("Bucket", ("list",), bucket, "")]}


def azure_policy(
    connection: AzureBlobConnection | AdlsGen2Connection, anywhere: tuple[str, ...], staging: tuple[str, ...] = ()
) -> Json:
    """Data actions of custom roles. The storage account isn't known here: `scope` is below it; `folder`, where it is said, is narrower than
    a scope can be, and is for a condition of the assignment or for access control lists."""
    scope = f"/blobServices/default/containers/{connection.container}"
    grants: list[Json] = [{"name": "Files", "dataActions": [_BLOBS + each for each in anywhere], "scope": scope}]
    if staging:
        folder = f"{_folder(connection.path)}{_STAGING}"
        actions = [_BLOBS + each for each in staging]
        grants.append({"name": "Staging", "dataActions": actions, "scope": scope, "folder": folder})
    return {"grants": grants}


def _folder(path: str) -> str:
    return f"{path.strip('/')}/" if path.strip("/") else ""


def _grant(name: str, permissions: tuple[str, ...], bucket: str, names: str) -> Json:
    found: Json = {
        "name": name,
        "includedPermissions": [f"storage.objects.{each}" for each in sorted(permissions)],
        "resource": f"//storage.googleapis.com/{bucket}",
    }
    if names and not names.endswith("/objects/"):
        found["condition"] = {"expression": f'resource.name.startsWith("{names}")'}
    return found


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
