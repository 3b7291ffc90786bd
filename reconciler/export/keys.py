"""Keys of rows as digests: equal keys are equal, different ones differ but for a chance of one in 2^128."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from reconciler.datasets.columns import column
from reconciler.export.plain import as_text

ROW = "\0row"
"""A row's number in the order in which a job reads."""


def key_text(key: Sequence[tuple[str, pl.DataType]]) -> pl.Expr:
    """The values of the key's columns as one text, null where one of them is null. No two keys have the same text."""
    texts = [column(name) if kind == pl.String else as_text(column(name), kind) for name, kind in key]
    if len(texts) == 1:
        return texts[0]
    return pl.concat_str([part for text in texts for part in (text.str.len_bytes().cast(pl.String), pl.lit(":"), text)])


def hash64(text: pl.Expr, seed: int = 0) -> pl.Expr:
    """XXH3 of the text's bytes, for use within one process; null of null."""
    made: pl.Expr = hashes(text).nchash.xxh3_64(seed=seed)
    return pl.when(text.is_not_null()).then(made)


def hashes(text: pl.Expr) -> Any:
    """The text with the hash functions of `polars_hash` on it: `chash` for cryptographic ones, `nchash` for the others."""
    import polars_hash  # noqa: F401 - registers the namespaces

    return text
