"""A field that holds one of several models, told apart by a tag: a union that is made from a registry and may stay open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from reconciler.values.base import Value

OPEN = "x-open"
"""In a JSON Schema of what is written: the tag may have other values, of which nothing is said."""


class Variants:
    """Metadata of `Annotated[Base, Variants(tag, models)]`: `models` by the tag's value, each a `Base`.

    `others`: what reads a tag that isn't among them, raising a `ValueError` where it can't; the JSON Schema of what is read doesn't
    have it, and that of what is written says `OPEN`.
    Known tags never reach Python code, so that ledgers of many documents are read as fast as without it.
    """

    def __init__(
        self,
        tag: str,
        models: Mapping[str, type[Value]],
        others: Callable[[Any, ValidationInfo], Value] | None = None,
    ) -> None:
        self._tag = tag
        self._models = models
        self._others = others

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {value: handler.generate_schema(model) for value, model in self._models.items()}
        known = core_schema.tagged_union_schema(choices, self._tag)
        if self._others is None:
            return known
        others = core_schema.with_info_plain_validator_function(self._others)
        return core_schema.union_schema([known, others], mode="left_to_right")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        known: Any = schema
        if self._others is None:
            return handler(known)
        found = handler(known["choices"][0])
        return {**found, OPEN: True} if handler.mode == "serialization" else found
