"""Errors of encryption, with the fixed summaries of their codes."""

from __future__ import annotations

from reconciler.codes.encryption import ENCRYPTION_CODES
from reconciler.errors import AccountError, DestinationError

_SUMMARIES = {entry.code: entry.summary for entry in ENCRYPTION_CODES}


def key_failure(code: str, detail: str) -> AccountError:
    """An `AccountError`. `detail`: which key, what is wrong, the mend."""
    return AccountError(code, _SUMMARIES[code], detail)


def sealing_failure(detail: str) -> DestinationError:
    """D161, transient."""
    return DestinationError("D161", _SUMMARIES["D161"], detail, permanent=False)


def reason(error: BaseException) -> str:
    """What Sequoia says of a public key, without its trace."""
    said = str(error).partition("Stack backtrace")[0].replace("Caused by:", " ")
    return " ".join(said.split())[:300].rstrip(".")
