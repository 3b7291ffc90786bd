"""Which flows of a ledger a caller means. What fits nothing is wrong usage: a mistyped name must not read as `all is well`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.diagnostics import did_you_mean
from reconciler.errors import UsageError
from reconciler.ledger.records import Actual, FlowHead

GONE = ("removed", "moved")


@dataclass(frozen=True, slots=True)
class Choice:
    """One flow by name, or those of destinations and patterns; nothing is all.

    A name is a full flow id or `<destination>/<name>`. Patterns (`*`, `?`, `[…]`) fit either, or the destination.
    """

    flow: str | None = None
    destinations: tuple[str, ...] = ()
    select: tuple[str, ...] = ()


ALL = Choice()


def chosen(actual: Actual, choice: Choice, *, gone: bool = False) -> list[FlowHead]:
    """The heads, by name. Removed and moved flows only with `gone`, or by name. Raises UsageError U120, U121."""
    heads = [head for _, head in sorted(actual.flows.items())]
    if choice.flow is not None:
        heads = [named(heads, choice.flow)]
        gone = gone or heads[0].state in GONE
    kept = [head for head in heads if gone or head.state not in GONE]
    for name in choice.destinations:
        if all(head.flow_id.destination != name for head in kept):
            raise _nothing_fits(f"No applied flow goes to {name}.")
    if choice.destinations:
        kept = [head for head in kept if head.flow_id.destination in choice.destinations]
    for pattern in choice.select:
        if not any(_matches(head, pattern) for head in kept):
            raise _nothing_fits(f"Nothing that is applied matches {pattern}.")
    if choice.select:
        kept = [head for head in kept if any(_matches(head, pattern) for pattern in choice.select)]
    return kept


def applied_flow(actual: Actual, name: str) -> FlowHead:
    """One flow that is there. Raises UsageError U106 for one that is gone, U120, U121."""
    head = chosen(actual, Choice(name))[0]
    if head.state in GONE:
        where = f" It is {head.moved_to} now." if head.moved_to else f" What it exported: reconcile history {head.flow}"
        raise UsageError("U106", "this flow isn't applied", f"{head.flow} was {head.state}.{where}")
    return head


def named(heads: Iterable[FlowHead], name: str) -> FlowHead:
    """By full id, else by the short form: flows that are there before those that are gone."""
    heads = list(heads)
    fit = [head for head in heads if name in (head.flow, head.flow_id.short)]
    exact = [head for head in fit if head.flow == name]
    here = exact or [head for head in fit if head.state not in GONE] or fit
    if len(here) == 1:
        return here[0]
    if not here:
        raise _nothing_fits(f"No applied flow is named {name}.{_near(name, heads)}")
    raise UsageError(
        "U121", "several flows fit", f"Write one of them in full: {', '.join(head.flow for head in here)}."
    )


def _matches(head: FlowHead, pattern: str) -> bool:
    names = (head.flow, head.flow_id.short, head.flow_id.destination)
    return any(fnmatchcase(name, pattern) for name in names)


def _near(name: str, heads: list[FlowHead]) -> str:
    """The flow that was probably meant: its name without the destination, or a mistyped one."""
    shown = {head.flow_id.short for head in heads if head.state not in GONE}
    ends = sorted(each for each in shown if each.partition("/")[2] == name)
    return f" Did you mean {' or '.join(ends[:3])}?" if ends else did_you_mean(name, shown)


def _nothing_fits(what: str) -> UsageError:
    return UsageError("U120", "nothing fits", f"{what} What there is: reconcile status")
