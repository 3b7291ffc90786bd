"""Masked samples: what a value looks like, and nothing of what it is."""

from __future__ import annotations

import json
import string
from typing import Any, Final

LONGEST: Final = 40
"""Characters that are shown of a shape."""
_KEPT: Final = frozenset(string.punctuation + " ")


def shape(value: object) -> str | None:
    """Letters as x and X, digits as 9, blanks and ASCII punctuation as they are; of lists and structs, their values so. None: null."""
    if value is None:
        return None
    text = json.dumps(_inside(value), ensure_ascii=False) if isinstance(value, list | dict) else _masked(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _inside(value: object) -> Any:
    match value:
        case None:
            return None
        case list():
            return [_inside(each) for each in value]
        case dict():
            return {name: _inside(each) for name, each in value.items()}
        case _:
            return _masked(value)


def _masked(value: object) -> str:
    if isinstance(value, bool | bytes):  # a word for either would be the value itself
        return "x"
    return "".join(_mark(each) for each in str(value)[: LONGEST + 1])


def _mark(char: str) -> str:
    if char in _KEPT:
        return char
    if char.isspace() or not char.isprintable():
        return " "
    if char.isdigit():
        return "9"
    return "X" if char.isupper() and char.isascii() else "x"
