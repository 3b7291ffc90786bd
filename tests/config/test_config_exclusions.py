"""Consent, expiry, keys and suppressions: what is found wrong, and what a flow's effective spec holds of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.values.identity import FlowId
from tests.config.support import SAMPLE, codes, document, edited, loaded, marked

DATASET = "  incremental: {strategy: files, settle: 5m}\n"
RULES = (
    DATASET
    + "  primaryKey: [prospect_id]\n  latestBy: ingested_at\n  expiry: {column: ingested_at, after: 25d}\n"
    + "  consent: {column: country, allow: {email-targeting: [yes, US], analytics: [US, DE]}}\n"
)
USED = "files: {maxRows: 5000000}\n  marketingActions: [email-targeting, analytics]"
BOX = "format: {type: csv}\n  marketingActions: [analytics]"
OPTOUTS = (
    "\n---\n"
    + document(
        "Dataset",
        "optouts",
        "{location: s3://lake/optouts, format: csv, account: lake-aws, columns: {hash: {type: string}}}",
    )
    + "---\n"
    + document(
        "Suppression",
        "opted-out",
        "{dataset: optouts, match: [{list: hash, column: email, transform: sha256-email}], unnotified: accept}",
    )
)
WHOLE = edited("format: {type: csv}", BOX, edited("files: {maxRows: 5000000}", USED, edited(DATASET, RULES))) + OPTOUTS


def test_a_flow_holds_its_rules(tmp_path: Path) -> None:
    found = loaded(tmp_path, WHOLE)
    assert found.desired is not None, found.diagnostics
    flow = found.desired.flows[FlowId("agency-s3", "audience", "us-high-intent")].spec
    assert flow.consent is not None
    assert (flow.consent.column, flow.consent.values) == ("country", ("US",))
    assert [(each.name, each.dataset, each.min_rows) for each in flow.suppressions] == [("opted-out", "optouts", 1)]
    boxes = [each for id_, each in found.desired.flows.items() if id_.destination == "outbox"]
    assert boxes
    assert all(each.spec.suppressions for each in boxes)


CASES = {
    "unknown key column": (
        "primaryKey: [prospect_id]",
        "primaryKey: [prospectid]",
        "R107",
        "prospectid",
        "Did you mean prospect_id?",
    ),
    "newest of no key": ("  primaryKey: [prospect_id]\n", "", "R107", "ingested_at", "Add primaryKey"),
    "unknown order": ("latestBy: ingested_at", "latestBy: ingested", "R107", "ingested", "Did you mean ingested_at?"),
    "expiry of a text": (
        "expiry: {column: ingested_at",
        "expiry: {column: email",
        "R110",
        "email",
        "a date or a timestamp",
    ),
    "consent of a number": (
        "consent: {column: country",
        "consent: {column: intent_score",
        "R110",
        "intent_score",
        "text or a boolean",
    ),
    "consent of another type": ("analytics: [US, DE]", "analytics: [true]", "R110", "[true]", "not every value"),
    "unknown action": (
        "marketingActions: [analytics]",
        "marketingActions: [analytic]",
        "R125",
        "analytic",
        "Did you mean analytics?",
    ),
    "unknown action of consent": (
        "{email-targeting: [yes",
        "{mail-targeting: [yes",
        "R125",
        "mail-targeting",
        "Did you mean email-targeting?",
    ),
    "no action": ("\n  marketingActions: [analytics]", "", "R122", "outbox", "Add marketingActions"),
    "no consent for an action": (
        "marketingActions: [analytics]",
        "marketingActions: [data-science]",
        "R122",
        "outbox",
        "Add data-science to consent.allow",
    ),
    "suppression over no dataset": (
        "{dataset: optouts,",
        "{dataset: optout,",
        "R101",
        "optout",
        "Did you mean optouts?",
    ),
    "suppression over no list": ("{list: hash,", "{list: hsh,", "R107", "hsh", "Did you mean hash?"),
    "suppression over no column": (
        "column: email, transform: sha256-email",
        "column: phone",
        "R123",
        "us-high-intent",
        "nobody could be held back",
    ),
    "suppression of another type": (
        "column: email, transform: sha256-email",
        "column: intent_score, transform: lower",
        "R123",
        "us-high-intent",
        "lower is for text",
    ),
    "nobody is told": (", unnotified: accept", "", "R124", "us-high-intent", "never tells who left"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong(tmp_path: Path, case: str) -> None:
    old, new, code, where, detail = CASES[case]
    text = edited(old, new, WHOLE)
    found = loaded(tmp_path, text).diagnostics
    assert code in codes(found), found
    first = next(each for each in found if each.code == code)
    assert marked(text, first) == where
    assert detail in first.detail


def test_full_exports_need_no_decision_about_who_left(tmp_path: Path) -> None:
    text = edited(", unnotified: accept", "", WHOLE).replace("  backfill: full\n", "  backfill: full\n  mode: full\n")
    found = [each for each in loaded(tmp_path, text).diagnostics if each.code == "R124"]
    assert all("agency" not in each.subject for each in found)


def test_the_sample_is_sound(tmp_path: Path) -> None:
    assert codes(loaded(tmp_path, SAMPLE).diagnostics) == []
