"""What destinations in Azure Storage have in common. Container names: Azure Storage, "Naming and referencing containers"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

CONTAINER_PATTERN = r"^(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
_RULE = "3-63 lower-case letters, digits and single hyphens."


def _container(text: str) -> str:
    # Here and not in Field(pattern=…): pydantic's own expressions have no look-ahead.
    if not re.fullmatch(CONTAINER_PATTERN[1:-1], text):
        raise ValueError(f"not a container's name: {_RULE}")
    return text


Container = Annotated[
    str,
    AfterValidator(_container),
    WithJsonSchema({"type": "string", "pattern": CONTAINER_PATTERN, "description": _RULE}),
]
ObjectPath = Annotated[str, Field(max_length=800, description="The folder, without a slash before it.")]
