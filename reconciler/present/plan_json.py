"""A plan as JSON: for machines, and the file that `plan --out` writes."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from reconciler.errors import UsageError
from reconciler.plan.bind import SavedPlan
from reconciler.plan.plan import Plan

FORMAT_VERSION = 1
MAX_BYTES = 256 * 1024 * 1024


def as_json(plan: Plan) -> str:
    """`{"version": 1, "plan": {…}}`, keys in the model's order, with a line end."""
    return json.dumps({"version": FORMAT_VERSION, "plan": plan.to_json()}, indent=2, ensure_ascii=False) + "\n"


def saved_text(saved: SavedPlan) -> str:
    """What a saved plan's file holds. No secrets: references only."""
    return json.dumps(saved.to_json(), indent=2, ensure_ascii=False) + "\n"


def read_saved(text: str) -> SavedPlan:
    """Reads what `saved_text` wrote. Raises UsageError G130: not a saved plan, or of another format."""
    if len(text) > MAX_BYTES:
        raise UsageError("G130", "not a saved plan", "The file is far too large for one. Name what plan --out wrote.")
    try:
        return SavedPlan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])[:200] or "the beginning"
        detail = f"At {at} it isn't what `plan --out` of this version writes. Plan again, and name that file."
        raise UsageError("G130", "not a saved plan", detail) from None


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a saved plan; `plan` in `as_json` has the same shape as its `plan`."""
    found = SavedPlan.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
