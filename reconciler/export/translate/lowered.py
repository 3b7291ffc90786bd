"""Small letters, as both engines are made to have them."""

from __future__ import annotations


def lowered(text: str) -> str:
    """Each letter by itself: no final sigma, and one letter for `İ`."""
    return "".join(char.lower() for char in text.replace("İ", "i"))
