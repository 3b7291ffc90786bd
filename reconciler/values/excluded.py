"""Why a row that matches doesn't leave."""

from __future__ import annotations

from typing import Literal, get_args

Excluded = Literal["expired", "consent", "suppressed", "missing", "duplicate"]
"""`missing`: the key or a required column has no value. `duplicate`: another row of the same key leaves instead.

Of several reasons the first in this order counts.
"""
EXCLUDED: tuple[Excluded, ...] = get_args(Excluded)
