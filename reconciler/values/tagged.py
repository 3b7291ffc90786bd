"""JSON Schema of tagged unions that says what is wrong.

Pydantic writes `oneOf` for a union with a discriminator; validators then report "not valid under any of the given schemas". As a
list of if/then the one variant that the tag names is applied, and its own errors are reported.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class TaggedUnion:
    """Metadata of `Annotated[A | B, Field(discriminator=...), TaggedUnion()]`, after the `Field`."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """`{type: object, required: [tag], properties: {tag: {enum}}, allOf: [{if: tag is A, then: A}, …]}`."""
        union = handler(schema)
        discriminator: dict[str, Any] = union["discriminator"]
        tag: str = discriminator["propertyName"]
        variants: dict[str, str] = discriminator["mapping"]
        return {
            "type": "object",
            "required": [tag],
            "properties": {tag: {"enum": list(variants)}},
            "allOf": [
                {"if": {"properties": {tag: {"const": name}}, "required": [tag]}, "then": {"$ref": reference}}
                for name, reference in variants.items()
            ],
        }
