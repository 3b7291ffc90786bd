"""What a plain scalar means: the YAML 1.2 core schema, without its surprises.

Null, true, false, decimal, octal (0o17) and hexadecimal (0x1F) integers and floats in their core forms; all else is
text: `NO`, `on`, `12:30:00`, `2026-12-01`. Two departures, both towards refusing to guess: a decimal with leading zeros
(`010`, a postcode) is text, and what isn't finite or doesn't fit into 64 bits is an error. An integral float (`1e3`) is
an integer, as JSON Schema has it.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_FIRST = frozenset("-+.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_EXACT = 2**53
_LONGEST = 40


def resolve(text: str) -> Scalar:
    """The value of a plain scalar. Raises ValueError for a number that can't be used; the message says why."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    if _LEADING_ZERO.fullmatch(text):
        return text
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _BASED.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("not-a-number and infinity can't be used")
    return text


def _integer(digits: str, base: int) -> int:
    if len(digits) > _LONGEST or not -(2**63) <= (number := int(digits, base)) < 2**63:
        raise ValueError("the integer doesn't fit into 64 bits")
    return number


def _float(text: str) -> int | float:
    if len(text) > _LONGEST:
        raise ValueError("the number has more digits than can be kept")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("the number is too large")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number
