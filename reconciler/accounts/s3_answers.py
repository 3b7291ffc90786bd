"""What S3's answers say, whoever asked: the words of the service. What follows from them is decided by ledger, destination and dataset.

Error codes: Amazon S3 API reference, "Error responses".
"""

from __future__ import annotations

import re
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

CLIENT_ERRORS: Final = (ClientError, BotoCoreError)
TRANSPORT: Final = (
    HTTPClientError,
    ConnectionError,
    ResponseStreamingError,
    IncompleteReadError,
    FlexibleChecksumError,
)
"""Nothing is known about the request: it may have been done."""
NO_KEYS: Final = (NoCredentialsError, PartialCredentialsError)
"""Nothing was sent: there is nothing to sign with."""

TRANSIENT: Final = frozenset(
    {"RequestTimeout", "BadDigest", "SlowDown", "InternalError", "OperationAborted", "Throttling"}
)
WRONG_KEYS: Final = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
    }
)
ELSEWHERE: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_ACTION: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


def answered(error: ClientError) -> tuple[int, str]:
    """Status (0: unknown) and code of an error that the service answered with."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status, error.response.get("Error", {}).get("Code", "")


def missing_action(error: ClientError, action: str) -> str:
    """The action that isn't allowed: as Amazon names it, such as one of KMS, else the one that was asked for."""
    said = _ACTION.search(error.response.get("Error", {}).get("Message", ""))
    return said.group(1) if said else action
