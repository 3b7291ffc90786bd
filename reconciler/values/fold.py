"""Names as those see them who ignore case and how a character is composed: some file systems, many readers."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """What two names share that such a file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
