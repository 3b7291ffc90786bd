"""Text in Polars: case, patterns, parts."""

from __future__ import annotations

import polars as pl

from reconciler.export.translate.lowered import lowered
from reconciler.where.patterns import Pattern


def lower(values: pl.Expr) -> pl.Expr:
    """Each letter by itself: no final sigma, and one letter for `İ`, as other engines have it."""
    plain = values.str.replace_all("Σ", "σ", literal=True).str.replace_all("İ", "i", literal=True)
    return plain.str.to_lowercase()


def like(values: pl.Expr, pattern: Pattern, caseless: bool) -> pl.Expr:
    """Whether they match."""
    if caseless:
        values = lower(values)
        pattern = tuple(lowered(each) if isinstance(each, str) else each for each in pattern)
    written = "".join((".*" if each else ".") if isinstance(each, bool) else _plain(each) for each in pattern)
    return values.str.contains(f"(?s)\\A{written}\\z")


def split_part(values: pl.Expr, separator: str, number: int) -> pl.Expr:
    """The part of that number, from 1; empty where there are fewer."""
    part = values.str.split(separator).list.get(number - 1, null_on_oob=True)
    return pl.when(values.is_not_null()).then(part.fill_null(""))


def _plain(text: str) -> str:
    return "".join(f"\\x{{{ord(char):X}}}" for char in text)
