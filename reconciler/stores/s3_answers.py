"""What an S3 answer to a ledger request means: surely not done, perhaps done, or refused for a reason that a person
can mend.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from reconciler.accounts.aws_errors import plain_error
from reconciler.errors import ReconcilerError, StoreError

TRANSPORT: Final = (
    HTTPClientError,
    ConnectionError,
    ResponseStreamingError,
    IncompleteReadError,
    FlexibleChecksumError,
)
"""Nothing is known about the request: it may have been done."""

_TRANSIENT_CODES: Final = frozenset(
    {"RequestTimeout", "BadDigest", "SlowDown", "InternalError", "OperationAborted", "Throttling"}
)
_CREDENTIAL_CODES: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
    }
)
_ELSEWHERE_CODES: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_ACTION: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


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
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return plain_error(error)
    if isinstance(error, BotoCoreError):
        return refused(bucket, str(error))
    raise error


def _answer(error: ClientError, bucket: str, action: str, owner: str | None) -> Meaning:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    if status == 412 or code == "PreconditionFailed":
        return Denied()
    if code == "NotImplemented":
        return StoreError(
            "L134",
            "the ledger's store ignores preconditions",
            f"s3://{bucket} answers that it doesn't know conditional writes. Use a store that does, or a local folder.",
        )
    if status == 409 or status >= 500 or status in (408, 429) or code in _TRANSIENT_CODES:
        return Unsure(f"{status} {code}")
    if code == "NoSuchBucket":
        return StoreError(
            "L131",
            "the ledger's bucket isn't there",
            f"There is no bucket {bucket}. Create it, or correct the ledger's url in the Project.",
        )
    if code in ("NoSuchKey", "404"):
        return Absent()
    if code in _CREDENTIAL_CODES:
        return StoreError(
            "L133",
            "the ledger's store rejects the credentials",
            f"s3://{bucket} answered {code}. The keys are wrong, expired or for another store, or this machine's "
            "clock is. Nothing was changed.",
        )
    if code in _ELSEWHERE_CODES or status in (301, 307):
        return StoreError(
            "L132",
            "the ledger's bucket is in another region",
            f"s3://{bucket} answered {code}. Set `region` in the Project's ledger to the bucket's. Nothing was changed.",
        )
    if code.upper().startswith("KMS"):
        return StoreError(
            "L142",
            "the ledger's encryption key can't be used",
            f"s3://{bucket} answered {code}. The key must be there and enabled, and the account needs kms:GenerateDataKey and "
            "kms:Decrypt on it. Nothing was changed.",
        )
    if status == 403:
        return _forbidden(error, bucket, action, owner)
    return refused(bucket, f"{status} {code}")


def _forbidden(error: ClientError, bucket: str, action: str, owner: str | None) -> StoreError:
    said = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
    needed = said.group(1) if said else action
    also = ""
    if needed == "s3:GetObject":
        also = " (and s3:ListBucket, without which S3 forbids instead of saying that an object isn't there)"
    who = f", or the bucket isn't owned by account {owner} as expected" if owner else ""
    return StoreError(
        "L135",
        "the ledger's store forbids a needed action",
        f"s3://{bucket}: {needed} is not allowed{also}{who}. Nothing was changed. A ledger needs s3:GetObject, "
        "s3:PutObject, "
        "s3:DeleteObject and s3:ListBucket.",
    )


def refused(bucket: str, what: str) -> StoreError:
    """Any other clear no."""
    return StoreError("L138", "the ledger's store refused", f"s3://{bucket}: {what}. Nothing was changed.")


def unreachable(bucket: str, why: str) -> StoreError:
    """A read failed, also after trying again."""
    return StoreError(
        "L130",
        "the ledger can't be reached",
        f"s3://{bucket}: {why}. Check the network, the endpoint and the store's state, and run again. Nothing was "
        "changed.",
    )
