"""jsonschema, with two better keywords: `pattern` as JSON Schema means it, `anyOf` with the errors of the form meant.

Neither changes what is valid for the published schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from reconciler.catalog.base import DestinationType
from reconciler.config.plugged import inlined_of
from reconciler.config.predicate import compiled


@cache
def validator_for(kind: str, plug_in: DestinationType | None = None) -> Validator:
    """The validator of a kind's schema (`plugged.inlined_of`), made once."""
    made: Validator = _Precise(inlined_of(kind, plug_in))
    return made


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compiled(pattern).search(instance):
        yield ValidationError(f"does not match {pattern!r}")


def _any_of(validator: Any, branches: list[dict[str, Any]], instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Valid if any branch is; otherwise the errors of the one branch that was meant, or one error if none was."""
    tried: list[list[ValidationError]] = []
    for index, branch in enumerate(branches):
        errors = list(validator.descend(instance, branch, schema_path=index))
        if not errors:
            return
        tried.append(errors)
    meant = _meant(instance, branches, validator)
    if meant is None:
        yield ValidationError("matches no form", context=[error for errors in tried for error in errors])
    else:
        yield from tried[meant]


def _meant(instance: Any, branches: list[dict[str, Any]], validator: Any) -> int | None:
    """The branch of the instance's type; among mappings the one whose keys were used, unless keys of several were."""
    fitting = [
        index
        for index, branch in enumerate(branches)
        if "type" not in branch or validator.is_type(instance, branch["type"])
    ]
    if len(fitting) < 2 or not isinstance(instance, dict):
        return fitting[0] if fitting else None
    used = [index for index in fitting if any(key in branches[index].get("properties", {}) for key in instance)]
    return used[0] if len(used) == 1 else None


_Precise: Any = cast(Any, extend)(Draft202012Validator, {"pattern": _pattern, "anyOf": _any_of})
