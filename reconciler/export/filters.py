"""A filter's text as the engine's expression: read, checked, and translated from our own tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from reconciler.export.translate.polars_tree import expression
from reconciler.values.types import parse_type
from reconciler.where import Checked, check


@dataclass(frozen=True, slots=True)
class Filter:
    """`expression` (None: all rows) and the `columns` that it needs."""

    expression: pl.Expr | None
    columns: frozenset[str]


def compiled(where: str | None, types: Mapping[str, str]) -> Filter:
    """The filter's text over columns of the declared `types` (name to text of the type language).

    Raises ValueError, with the first problem, if the text or a type isn't sound; `validate` finds this before.
    """
    if where is None:
        return Filter(None, frozenset())
    columns = {name: parse_type(text) for name, text in types.items()}
    found = check(where, columns)
    if not isinstance(found, Checked):
        raise ValueError(f"{found[0].code} {found[0].summary}: {found[0].detail}")
    return Filter(expression(found.tree), found.columns)
