"""Errors of accounts, with the fixed summaries of their codes."""

from __future__ import annotations

from reconciler.codes.accounts import ACCOUNT_CODES
from reconciler.codes.sftp import SFTP_CODES
from reconciler.errors import AccountError

_SUMMARIES = {entry.code: entry.summary for entry in (*ACCOUNT_CODES, *SFTP_CODES)}


def account_failure(code: str, detail: str) -> AccountError:
    """An `AccountError`. `detail`: who, what the other side said, the mend. Never a secret. Raises KeyError for an unknown code."""
    return AccountError(code, _SUMMARIES[code], detail)
