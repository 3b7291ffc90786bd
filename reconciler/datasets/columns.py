"""Columns by their names, whatever these look like: Polars takes `*` and `^…$` for patterns that match several."""

from __future__ import annotations

import polars as pl


def column(name: str) -> pl.Expr:
    """The column of that very name."""
    return pl.col(literal(name))


def literal(name: str) -> str:
    """What Polars understands as that very name."""
    if name == "*" or (name.startswith("^") and name.endswith("$")):
        return "^" + "".join(f"\\x{{{ord(char):X}}}" for char in name) + "$"
    return name
