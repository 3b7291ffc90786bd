"""What a plan needs of whom, where roles are applied."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.permitted import Needed
from reconciler.plan.plan import Plan
from reconciler.present.markdown import code
from reconciler.present.words import cut, inert, plural

_LISTED = 20


def permissions_text(plan: Plan) -> list[str]:
    """Lines for a terminal: none without roles, or where nothing is needed."""
    found = plan.permissions
    if found is None or not found.needed:
        return []
    lines = [f"Permissions  {inert(_who(plan))}"]
    lines += [f"  {inert(said)}" for said in _needs(found.needed)]
    return lines


def permissions_markdown(plan: Plan) -> list[str]:
    """The same as a list of a comment."""
    found = plan.permissions
    if found is None or not found.needed:
        return []
    return ["", f"Permissions: {code(_who(plan))}", "", *(f"- {code(cut(said, 300))}" for said in _needs(found.needed))]


def _who(plan: Plan) -> str:
    found = plan.permissions
    assert found is not None
    if found.principal is None:
        return "it isn't known who this is; to apply it somebody needs"
    lacking = sum(1 for each in found.needed if not each.has)
    outcome = f"lacks {plural(lacking, 'permission')}" if lacking else "has all that is needed"
    return f"{found.principal} {outcome}"


def _needs(needed: tuple[Needed, ...]) -> Iterator[str]:
    """`activate-destinations on agency: role growth (group growth)`; what the principal has is left out."""
    shown = [each for each in needed if not each.has]
    for each in shown[:_LISTED]:
        where = f" on {each.destination}" if each.destination else ""
        yield f"{each.permission}{where}: {', '.join(each.who) or 'no role grants it'}"
    if len(shown) > _LISTED:
        yield f"… and {plural(len(shown) - _LISTED, 'more permission')}"
