"""Errors of destinations, with the fixed summaries of their codes."""

from __future__ import annotations

from datetime import datetime

from reconciler.codes.destinations import DESTINATION_CODES
from reconciler.codes.sftp import SFTP_CODES
from reconciler.codes.types import TYPE_CODES
from reconciler.destinations.base import Published
from reconciler.errors import DestinationError, OutcomeUnknown
from reconciler.values.staged import StagedFile

_SUMMARIES = {entry.code: entry.summary for entry in (*DESTINATION_CODES, *TYPE_CODES, *SFTP_CODES)}


def failure(code: str, detail: str, *, permanent: bool = True, needs: str = "") -> DestinationError:
    """A `DestinationError`. `detail`: where, what the destination said, the mend. `needs`: the permission that is missing. Raises KeyError
    for an unknown code."""
    return DestinationError(code, _SUMMARIES[code], detail, permanent=permanent, needs=needs)


def unknown(detail: str) -> OutcomeUnknown:
    """An `OutcomeUnknown` (D122)."""
    return OutcomeUnknown("D122", _SUMMARIES["D122"], detail)


def gone(file: StagedFile, where: str, now: datetime) -> Published:
    """What it means that a file is neither staged nor published: collected, or past its expiry DestinationError
    D130."""
    if file.expires is not None and now >= file.expires:
        raise failure(
            "D130", f"{where} is neither staged nor there, and was kept until {file.expires:%Y-%m-%d %H:%M} UTC."
        )
    return Published.COLLECTED
