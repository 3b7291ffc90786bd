"""A JSON Schema as a function that says yes or no, many times as fast as a validator that can say why.

Only for what it knows: a schema with any other keyword has no such function, and jsonschema judges alone. Its yes must
be jsonschema's yes; a no is only a reason to ask jsonschema. Tests compare the two over a corpus and at random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, Final

from reconciler.catalog.base import DestinationType
from reconciler.config.plugged import inlined_of
from reconciler.config.schemas import Schema

Predicate = Callable[[Any], bool]

_SAYS_NOTHING: Final = frozenset({"$schema", "$defs", "$comment", "title", "description", "default", "format"})
_TYPES: Final[Mapping[str, Predicate]] = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) is int or type(value) is float,
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
}


class _Unknown(Exception):
    """A keyword, or a form of one, that has no function."""


@cache
def predicate_for(kind: str, plug_in: DestinationType | None = None) -> Predicate | None:
    """Whether data is valid for a kind's schema (`plugged.inlined_of`), as a function; None where jsonschema has to judge."""
    try:
        return predicate(inlined_of(kind, plug_in))
    except _Unknown:
        return None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Python's `$` matches before a last line break, and its `\d` matches any script's digits; ECMA 262's don't."""
    anchored = pattern.endswith("$") and not pattern.endswith("\\$")
    return re.compile(pattern[:-1] + r"\Z" if anchored else pattern, re.ASCII)


def predicate(schema: Schema) -> Predicate:
    """The function of one schema without references, made of those of its keywords. Raises _Unknown."""
    rest = {key: value for key, value in schema.items() if key not in _SAYS_NOTHING}
    of = rest.pop("type", None)
    if of is not None and (not isinstance(of, str) or of not in _TYPES):
        raise _Unknown
    tests: list[Predicate] = []
    for about, keywords, make in _FORMS:
        own = {key: rest.pop(key) for key in keywords if key in rest}
        if own:
            # Such keywords say nothing of a value of another type: that is valid, unless the type is named too.
            tests.append(make(own, about != of))
            of = None if about is not None and about == of else of
    if rest:
        raise _Unknown
    return _all([_TYPES[of], *tests] if of is not None else tests)


def _all(tests: list[Predicate]) -> Predicate:
    match tests:
        case []:
            return lambda value: True
        case [only]:
            return only
        case [first, second]:
            return lambda value: first(value) and second(value)
        case _:
            return lambda value: all(test(value) for test in tests)


def _text(own: Schema, other: bool) -> Predicate:
    low, high = own.get("minLength", 0), own.get("maxLength", float("inf"))
    search = compiled(own["pattern"]).search if "pattern" in own else None
    if search is None:
        return lambda value: low <= len(value) <= high if type(value) is str else other
    if own.keys() == {"pattern"}:
        return lambda value: search(value) is not None if type(value) is str else other
    return lambda value: low <= len(value) <= high and search(value) is not None if type(value) is str else other


def _choice(own: Schema, other: bool) -> Predicate:
    choices = [*own.get("enum", ()), *([own["const"]] if "const" in own else ())]
    texts = all(type(each) is str for each in choices)
    if len(own) > 1 or not (texts or all(type(each) is int for each in choices)):
        raise _Unknown
    known = frozenset(choices)
    of = (str,) if texts else (int, float)
    return lambda value: type(value) in of and value in known


def _number(own: Schema, other: bool) -> Predicate:
    low, high = own.get("minimum", float("-inf")), own.get("maximum", float("inf"))
    return lambda value: low <= value <= high if type(value) is int or type(value) is float else True


def _list(own: Schema, other: bool) -> Predicate:
    item = predicate(own["items"]) if "items" in own else _all([])
    low, high = own.get("minItems", 0), own.get("maxItems", float("inf"))
    unique = own.get("uniqueItems", False)

    def test(value: Any) -> bool:
        if type(value) is not list:
            return other
        if unique and not (all(type(each) is str for each in value) and len(set(value)) == len(value)):
            return False
        return low <= len(value) <= high and all(map(item, value))

    return test


def _mapping(own: Schema, other: bool) -> Predicate:
    of_key = {name: predicate(schema) for name, schema in own.get("properties", {}).items()}
    others = own.get("additionalProperties", True)
    of_other = None if others is False else predicate(others if isinstance(others, dict) else {})
    needed = tuple(own.get("required", ()))
    name_fits = predicate(own["propertyNames"]) if "propertyNames" in own else None
    low, high = own.get("minProperties", 0), own.get("maxProperties", float("inf"))

    def test(value: Any) -> bool:
        if type(value) is not dict:
            return other
        for key in needed:
            if key not in value:
                return False
        for key, each in value.items():
            fits = of_key.get(key, of_other)
            if fits is None or not fits(each):
                return False
        return low <= len(value) <= high and (name_fits is None or all(map(name_fits, value)))

    return test


def _any(own: Schema, other: bool) -> Predicate:
    branches = _predicates(own["anyOf"])
    return lambda value: any(branch(value) for branch in branches)


def _every(own: Schema, other: bool) -> Predicate:
    return _all(_predicates(own["allOf"]))


def _when(own: Schema, other: bool) -> Predicate:
    """Only the form of a tagged union: a no of the condition must be as sure as its yes."""
    condition = own.get("if")
    tag, value = _tag(condition)
    if own.keys() != {"if", "then"} or condition != {"properties": {tag: {"const": value}}, "required": [tag]}:
        raise _Unknown
    then = predicate(own["then"])
    return lambda data: (type(data) is dict and data.get(tag) != value) or then(data)


def _tag(condition: Any) -> tuple[str, str]:
    """The first key that is compared with a text, and the text."""
    properties = condition.get("properties", {}) if isinstance(condition, dict) else {}
    for name, about in properties.items():
        if isinstance(about, dict) and isinstance(about.get("const"), str):
            return name, about["const"]
    raise _Unknown


def _predicates(schemas: Iterable[Schema]) -> list[Predicate]:
    return [predicate(each) for each in schemas]


_Form = tuple[str | None, tuple[str, ...], Callable[[Schema, bool], Predicate]]
_FORMS: Final[tuple[_Form, ...]] = (
    (None, ("enum", "const"), _choice),
    ("string", ("pattern", "minLength", "maxLength"), _text),
    (None, ("minimum", "maximum"), _number),
    ("array", ("items", "minItems", "maxItems", "uniqueItems"), _list),
    (
        "object",
        ("properties", "additionalProperties", "required", "propertyNames", "minProperties", "maxProperties"),
        _mapping,
    ),
    (None, ("anyOf",), _any),
    (None, ("allOf",), _every),
    (None, ("if", "then", "else"), _when),
)
"""Which type the keywords are about (None: any, or more than one), the keywords, and the function that they make."""
