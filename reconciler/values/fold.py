"""Names as those see them who ignore case and how a character is composed: some file systems, many readers."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """What two names share that such a file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def as_seen(name: str) -> str:
    """What names share that look the same to a reader: case, width, spaces and characters that nobody sees aside."""
    shown = [each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each) != "Cf"]
    return " ".join(folded("".join(shown)).split())
