"""A filter's text as the engine's expression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Filter:
    """`expression` (None: all rows) and the `columns` that it needs."""

    expression: pl.Expr | None
    columns: frozenset[str]


def compiled(where: str | None, types: Mapping[str, str]) -> Filter:
    """The filter's text over columns of the declared `types` (name to text of the type language)."""
    if where is None:
        return Filter(None, frozenset())
    expression = pl.sql_expr(where)
    return Filter(expression, frozenset(expression.meta.root_names()) & frozenset(types))
