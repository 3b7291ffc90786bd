"""`Audience`: who, as an expression over a dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from reconciler.resources.metadata import Name
from reconciler.values.base import Value


class AudienceSpec(Value):
    """`where`: one SQL boolean expression over the dataset's columns; `TRUE` for all rows."""

    data_type: Literal["prospects", "customers"]
    dataset: Name
    where: Annotated[str, Field(min_length=1, max_length=65_536)]
