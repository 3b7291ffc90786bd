"""What an S3 answer to a ledger request means: surely not done, perhaps done, or refused for a reason that a person
can mend.
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
from reconciler.errors import ReconcilerError, StoreError


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request may have been done: time-out, reset, 409, 5xx, or a body that was torn on the way."""

    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A precondition doesn't hold; nothing was done."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such object."""


Meaning = Unsure | Denied | Absent | ReconcilerError


def meaning(error: Exception, *, bucket: str, action: str, owner: str | None = None) -> Meaning:
    """Classifies what a client raised for a request that needs `action` (`s3:PutObject`).

    The errors in it mean: surely not done.
    """
    if isinstance(error, ReconcilerError):
        return error
    if isinstance(error, ClientError):
        return _answer(error, bucket, action, owner)
    if isinstance(error, TRANSPORT):
        return Unsure(type(error).__name__)
    if isinstance(error, NO_KEYS):
        return plain_error(error)
    if isinstance(error, BotoCoreError):
        return refused(bucket, str(error))
    raise error


def _answer(error: ClientError, bucket: str, action: str, owner: str | None) -> Meaning:
    status, code = answered(error)
    if status == 412 or code == "PreconditionFailed":
        return Denied()
    if code == "NotImplemented":
        return StoreError(
            "L134",
            "the ledger's store ignores preconditions",
            f"s3://{bucket} answers that it doesn't know conditional writes. Use a store that does, or a local folder.",
        )
    if status == 409 or status >= 500 or status in (408, 429) or code in TRANSIENT:
        return Unsure(f"{status} {code}")
    if code == "NoSuchBucket":
        return StoreError(
            "L131",
            "the ledger's bucket isn't there",
            f"There is no bucket {bucket}. Create it, or correct the ledger's url in the Project.",
        )
    if code in ("NoSuchKey", "404"):
        return Absent()
    if code in WRONG_KEYS:
        return StoreError(
            "L133",
            "the ledger's store rejects the credentials",
            f"s3://{bucket} answered {code}. The keys are wrong, expired or for another store, or this machine's "
            "clock is. The ledger is as it was.",
        )
    if code in ELSEWHERE or status in (301, 307):
        return StoreError(
            "L132",
            "the ledger's bucket is in another region",
            f"s3://{bucket} answered {code}. Set `region` in the Project's ledger to the bucket's. The ledger is as it was.",
        )
    if code.upper().startswith("KMS"):
        return StoreError(
            "L142",
            "the ledger's encryption key can't be used",
            f"s3://{bucket} answered {code}. The key must be there and enabled, and the account needs kms:GenerateDataKey and "
            "kms:Decrypt on it. The ledger is as it was.",
        )
    if status == 403:
        return _forbidden(error, bucket, action, owner)
    return refused(bucket, f"{status} {code}")


def _forbidden(error: ClientError, bucket: str, action: str, owner: str | None) -> StoreError:
    needed = missing_action(error, action)
    also = ""
    if needed == "s3:GetObject":
        also = " (and s3:ListBucket, without which S3 forbids instead of saying that an object isn't there)"
    who = f", or the bucket isn't owned by account {owner} as expected" if owner else ""
    return StoreError(
        "L135",
        "the ledger's store forbids a needed action",
        f"s3://{bucket}: {needed} is not allowed{also}{who}. The ledger is as it was. A ledger needs s3:GetObject, "
        "s3:PutObject, "
        "s3:DeleteObject and s3:ListBucket.",
    )


def refused(bucket: str, what: str) -> StoreError:
    """Any other clear no."""
    return StoreError("L138", "the ledger's store refused", f"s3://{bucket}: {what}. The ledger is as it was.")


def unreachable(bucket: str, why: str) -> StoreError:
    """A read failed, also after trying again."""
    return StoreError(
        "L130",
        "the ledger can't be reached",
        f"s3://{bucket}: {why}. Check the network, the endpoint and the store's state, and run again. The ledger is "
        "as it was.",
    )
