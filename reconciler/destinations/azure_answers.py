"""What Azure Storage's answers mean: surely not done, perhaps done, or refused for a reason that a person can mend.

Error codes: Azure Storage REST reference, "Common REST API error codes", "Blob Storage error codes" and those of Data Lake Storage.
The text of an error isn't told: it may hold a URL, and that a signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from reconciler.accounts.azure import no_token
from reconciler.destinations.errors import failure
from reconciler.errors import DestinationError, ReconcilerError

ROLE: Final = "Storage Blob Data Contributor"


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request may have been done: time-out, reset, 5xx."""

    why: str


@dataclass(frozen=True, slots=True)
class Denied:
    """A precondition doesn't hold: something has the name, or it isn't what was seen."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such blob, file or folder."""


@dataclass(frozen=True, slots=True)
class NoBlocks:
    """Blocks that were to be committed aren't there (any more)."""


Meaning = Unsure | Denied | Absent | NoBlocks | ReconcilerError

_DENIED: Final = frozenset(
    {"BlobAlreadyExists", "ConditionNotMet", "TargetConditionNotMet", "SourceConditionNotMet", "PathAlreadyExists"}
)
_ABSENT: Final = frozenset(
    {
        "BlobNotFound",
        "CannotVerifyCopySource",
        "PathNotFound",
        "RenameDestinationParentPathNotFound",
        "ResourceNotFound",
        "SourcePathNotFound",
    }
)
_NO_CONTAINER: Final = frozenset({"ContainerNotFound", "FilesystemNotFound", "FileSystemNotFound"})
_SIGN_IN: Final = frozenset({"AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation"})
_LATER: Final = frozenset({"ServerBusy", "OperationTimedOut", "InternalError", "ContainerBeingDeleted", "Md5Mismatch"})


def meaning(error: Exception, *, where: str, needs: str) -> Meaning:
    """Classifies what a client raised. `needs`: the letter and name of the permission in a shared access signature. Errors mean: surely not
    done."""
    if isinstance(error, ReconcilerError):
        return error
    if isinstance(error, HttpResponseError) and error.status_code:
        return _answer(error, where, needs)
    if isinstance(error, ClientAuthenticationError):
        return no_token(where, error)
    if isinstance(error, AzureError):
        return Unsure(type(error).__name__)
    raise error


def final(error: Exception, *, where: str, needs: str) -> ReconcilerError:
    """The error to raise for a request that was tried again already and must have worked."""
    match meaning(error, where=where, needs=needs):
        case Unsure(why):
            return unreachable(where, why)
        case Denied() | Absent() | NoBlocks():
            return failure("D110", f"{where}: {_said(error)}.")
        case refusal:
            return refusal


def unreachable(where: str, why: str) -> DestinationError:
    """Transient."""
    return failure("D105", f"{where}: {why}. Run again when it can be reached.", permanent=False)


def _said(error: Exception) -> str:
    if not isinstance(error, HttpResponseError):
        return type(error).__name__
    return f"{error.status_code} {_code(error)}".rstrip()


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _answer(error: HttpResponseError, where: str, needs: str) -> Meaning:
    status, code = error.status_code or 0, _code(error)
    if code in _NO_CONTAINER:
        return failure("D102", f"{where}: there is no such container. Create it, or correct connection.container.")
    if status >= 500 or status in (408, 429) or code in _LATER:
        return Unsure(f"{status} {code}".rstrip())
    if code == "InvalidBlockList":
        return NoBlocks()
    if code in _DENIED or status == 412:
        return Denied()
    if code in _ABSENT or status == 404:
        return Absent()
    if status == 401 or code in _SIGN_IN or (status == 403 and "failed to authenticate" in str(error.message)):
        return failure("D111", f"{where} answered {_said(error)}. The key, token or signature is wrong or expired.")
    if status == 403:
        return failure(
            "D104",
            f"{where}: {needs} is not allowed ({code}). A shared access signature needs the permissions read, create, write, delete and "
            f"list on the container; an identity the role {ROLE}. The storage account's network rules may refuse it, too.",
            needs=needs,
        )
    return failure("D110", f"{where}: {_said(error)}.")
