"""What an S3 answer means: surely not done, perhaps done, or refused for a reason that a person can mend.

Error codes: Amazon S3 API reference, "Error responses" (`reconciler.accounts.s3_answers`), and of CompleteMultipartUpload.
"""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from reconciler.accounts.aws_errors import plain_error
from reconciler.accounts.s3_answers import (
    ELSEWHERE,
    NO_KEYS,
    TRANSIENT,
    TRANSPORT,
    WRONG_KEYS,
    answered,
    missing_action,
)
from reconciler.destinations.errors import failure
from reconciler.errors import DestinationError, ReconcilerError


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request may have been done: time-out, reset, 5xx, an error inside a 200."""

    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A precondition doesn't hold. `conflict`: another conditional request was under way (409)."""

    conflict: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such object."""


@dataclass(frozen=True, slots=True)
class NoUpload:
    """There is no such multipart upload (any more)."""


Meaning = Unsure | Denied | Absent | NoUpload | ReconcilerError


def meaning(error: Exception, *, bucket: str, action: str, owner: str | None) -> Meaning:
    """Classifies what a client raised for a request that needs `action` (`s3:PutObject`). Errors mean: surely not
    done."""
    if isinstance(error, ReconcilerError):
        return error
    if isinstance(error, ClientError):
        return _answer(error, bucket, action, owner)
    if isinstance(error, TRANSPORT):
        return Unsure(type(error).__name__)
    if isinstance(error, NO_KEYS):
        return plain_error(error)
    if isinstance(error, BotoCoreError):
        return failure("D110", f"s3://{bucket}, {action}: {error}")
    raise error


def final(error: Exception, *, bucket: str, action: str, owner: str | None) -> ReconcilerError:
    """The error to raise for a request that was tried again already and must have worked."""
    match meaning(error, bucket=bucket, action=action, owner=owner):
        case Unsure(why):
            return unreachable(bucket, action, why)
        case Denied() | Absent() | NoUpload():
            return failure("D110", f"s3://{bucket}, {action}: {error}")
        case refusal:
            return refusal


def unreachable(bucket: str, action: str, why: str) -> DestinationError:
    """Transient."""
    return failure("D105", f"s3://{bucket}, {action}: {why}. Run again when it can be reached.", permanent=False)


def _answer(error: ClientError, bucket: str, action: str, owner: str | None) -> Meaning:
    status, code = answered(error)
    if status == 412 or code == "PreconditionFailed":
        return Denied(conflict=False)
    if status == 409:
        return Denied(conflict=True)
    if (status >= 500 and code != "NotImplemented") or status in (200, 408, 429) or code in TRANSIENT:
        return Unsure(f"{status} {code}")
    if code == "NoSuchUpload":
        return NoUpload()
    if code in ("NoSuchKey", "404"):
        return Absent()
    return _refusal(error, status, code, bucket, action, owner)


def _refusal(
    error: ClientError, status: int, code: str, bucket: str, action: str, owner: str | None
) -> DestinationError:
    where = f"s3://{bucket}"
    if code == "NoSuchBucket":
        return failure("D102", f"There is no bucket {bucket}. Create it, or correct connection.bucket.")
    if code in WRONG_KEYS:
        return failure(
            "D111", f"{where} answered {code}. The keys are wrong, expired or for another store, or this clock is."
        )
    if code in ELSEWHERE or status in (301, 307):
        return failure("D113", f"{where} answered {code}. Set connection.region to the bucket's region.")
    if code == "NotImplemented":
        return failure("D107", f"{where} doesn't know what {action} asked for: {code}.")
    needed = missing_action(error, action)
    if code.upper().startswith("KMS") or needed.startswith("kms:"):
        what = f"{needed} is not allowed" if status == 403 else f"it answered {code}"
        detail = f"{where}: {what}. The role needs kms:GenerateDataKey and kms:Decrypt on the key."
        return failure("D108", detail, needs=needed if status == 403 else "")
    if status == 403:
        also = (
            " (or s3:ListBucket, without which a missing object is forbidden, too)" if needed == "s3:GetObject" else ""
        )
        who = f" Or the bucket isn't owned by account {owner}, as expectedBucketOwner says." if owner else ""
        detail = f"{where}: {needed} is not allowed{also}. Allow it to the account's role.{who}"
        return failure("D104", detail, needs=needed)
    return failure("D110", f"{where}, {action}: {status} {code}")
