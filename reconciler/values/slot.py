"""A slot: one scheduled instant of one flow, UTC, to the minute. It names the export's folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer


def to_slot(at: datetime) -> datetime:
    """The slot at an aware instant: UTC, seconds dropped. Raises ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("a slot needs a time zone")
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def slot_text(slot: datetime) -> str:
    """`2026-12-02T02:00Z`: how a slot is written in JSON, ledger keys and commands."""
    return slot.strftime("%Y-%m-%dT%H:%MZ")


def slot_folder(slot: datetime) -> str:
    """`202612020200`: how a slot is written in folder names."""
    return slot.strftime("%Y%m%d%H%M")


def parse_slot(text: str) -> datetime:
    """Reads what `slot_text` writes, and ISO 8601 with an offset. Raises ValueError otherwise."""
    return to_slot(datetime.fromisoformat(text))


Slot = Annotated[datetime, AfterValidator(to_slot), PlainSerializer(slot_text, when_used="json")]


def to_utc(at: datetime) -> datetime:
    """An aware instant in UTC. Raises ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("a time zone is needed, such as 2026-12-01T00:00:00Z")
    return at.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(to_utc)]
