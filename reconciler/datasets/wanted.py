"""What is read of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Wanted:
    """`types`: the columns to read and what they become.

    `required`: all columns that the file must have, read or not.
    """

    types: Mapping[str, pl.DataType]
    required: frozenset[str]
