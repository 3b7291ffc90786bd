"""Patterns of LIKE: text to pieces, and back to one canonical text."""

from __future__ import annotations

Pattern = tuple[str | bool, ...]
"""Texts, True for `%`, False for `_`."""
ESCAPE = "\\"


def pieces(text: str, escape: str) -> Pattern:
    """The pieces of a pattern; `escape`: the character that makes the next one plain, or nothing.

    Raises ValueError if it stands before anything but `%`, `_` and itself.
    """
    found: list[str | bool] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if escape and char == escape:
            if text[at : at + 1] not in ("%", "_", escape) or at == len(text):
                raise ValueError(f"In a pattern, {escape} stands before %, _ or {escape} only.")
            char = text[at]
            at += 1
        elif char in "%_":
            found.append(char == "%")
            continue
        if found and isinstance(found[-1], str):
            found[-1] += char
        else:
            found.append(char)
    return tuple(found)


def written(pattern: Pattern) -> tuple[str, str]:
    """The canonical text of a pattern and its escape character: none where none is needed."""
    escape = ESCAPE if any(isinstance(each, str) and ("%" in each or "_" in each) for each in pattern) else ""
    parts = []
    for each in pattern:
        if not isinstance(each, str):
            parts.append("%" if each else "_")
        elif escape:
            parts.append("".join(escape + char if char in ("%", "_", escape) else char for char in each))
        else:
            parts.append(each)
    return "".join(parts), escape
