"""Declared types as the engine's."""

from __future__ import annotations

import re

import polars as pl

from reconciler.datasets.text import TIMESTAMP

_FLAT: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": TIMESTAMP,
    "binary": pl.Binary(),
}


def polars_type(text: str) -> pl.DataType:
    text = text.strip()
    if text in _FLAT:
        return _FLAT[text]
    if found := re.fullmatch(r"decimal\((\d+), *(\d+)\)", text):
        return pl.Decimal(int(found[1]), int(found[2]))
    if text.startswith("list<"):
        return pl.List(polars_type(text[5:-1]))
    if text.startswith("struct<"):
        fields, depth, start, body = [], 0, 0, text[7:-1] + ","
        for i, c in enumerate(body):
            depth += (c in "<(") - (c in ">)")
            if c == "," and depth == 0:
                n, _, t = body[start:i].partition(":")
                fields.append(pl.Field(n.strip(), polars_type(t)))
                start = i + 1
        return pl.Struct(fields)
    raise ValueError(text)
