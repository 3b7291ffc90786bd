"""What every alert channel does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from reconciler.errors import ReconcilerError

TIMEOUT: Final = 10.0
"""Seconds that one message may take, whatever it does."""

Mood = Literal["info", "success", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Message:
    """One alert in words. `id`: the same however often it is sent. `source`: the project, as a URI reference. `data`: the same for
    machines: numbers, times, codes and commands, never a row's values."""

    id: str
    source: str
    event: str
    subject: str
    at: datetime
    mood: Mood
    title: str
    body: str
    data: dict[str, object]


class AlertError(ReconcilerError):
    """A channel didn't take a message. Says why without the channel's address, which may be a secret."""


class Channel(Protocol):
    """Where messages go. Opening one touches nothing."""

    def send(self, message: Message) -> None:
        """Sends once, and returns when the other side took it; within `TIMEOUT` seconds. May be called again with the same message.

        Raises `AlertError`, `AccountError` for its secrets, `MissingExtra`.
        """

    def check(self) -> str:
        """Tries what can be tried without sending anything, and says what that was. Raises the same."""


_SUMMARIES: Final = {
    "N101": "an alert couldn't be sent",
    "N102": "an alert channel can't be used",
    "N103": "an alert was redirected",
}


def failure(code: Literal["N101", "N102", "N103"], detail: str) -> AlertError:
    """The error of a code."""
    return AlertError(code, _SUMMARIES[code], detail)
