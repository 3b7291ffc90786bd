"""The base of every value that is stored or printed as JSON: frozen, closed, camelCase outside."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Value(BaseModel):
    """A frozen JSON value: unknown keys are refused, keys are camelCase in JSON and snake_case in Python."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def to_json(self) -> dict[str, object]:
        """Plain JSON data with camelCase keys; absent options are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
