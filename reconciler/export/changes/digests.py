"""Digests of keys and of rows as they leave: the same for the same values on every machine and with every version of the engine.

A key's is BLAKE3 of a secret prefix and the key's text, which XXH3 shortens to 128 bits: without the prefix nobody can tell whose it is.
A row's is the sum of its values' hashes, hidden by two pads that are made of its key's: equal rows of two people have different ones, and
who has a snapshot, or two in a row, can't tell by them which values a row has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Final

import polars as pl

from reconciler.datasets.columns import column
from reconciler.export.changes.secrets import DiffKeys
from reconciler.export.keys import hashes, key_text
from reconciler.export.plain import as_text, for_json

A, B, ROW_DIGEST = "\x01a", "\x01b", "\x01r"
_KEY = "\x01key"
_FIRST_COLUMN: Final = 16
"""Seeds below it are those of keys' digests."""
_ODD: Final = 0x9E3779B97F4A7C15


def digests(
    rows: pl.LazyFrame, key: Mapping[str, pl.DataType], out: Mapping[str, pl.DataType], keys: DiffKeys
) -> pl.LazyFrame:
    """`rows` with the two halves of the key's digest (null where it has no value) and the row's.

    `key`: columns of `rows` by their names there; `out`: those that leave.
    """

    def prefixed(texts: pl.Series) -> pl.Series:
        # Not as an expression: engines print those in errors.
        return pl.Series(texts.name, [keys.digest]) + texts

    text = key_text(list(key.items())).map_batches(prefixed, return_dtype=pl.String, is_elementwise=True)
    hashed = hashes(text).chash.blake3()
    with_key = rows.with_columns(hashed.alias(_KEY))
    pads = [_xxh3(pl.col(_KEY).fill_null(""), seed) for seed in (3, 4)]
    row = (row_hash(out) ^ pads[0]) * (pads[1] | _u64(1))
    halves = (_half(1).alias(A), _half(2).alias(B))
    return with_key.with_columns(*halves, row.alias(ROW_DIGEST)).drop(_KEY)


def _half(seed: int) -> pl.Expr:
    return pl.when(pl.col(_KEY).is_not_null()).then(_xxh3(pl.col(_KEY), seed))


def row_hash(out: Mapping[str, pl.DataType]) -> pl.Expr:
    """64 bits of all values: where two rows have the same they are the same, but for a chance of one in 2^64."""
    hashed = [_hashed(column(name), kind, _FIRST_COLUMN + at) for at, (name, kind) in enumerate(out.items())]
    return reduce(add, hashed)


def _hashed(value: pl.Expr, kind: pl.DataType, seed: int) -> pl.Expr:
    """A value's hash, another one in every column; of null too."""
    nothing = _u64(seed * _ODD % 2**64)
    match kind:
        case pl.String():
            return _xxh3(value, seed).fill_null(nothing)
        case pl.Float32() | pl.Float64():
            bits = value.reinterpret(dtype=pl.Int32 if kind == pl.Float32 else pl.Int64)
            return _mixed(bits, seed).fill_null(nothing)
        case pl.Datetime() | pl.Date() | pl.Boolean() | pl.Int32() | pl.Int64():
            return _mixed(value.to_physical(), seed).fill_null(nothing)
        case pl.Decimal():
            return _xxh3(value.cast(pl.String), seed).fill_null(nothing)
        case pl.Binary():
            return _xxh3(as_text(value, kind), seed).fill_null(nothing)
        case _:
            plain = for_json(value, kind)
            inside = pl.struct((value if plain is None else plain).alias("value"))
            text = pl.when(value.is_not_null()).then(inside.struct.json_encode())
            return _xxh3(text, seed).fill_null(nothing)


def _mixed(number: pl.Expr, seed: int) -> pl.Expr:
    """MurmurHash3's last steps, with a start of its own in every column. All arithmetic is modulo 2^64."""
    value = number.cast(pl.Int64).reinterpret(dtype=pl.UInt64) + _u64(seed * _ODD % 2**64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ (value // _u64(2**33))) * _u64(factor)
    return value ^ (value // _u64(2**33))


def _xxh3(text: pl.Expr, seed: int) -> pl.Expr:
    made: pl.Expr = hashes(text).nchash.xxh3_64(seed=seed)
    return made


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)
