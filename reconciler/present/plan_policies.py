"""What the policies say of a plan: which labels leave, what a draft warns of, what is broken though the plan isn't refused by it, which
core policies aren't enabled, what is lifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from reconciler.plan.governed import Ended, Governance, Lifted, SwitchedOff
from reconciler.plan.plan import Plan, Refusal
from reconciler.plan.verdicts import broken, by_flows, is_needless, sentence
from reconciler.present.markdown import code
from reconciler.present.words import cut, days_left, inert, plural

_LISTED = 20
_ALL_THE_SAME: Final = "What is removed or suspended is all the same. No apply exports what breaks a policy."
Style = Callable[[str, str], str]


def policies_text(plan: Plan, style: Style) -> list[str]:
    """Lines for a terminal: none where nothing has a label, every core policy is enabled and nothing is lifted."""
    found = plan.governance
    lines = [f"Policies     {said}" for said in _judged(found)]
    lines += [f"  {each.status:<10} {inert(_switched(each))}" for each in found.off]
    lines += [f"  override   {inert(_lifted(each))}" for each in found.overrides[:_LISTED]]
    lines += [f"  agreement  {inert(_over(each))}" for each in found.ended[:_LISTED]]
    stands = standing(plan)
    warnings = [*stands, *_drafts(plan)]
    lines += [style(f"Warning  {each.code}  {inert(each.sentence)}", "change") for each in warnings[:_LISTED]]
    return lines + _more(len(warnings)) + ([_ALL_THE_SAME] if stands else [])


def policies_markdown(plan: Plan) -> list[str]:
    """The same as a list of a comment."""
    found = plan.governance
    lines = [f"- Policies: {code(said)}" for said in _judged(found)]
    lines += [f"- Policy {each.status}: {code(cut(_switched(each), 300))}" for each in found.off[:_LISTED]]
    lines += [f"- Override: {code(cut(_lifted(each), 700))}" for each in found.overrides[:_LISTED]]
    lines += [f"- Agreement: {code(cut(_over(each), 700))}" for each in found.ended[:_LISTED]]
    stands = standing(plan)
    warnings = [*stands, *_drafts(plan)]
    lines += [f"- Warning {each.code}: {code(cut(each.sentence, 1_000))}" for each in warnings[:_LISTED]]
    lines += _more(len(warnings)) + ([f"- {_ALL_THE_SAME}"] if stands else [])
    return ["", *lines] if lines else []


def standing(plan: Plan) -> tuple[Refusal, ...]:
    """What is broken though the plan isn't refused by it, since it only takes away."""
    return () if {each.code for each in plan.refusals} & {"G140", "G143"} else broken(plan.governance)


def _drafts(plan: Plan) -> list[Refusal]:
    return [Refusal(code="G141", sentence=sentence(each)) for each in plan.governance.violations if each.draft]


def _judged(found: Governance) -> Iterator[str]:
    """How many policies were judged, over which labels; nothing where no column has one."""
    labels = sorted({label for each in found.received for label in each.labels})
    if labels:
        broken = sum(1 for each in found.violations if not each.draft)
        outcome = plural(broken, "violation") if broken else "none is broken"
        yield f"{found.evaluated:,} judged over {cut(', '.join(labels), 100)}: {outcome}"


def _switched(off: SwitchedOff) -> str:
    return f"{off.policy} ({off.place}): {off.reason}"


def _lifted(each: Lifted) -> str:
    """`policy core-third-party of agency-nightly (agency.yaml:3), through 2026-12-05 (4 days left): a test campaign`."""
    what = each.guard or f"policy {each.policy}"
    said = (
        f"{what} of {each.activation} ({each.place}), through {each.until} ({days_left(each.days_left)}): {each.reason}"
    )
    return said + (" · lifts nothing that is broken: remove it (G142)" if is_needless(each) else "")


def _over(each: Ended) -> str:
    """`Agency Ltd, until 2027-06-30 (agency.yaml:9): over, nothing leaves by agency/us (G144)`."""
    return f"{each.recipient}, until {each.until} ({each.place}): over, nothing leaves by {by_flows(each.flows)} (G144)"


def _more(warnings: int) -> list[str]:
    return [f"… and {plural(warnings - _LISTED, 'more warning')}"] if warnings > _LISTED else []
