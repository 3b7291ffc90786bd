"""Markdown in which text from configuration is inert: no mention, link, markup or HTML of its own."""

from __future__ import annotations

import re

from reconciler.present.words import inert

_HARMLESS = re.compile(r"[^A-Za-z0-9 ,/=\u0080-\U0010ffff-]")


def code(text: str) -> str:
    """Text as code: every character that markdown, HTML or a forge gives a meaning to is written as its number.

    Parsers of links and tables don't see it, and forges look for mentions and references outside of code only.
    """
    return "<code>" + _HARMLESS.sub(lambda found: f"&#{ord(found[0])};", inert(text)) + "</code>"


def bounded(head: list[str], rows: list[str], budget: int) -> list[str]:
    """As many rows as fit into a number of characters, and how many more there are."""
    used = length(head)
    for at, row in enumerate(rows):
        used += len(row) + 1
        if used > budget:
            more = f"… and {len(rows) - at:,} more; `reconcile plan` shows all."
            return [*head, *rows[:at], "", more] if at else [more]
    return [*head, *rows]


def length(lines: list[str]) -> int:
    """Characters of lines with their line ends."""
    return sum(len(line) + 1 for line in lines)
