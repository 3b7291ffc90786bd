"""Globs of `Project.spec.include` and `exclude`: `*` and `?` within a segment, `**` for any segments. Never a regex."""

from __future__ import annotations

from collections.abc import Sequence


def matches(pattern: str, path: str) -> bool:
    """Whether a path (POSIX, relative) matches; a pattern that names a folder matches all below it."""
    segments = [each for each in pattern.split("/") if each not in ("", ".")]
    return _segments(segments, path.split("/"))


def _segments(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Reaches, per pattern segment, the set of path positions at which the rest may begin."""
    reached = {0}
    for segment in pattern:
        if segment == "**":
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and _segment(segment, path[at])}
        if not reached:
            return False
    return True


def _segment(pattern: str, text: str) -> bool:
    at = index = 0
    star, resume = -1, 0
    while index < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, index
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[index]):
            at += 1
            index += 1
        elif star >= 0:
            resume += 1
            at, index = star + 1, resume
        else:
            return False
    return all(char == "*" for char in pattern[at:])
