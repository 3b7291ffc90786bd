"""The JSON Schemas (2020-12): made from the models by `generate`, kept in `schemas/v1`, read back by `schema_of`.

The files decide what is valid; a test and `scripts/generate.py --check` keep them and the models the same.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from reconciler.errors import UsageError
from reconciler.resources.resource import API_VERSION, KINDS
from reconciler.values.variants import OPEN

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
SECRET = "secret reference"
_REFERENCE = "#/$defs/"
_CHECKOUT = Path(__file__).resolve().parents[2] / "schemas" / "v1"


def generate() -> dict[str, Schema]:
    """File name to schema: one per kind, and `resource.json` for any of them, each complete in itself."""
    _, together = models_json_schema([(model, "validation") for model in KINDS.values()], by_alias=True)
    definitions = {name: _clean(schema) for name, schema in together["$defs"].items()}
    files = {f"{kind.lower()}.json": _kind(kind, definitions) for kind in KINDS}
    files["resource.json"] = _any_kind(definitions)
    return files


def text_of(schema: Schema) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


@cache
def schema_of(kind: str | None = None) -> Schema:
    """The published schema of a kind, or of any resource. Raises UsageError for an unknown kind. Not to be changed."""
    if kind is not None and kind not in KINDS:
        raise UsageError("C107", "unknown kind", f"Known kinds: {', '.join(KINDS)}.")
    return published(kind.lower() if kind else "resource")


def published(name: str) -> Schema:
    """The schema in `schemas/v1/<name>.json`, from the installed package or the checkout."""
    packaged = resources.files("reconciler").joinpath("schemas", "v1", f"{name}.json")
    text = packaged.read_text("utf-8") if packaged.is_file() else (_CHECKOUT / f"{name}.json").read_text("utf-8")
    schema: Schema = json.loads(text)
    return schema


def of_input(model: type[BaseModel]) -> Schema:
    """The schema of what a model reads, inlined. Raises RecursionError for a model that holds itself."""
    schema = model.model_json_schema(by_alias=True)
    definitions = {name: _clean(each) for name, each in schema.pop("$defs", {}).items()}
    return inlined({**_clean(schema), "$defs": definitions})


def of_output(model: type[BaseModel], title: str, description: str) -> Schema:
    """The schema of what a model is written as (`Value.to_json`): keys with nothing behind are left out, all others are there."""
    schema = model.model_json_schema(by_alias=True, mode="serialization")
    definitions = {name: _clean(_present(each)) for name, each in schema.pop("$defs").items()}
    own = _clean(_present(schema))
    rest = {name: definitions[name] for name in sorted(_reachable(own, definitions))}
    return {"$schema": DIALECT, **own, "title": title, "description": description, "$defs": rest}


def _present(schema: Schema) -> Schema:
    """An object's schema that requires every key which is always written."""
    keys = schema.get("properties", {})
    always = [key for key, value in keys.items() if {"type": "null"} not in value.get("anyOf", ())]
    return {**schema, "required": always} if always else schema


def inlined(schema: Schema) -> Schema:
    """The same schema without references (none of ours is recursive): several times faster to validate with."""
    return dict(_inline({key: value for key, value in schema.items() if key != "$defs"}, schema.get("$defs", {})))


def _inline(part: Any, definitions: Schema) -> Any:
    if isinstance(part, list):
        return [_inline(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        target = definitions[part["$ref"].removeprefix(_REFERENCE)]
        return _inline({**target, **{key: value for key, value in part.items() if key != "$ref"}}, definitions)
    return {key: _inline(value, definitions) for key, value in part.items()}


def _kind(kind: str, definitions: Schema) -> Schema:
    own = definitions[kind]
    needed = _reachable(own, definitions)
    rest = {name: definitions[name] for name in sorted(needed)}
    return {"$schema": DIALECT, "title": kind, **own, "$defs": rest}


def _any_kind(definitions: Schema) -> Schema:
    return {
        "$schema": DIALECT,
        "title": "Resource",
        "description": "Any document of a project.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"apiVersion": {"const": API_VERSION}, "kind": {"enum": list(KINDS)}},
        "allOf": [when("kind", kind, {"$ref": _REFERENCE + kind}) for kind in KINDS],
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _reachable(part: Any, definitions: Schema) -> set[str]:
    found: set[str] = set()
    pending = [part]
    while pending:
        each = pending.pop()
        if isinstance(each, dict):
            name = str(each.get("$ref", "")).removeprefix(_REFERENCE)
            if name in definitions and name not in found:
                found.add(name)
                pending.append(definitions[name])
            pending.extend(each.values())
        elif isinstance(each, list):
            pending.extend(each)
    return found


def _clean(part: Any, *, names: bool = False) -> Any:
    """Pydantic's schema in the form that gives precise errors. `names`: the keys of `part` are names, not keywords."""
    if isinstance(part, list):
        return [_clean(each) for each in part]
    if not isinstance(part, dict):
        return part
    if names:
        return {key: _clean(value) for key, value in part.items()}
    cleaned = {
        key: _clean(value, names=key == "properties") for key, value in part.items() if key not in ("title", "default")
    }
    if (default := _without_null(part.get("default"))) not in (None, {}, []):
        cleaned["default"] = default
    return _closed_keys(_tagged(_not_null(cleaned)))


def _not_null(schema: Schema) -> Schema:
    """An optional key may be left out; writing it with nothing behind is an error."""
    branches = schema.get("anyOf")
    if not branches:
        return schema
    branches = [each for each in branches if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if any(each.get("$ref") == f"{_REFERENCE}FromEnv" for each in branches):
        rest["$comment"] = SECRET
    return {**branches[0], **rest} if len(branches) == 1 else {"anyOf": branches, **rest}


def _tagged(schema: Schema) -> Schema:
    """A union with a tag as a list of if/then, so that the errors are those of the variant that the tag names."""
    tag = schema.get("discriminator")
    if not tag or "oneOf" not in schema:
        return schema
    name, variants = tag["propertyName"], tag["mapping"]
    rest = {key: value for key, value in schema.items() if key not in ("discriminator", "oneOf", OPEN)}
    return {
        **rest,
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "string"} if OPEN in schema else {"enum": list(variants)}},
        "allOf": [when(name, each, {"$ref": reference}) for each, reference in variants.items()],
    }


def _closed_keys(schema: Schema) -> Schema:
    """Maps with constrained keys: pydantic's `patternProperties` lets any other key through."""
    patterns = schema.get("patternProperties")
    if not patterns or "additionalProperties" in schema:
        return schema
    ((pattern, value),) = patterns.items()
    rest = {key: each for key, each in schema.items() if key != "patternProperties"}
    return {**rest, "propertyNames": {"pattern": pattern}, "additionalProperties": value}


def when(tag: str, value: str, then: Schema) -> Schema:
    """What holds where a key has a value."""
    return {"if": {"properties": {tag: {"const": value}}, "required": [tag]}, "then": then}


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_null(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in (None, {}, [])}
    return value
