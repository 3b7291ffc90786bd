"""What a transform makes of a column's type, and which columns it can't be used on."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconciler.resources.transform import OneTransform, named
from reconciler.values.types import Decimal, Flat, parse_type

_TEXT_ONLY = ("lower", "upper", "trim", "sha256-email", "sha256-phone", "mask")


class Misfit(ValueError):
    """The transform can't be used there; the message says why and the mend."""


def transformed(name: str, kind: str, steps: tuple[OneTransform, ...]) -> str:
    """The type that leaves, in the type language. `kind` is the column's declared type. Raises `Misfit`, and ValueError for `kind`."""
    for step in steps:
        kind = _after(name, kind, step)
    return kind


def _after(name: str, kind: str, step: OneTransform) -> str:
    word = named(step).partition("(")[0]
    of = parse_type(kind)
    if word == "time":
        assert not isinstance(step, str)
        assert step.time is not None
        if of not in (Flat("date"), Flat("timestamp")):
            raise Misfit(f"Column {name} is {kind} here, and time writes dates and timestamps as text. Leave it out.")
        try:
            ZoneInfo(step.time.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Misfit(f"There is no time zone {step.time.timezone}. Write one such as Europe/Berlin.") from error
        if of == Flat("date") and any(f"%{each}" in step.time.format for each in "HMSfzs"):
            raise Misfit(f"Column {name} is a date, which has no time of day. Use %Y, %m, %d, %j and %y.")
    elif word in _TEXT_ONLY and of != Flat("string"):
        raise Misfit(f"Column {name} is {kind} here, and {word} is for text. Leave it out, or use sha256 or hmac.")
    elif not isinstance(of, Flat | Decimal):
        raise Misfit(f"Column {name} is {kind}, and {word} is for single values. Leave it out.")
    return "string"
