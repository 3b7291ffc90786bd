"""The answer to `policy test`, for people and for machines."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.plan.verdicts import sentence
from reconciler.plan.whatif import Verdict
from reconciler.present.words import inert

Style = Callable[[str, str], str]


def as_text(found: Verdict, style: Style) -> str:
    """Who was judged, over what, and every policy that would be broken."""
    labels = ", ".join(found.labels) or "no label"
    lines = [
        inert(
            f"{found.recipient or '(nobody that is declared)'}: {labels}, for {', '.join(found.actions) or 'nothing in particular'}"
        )
    ]
    for each in found.violations:
        word, role, code = ("Warning", "change", "G141") if each.draft else ("Refused", "refused", "G140")
        already = "" if each.policy in found.new else " It is broken already, without this."
        lines.append(style(f"{word}  {code}  {inert(sentence(each) + already)}", role))
    if found.until is not None:
        lines.append(
            style(f"Refused  G144  The agreement with {inert(found.recipient)} was until {found.until}.", "refused")
        )
    if not found.violations and not found.denied:
        lines.append("No policy forbids it.")
    return "\n".join(lines) + "\n"


def as_data(found: Verdict) -> dict[str, object]:
    """`denied`, what was judged, and `violations`, each with its `sentence` and whether it is `new`."""
    return {
        "denied": found.denied,
        "recipient": found.recipient,
        "actions": list(found.actions),
        "labels": list(found.labels),
        "agreementEnded": found.until.isoformat() if found.until else None,
        "violations": [
            {**each.to_json(), "sentence": sentence(each), "new": each.policy in found.new} for each in found.violations
        ],
    }
