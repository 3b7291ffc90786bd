"""Policies on the command line: refused with 4, tried before they are declared, listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.plan.planning import PROJECT, SCHEDULE, audience
from tests.plan.test_governance import COLUMNS, EMAIL, agency, policy, sends, to


def write(folder: Path, *documents: str) -> Path:
    text = "\n---\n".join((PROJECT, SCHEDULE, COLUMNS, audience("us"), *documents))
    (folder / "all.yaml").write_text(text + "\n")
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An agency gets segments, and the house its own copy of everything."""
    return write(
        tmp_path, agency(), to("own"), sends("out", "agency", "id", "segment"), sends("in", "own", "id", "income")
    )


def test_a_violation_is_refused_by_validate_plan_and_apply(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = write(tmp_path, agency(), sends("out", "agency", "id", "income"))
    found = reconcile("-C", folder, "validate")
    assert found.code == 4
    assert "G140  a policy forbids this" in found.out
    assert "▔▔▔▔▔▔" in found.out
    assert "Valid" not in found.out
    assert json.loads(reconcile("-C", folder, "validate", "--format", "json").out)["diagnostics"][0]["code"] == "G140"
    plan = reconcile("-C", folder, "plan", "--out", folder / "plan.json")
    assert plan.code == 4
    assert "Refused  G140" in plan.out
    assert not (folder / "plan.json").exists()
    assert reconcile("-C", folder, "apply", "--yes").code == 4
    assert not (folder / ".reconcile").exists()
    assert reconcile("explain", "G140").code == 0


def test_a_draft_is_a_warning(tmp_path: Path, reconcile: Reconcile) -> None:
    rule = policy("core-third-party", "{status: draft, reason: Not before May.}")
    folder = write(tmp_path, agency(), sends("out", "agency", "id", "income"), rule)
    found = reconcile("-C", folder, "validate")
    assert found.code == 0
    assert "G141" in found.out
    assert "Valid: " in found.out


def test_what_is_invalid_is_3_whatever_policies_say(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = write(tmp_path, agency(), sends("out", "agency", "id", "income"), policy("mine", "{deny: I3}"))
    assert reconcile("-C", folder, "validate").code == 3


def test_a_what_if_counts_what_is_there_already(shop: Path, reconcile: Reconcile) -> None:
    def tried(*arguments: str) -> tuple[int, str]:
        found = reconcile("-C", shop, "policy", "test", *arguments)
        return found.code, found.out + found.err

    assert tried("--destination", "agency", "--columns", "id,country") == (
        0,
        "Agency Ltd: C3, for export-to-third-party\nNo policy forbids it.\n",
    )
    code, said = tried("--destination", "agency", "--columns", "email")
    assert code == 4
    assert "core-combined-here" in said
    assert "prospects.segment (C3, all.yaml:9) by agency/us; prospects.email (I1, all.yaml:8) by what-if." in said
    assert tried("--destination", "own", "--columns", "email,segment")[0] == 4
    assert tried("--destination", "own", "--columns", "email")[0] == 0
    code, said = tried("--destination", "agency", "--where", "income > 3")
    assert code == 4
    assert "people chosen by prospects.income (C2" in said
    assert tried("--destination", "own", "--label", "C5", "--action", "email-targeting")[0] == 4
    code, said = tried("--label", "C5", "--action", "email-targeting")
    assert code == 4
    assert "Whoever it is gets a column with C5 by what-if. It is used for email-targeting." in said
    assert tried("--label", "C5", "--action", "analytics")[0] == 0


def test_a_what_if_for_machines(shop: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", shop, "policy", "test", "--destination", "agency", "--columns", "email", "--format", "json")
    data = json.loads(found.out)
    assert data["denied"] is True
    assert data["labels"] == ["C3", "I1"]
    assert [(each["policy"], each["new"]) for each in data["violations"]] == [("core-combined-here", True)]


def test_a_what_if_says_what_was_broken_before(tmp_path: Path, reconcile: Reconcile) -> None:
    folder = write(tmp_path, agency(), sends("out", "agency", "id", "income"))
    found = reconcile("-C", folder, "policy", "test", "--destination", "agency", "--columns", "country")
    assert found.code == 4
    assert "It is broken already, without this." in found.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--destination", "agency"], "--columns, --where or --label"),
        (["--columns", "email"], "--destination or --action"),
        (["--destination", "agancy", "--columns", "id"], "Did you mean agency?"),
        (["--destination", "agency", "--columns", "e-mail"], "column e-mail. Did you mean email?"),
        (["--destination", "agency", "--label", "i1"], "Did you mean I1?"),
        (["--label", "I1", "--action", "email"], "There is no marketing action email."),
        (["--destination", "agency", "--where", "incme > 3"], "incme"),
        (["--destination", "agency", "--dataset", "x", "--columns", "id"], "There is no dataset x."),
    ],
)
def test_a_what_if_that_makes_no_sense(shop: Path, reconcile: Reconcile, arguments: list[str], said: str) -> None:
    found = reconcile("-C", shop, "policy", "test", *arguments)
    assert found.code == 64
    assert "U130" in found.err
    assert said in found.err


def test_what_there_is_is_listed(shop: Path, reconcile: Reconcile) -> None:
    write(
        shop,
        "{apiVersion: reconciler/v1, kind: Label, metadata: {name: loyalty}, spec: {meaning: From the programme.}}",
        policy("mine", "{deny: {operator: AND, operands: [loyalty, I1]}, marketingActions: [analytics]}"),
        policy("core-analytics", "{status: disabled, reason: Ours.}"),
    )
    labels = reconcile("-C", shop, "list", "Label").out
    assert "C12          core     Isn't exported at all.\n" in labels
    assert "loyalty      project  From the programme.\n" in labels
    assert "email-targeting" in reconcile("-C", shop, "list", "MarketingAction").out
    found = json.loads(reconcile("-C", shop, "list", "Policy", "--format", "json").out)["items"]
    by_name = {each["name"]: each for each in found}
    assert by_name["mine"]["deny"] == "loyalty AND I1"
    assert by_name["core-analytics"]["status"] == "disabled"
    assert by_name["core-third-party"] == {
        "name": "core-third-party",
        "from": "core",
        "status": "enabled",
        "marketingActions": ["export-to-third-party"],
        "deny": "C2",
        "why": "C2 isn't given to another organisation.",
    }


def test_a_hashed_column_of_a_second_activation_is_refused(shop: Path, reconcile: Reconcile) -> None:
    more = sends("more", "agency", "id", EMAIL).replace("backfill: full", "backfill: full, feed: other")
    write(shop, agency(), sends("out", "agency", "id", "segment"), more)
    found = reconcile("-C", shop, "validate")
    assert found.code == 4
    assert "as hashed (I1" in found.out


def test_the_dataset_is_the_one_that_has_the_columns(shop: Path, reconcile: Reconcile) -> None:
    other = COLUMNS.replace("name: prospects", "name: other").replace("email:", "mail:")
    write(shop, agency(), to("own"), sends("out", "agency", "id", "segment"), other)
    found = reconcile("-C", shop, "policy", "test", "--destination", "agency", "--columns", "id,mail")
    assert found.code == 4
    assert "other.mail (I1" in found.out
    chosen = reconcile("-C", shop, "policy", "test", "--destination", "agency", "--where", "mail = 'x'")
    assert (chosen.code, "other.mail (I1" in chosen.out) == (4, True)
    both = reconcile("-C", shop, "policy", "test", "--destination", "agency", "--columns", "id")
    assert both.code == 64
    assert "Say --dataset: it could be one of 2." in both.err
    wrong = reconcile("-C", shop, "policy", "test", "--destination", "agency", "--columns", "maill,id")
    assert "No dataset has a column maill. Did you mean mail?" in wrong.err
