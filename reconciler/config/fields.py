"""The fields of a kind, flattened from its published schema: for the catalog and for the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from reconciler.catalog.base import DestinationType
from reconciler.config.plugged import spec_schema
from reconciler.config.schemas import SECRET, Schema, inlined, schema_of
from reconciler.values.identity import NAME_ABOUT, NAME_PATTERN

_SCALARS: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_ONE: Final = "NAME"


@dataclass(frozen=True, slots=True)
class Field:
    """`path`: dotted, `[]` for a list's items, `NAME` for a map's keys. `value`: what goes there, for people.

    `when`: the choice that the field belongs to (`type: s3`), or nothing. `default` None: there is none. `pattern` of a list: of each item.
    """

    path: str
    value: str
    required: bool
    about: str = ""
    default: object = None
    pattern: str = ""
    secret: bool = False
    when: str = ""


def fields(schema: Schema) -> list[Field]:
    """All fields below an inlined schema (`schemas.inlined`), in order, without the schema's own line."""
    return list(_below(schema, "", ""))


def connection_fields(about: DestinationType) -> list[Field]:
    """The fields of `spec.connection` of a destination type."""
    return fields(spec_schema(about)["properties"]["connection"])


def account_fields(type_name: str) -> list[Field]:
    """The fields of an Account's `spec` of a type, `type` left out."""
    spec = inlined(schema_of("Account"))["properties"]["spec"]
    (own,) = [then for value, _, then in _variants(spec) if value == type_name]
    return [each for each in fields(own) if each.path != "type"]


def _below(schema: Schema, path: str, when: str) -> Iterator[Field]:
    """The lines below a place."""
    if schema.get("$comment") == SECRET:
        return
    if "anyOf" in schema:
        yield from _either(schema["anyOf"], path, when)
    if "items" in schema:
        yield from _below(schema["items"], f"{path}[]", when)
    if variants := _variants(schema):
        yield from _chosen(schema, variants, path, when)
        return
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        yield _field(each, inner, name in required, when)
        yield from _below(each, inner, when)
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        yield from _below(more, f"{path}.{_ONE}" if path else _ONE, when)


def _either(branches: list[Schema], path: str, when: str) -> Iterator[Field]:
    """Lines of all branches; those of a list's items only where the same isn't possible without a list."""
    seen: set[Field] = set()
    for branch in branches:
        for each in _below(branch, path, when):
            plain = replace(each, path=each.path.replace(f"{path}[]", path, 1))
            if plain not in seen:
                seen.add(plain)
                yield each


def _chosen(schema: Schema, variants: list[tuple[str, str, Schema]], path: str, when: str) -> Iterator[Field]:
    """The choice, then each line once, with the variants that have it; nothing where all do."""
    key = variants[0][1]
    inner = f"{path}.{key}" if path else key
    yield Field(inner, _or([value for value, _, _ in variants]), key in schema.get("required", ()), when=when)
    having: dict[Field, list[str]] = {}
    for value, _, then in variants:
        for each in _below(then, path, ""):
            if each.path != inner:
                having.setdefault(each, []).append(value)
    for each, values in having.items():
        own = "" if len(values) == len(variants) else f"{key}: {' or '.join(values)}"
        yield replace(each, when=", ".join(part for part in (when, own, each.when) if part))


def _field(schema: Schema, path: str, required: bool, when: str) -> Field:
    each = schema["items"] if isinstance(schema.get("items"), dict) else {}
    return Field(
        path,
        _value(schema),
        required,
        " ".join(dict.fromkeys(filter(None, (_about(schema), _about(each) if each.get("type") == "string" else "")))),
        schema.get("default") if not isinstance(schema.get("default"), dict | list) else None,
        str(schema.get("pattern", each.get("pattern", ""))),
        _secret(schema),
        when,
    )


def _secret(schema: object) -> bool:
    """Whether it is a secret, or a list or a map of them."""
    if not isinstance(schema, dict):
        return False
    return (
        schema.get("$comment") == SECRET or _secret(schema.get("items")) or _secret(schema.get("additionalProperties"))
    )


def _value(schema: Schema) -> str:
    if schema.get("$comment") == SECRET:
        return "secret"
    if schema.get("pattern") == NAME_PATTERN:
        return "name"
    if variants := _variants(schema):
        return "object, by " + variants[0][1]
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return _or(schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_value(each) for each in schema["anyOf"]))
    match schema.get("type"):
        case "array":
            return f"list of {_value(schema['items'])}"
        case "object":
            more = schema.get("additionalProperties")
            return f"map of {_value(more)}" if isinstance(more, dict) else "object"
        case str(name):
            return _SCALARS[name] + _bounds(schema)
        case _:
            return "any value"


def _or(values: list[Any]) -> str:
    """`a`, `b` or `c`."""
    shown = [f"`{each}`" for each in values]
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", {low:,} or more"
    return f", {high:,} at most" if high is not None else ""


def _about(schema: Schema) -> str:
    """Its description, a branch's or its items'; of secrets and names its own alone."""
    if _value(schema).removeprefix("list of ") in ("secret", "name"):
        said = str(schema.get("description", ""))
        return "" if said == NAME_ABOUT else " ".join(said.split())
    for branch in (schema, *schema.get("anyOf", ()), schema.get("items", {})):
        if description := branch.get("description"):
            return " ".join(str(description).split())
    return ""


def _variants(schema: Schema) -> list[tuple[str, str, Schema]]:
    """(value, key, schema) of a choice by one key."""
    found: list[tuple[str, str, Schema]] = []
    for each in schema.get("allOf", ()):
        tested: dict[str, Any] = each.get("if", {}).get("properties", {})
        if len(tested) != 1:
            return []
        ((key, test),) = tested.items()
        found.append((str(test.get("const")), key, each["then"]))
    return found
