"""Why a row that matches doesn't leave."""

from __future__ import annotations

from typing import Literal, get_args

Excluded = Literal["missing"]
"""`missing`: a required column has no value. Of several reasons the first in this order counts."""
EXCLUDED: tuple[Excluded, ...] = get_args(Excluded)
