"""What Cloud Storage's answers mean: surely not done, perhaps done, or refused for a reason that a person can mend.

Cloud Storage, "HTTP status and error codes for JSON". The text of an error isn't told: it may hold a URL that continues an upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import requests
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

from reconciler.accounts.gcp import no_credentials
from reconciler.destinations.errors import failure
from reconciler.errors import DestinationError, ReconcilerError

ERRORS: Final = (
    GoogleAPICallError,
    RetryError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
    OSError,
)
"""What the client raises."""

ROLE: Final = "Storage Object User"


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request may have been done: time-out, reset, 5xx."""

    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A precondition doesn't hold."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such object."""


Meaning = Unsure | Denied | Absent | ReconcilerError


def meaning(error: Exception, *, where: str, needs: str) -> Meaning:
    """Classifies what a client raised. `needs`: the permission, such as `storage.objects.get`. Errors mean: surely not done."""
    match error:
        case ReconcilerError():
            return error
        case RetryError():
            cause = error.cause
            return meaning(cause, where=where, needs=needs) if isinstance(cause, Exception) else Unsure("RetryError")
        case GoogleAPICallError():
            return _answer(error.code or 0, str(error.message), where, needs)
        case InvalidResponse():
            return _answer(error.response.status_code, error.response.text, where, needs)
        case TransportError() | DataCorruption() | requests.RequestException() | OSError():
            return Unsure(type(error).__name__)
        case GoogleAuthError():
            return no_credentials()
        case _:
            raise error


def final(error: Exception, *, where: str, needs: str) -> ReconcilerError:
    """The error to raise for a request that was tried again already and must have worked."""
    match meaning(error, where=where, needs=needs):
        case Unsure(why):
            return unreachable(where, why)
        case Denied() | Absent():
            return failure("D110", f"{where}: {type(error).__name__}.")
        case refusal:
            return refusal


def unreachable(where: str, why: str) -> DestinationError:
    """Transient."""
    return failure("D105", f"{where}: {why}. Run again when it can be reached.", permanent=False)


def _answer(status: int, text: str, where: str, needs: str) -> Meaning:
    if status in (408, 429) or (status >= 500 and status != 501):
        return Unsure(str(status))
    if status == 412:
        return Denied()
    if status == 404:
        if "bucket does not exist" in text or needs == "storage.objects.create":
            return failure("D102", f"{where}: there is no such bucket. Create it, or correct connection.bucket.")
        return Absent()
    if status == 401:
        return failure("D111", f"{where} answered 401. The service account, or its key, isn't there any more.")
    if status == 403:
        return failure(
            "D104",
            f"{where}: {needs} is not allowed. Give the account's principal the role {ROLE} on the bucket. Where requesters pay, it needs "
            "billingProject in the Account, and the permission serviceusage.services.use there.",
            needs=needs,
        )
    return failure("D110", f"{where}: {status}.")
