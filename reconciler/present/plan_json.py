"""A plan as JSON: for machines, and the file that `plan --out` writes."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

from pydantic import ValidationError

from reconciler.config.schemas import Schema, of_output
from reconciler.errors import ConfigInvalid
from reconciler.plan.bind import SavedPlan, digest_of, other_tool, refuse
from reconciler.plan.data import PlanData
from reconciler.plan.plan import Plan
from reconciler.values.base import Value

FORMAT_VERSION: Final = 1
MAX_BYTES = 256 * 1024 * 1024


def as_json(plan: Plan, data: PlanData | None = None) -> str:
    """`{"version": 1, "plan": {…}}`, with `data` where it was looked at; keys in the model's order, with a line end. Its schema:
    `schemas/v1/plan.json`."""
    return json.dumps(PlanOutput(plan=plan, data=data).to_json(), indent=2, ensure_ascii=False) + "\n"


def saved_text(saved: SavedPlan) -> str:
    """What a saved plan's file holds. No secrets: references only. Its schema: `schemas/v1/saved-plan.json`."""
    return json.dumps(saved.to_json(), indent=2, ensure_ascii=False) + "\n"


def read_saved(data: bytes, tool: str) -> SavedPlan:
    """Reads what `saved_text` wrote, unchanged. `tool`: this version.

    Raises ConfigInvalid G130 (not a saved plan), G131 (edited), G132 (of a newer format); Conflict G126 (another version's).
    """
    if len(data) > MAX_BYTES:
        raise _no_plan("The file is far too large for one.")
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _no_plan("It isn't a whole JSON document.") from None
    version = content.get("formatVersion") if isinstance(content, dict) else None
    if type(version) is not int:
        raise _no_plan("It has no formatVersion.")
    if version > FORMAT_VERSION:
        detail = f"It has format {version}, and this version reads {FORMAT_VERSION}. Use the version that made it, or plan again."
        raise ConfigInvalid("G132", "the saved plan is of a newer format", detail)
    made_by = _tool(content)
    if made_by is not None and made_by != tool:
        raise refuse(other_tool(made_by, tool))
    try:
        saved = SavedPlan.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])[:200] or "the beginning"
        raise _no_plan(f"At {at} it isn't what `plan --out` of this version writes.") from None
    if digest_of(saved.plan, saved.expires) != saved.digest:
        detail = "Its content doesn't have the digest that it names. Plan again with --out."
        raise ConfigInvalid("G131", "the saved plan was changed after it was written", detail)
    return saved


def _tool(content: dict[str, Any]) -> str | None:
    plan = content.get("plan")
    tool = plan.get("tool") if isinstance(plan, dict) else None
    return tool[:100] if isinstance(tool, str) else None


def _no_plan(why: str) -> ConfigInvalid:
    return ConfigInvalid("G130", "not a saved plan", f"{why} Plan again, and name the file that --out wrote.")


class PlanOutput(Value):
    """What `plan --format json` prints. `data`: with --data, what a look at the datasets showed."""

    version: Literal[1] = FORMAT_VERSION
    plan: Plan
    data: PlanData | None = None


def plan_schemas() -> dict[str, Schema]:
    """Name to JSON Schema 2020-12, each complete in itself: `plan` of `as_json`, `saved-plan` of `saved_text`."""
    shown = "What `reconcile plan --format json` prints."
    saved = "What `reconcile plan --out FILE` writes and `reconcile apply FILE` performs."
    return {
        "plan": of_output(PlanOutput, "Plan", shown),
        "saved-plan": of_output(SavedPlan, "SavedPlan", saved),
    }
