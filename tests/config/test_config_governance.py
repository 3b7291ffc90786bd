"""Labels, marketing actions and policies, as configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.catalog.labels import CORE_LABELS
from reconciler.catalog.marketing import CORE_ACTIONS
from reconciler.config.load import load
from reconciler.resources.core_policies import CORE_POLICIES, PREFIX, in_effect
from reconciler.resources.policy import Outer, holds, labels_of, said
from tests.config.support import codes, document, loaded, write
from tests.plan.planning import DATASET, small


def dataset(labels: str) -> str:
    return DATASET.replace("country: {type: string}", f"country: {{type: string, labels: {labels}}}")


def found(folder: Path, *documents: str) -> list[str]:
    diagnostics = load(write(folder, {"all.yaml": "---\n".join(documents)})).diagnostics
    return [f"{each.code} {each.source.line}:{each.source.column} {each.detail}" for each in diagnostics]


def test_labels_are_data_of_the_column_whatever_their_order(tmp_path: Path) -> None:
    one = small(tmp_path, dataset=dataset("[S2, I1, I1]"))
    other = small(tmp_path, dataset=dataset("[I1, S2]"))
    assert one.datasets["prospects"].spec.columns["country"].labels == ("I1", "S2")
    assert one.digest() == other.digest()
    none, empty = small(tmp_path), small(tmp_path, dataset=dataset("[]"))
    assert none.digest() == empty.digest() != one.digest()


def test_an_unknown_label_is_marked_where_it_stands(tmp_path: Path) -> None:
    (said_,) = found(tmp_path, dataset("[S2, c2]"))
    assert said_.startswith("R150 2:")
    assert said_.endswith("There is no label c2. Did you mean C2?")
    assert said_.split()[1] == f"2:{dataset('[S2, c2]').splitlines()[1].index('c2') + 1}"


def test_a_project_adds_its_own(tmp_path: Path) -> None:
    own = [
        document("Label", "loyalty", "{meaning: From the loyalty programme.}"),
        document("MarketingAction", "print", "{meaning: Letters.}"),
        document("Policy", "no-letters", "{marketingActions: [print], deny: loyalty}"),
    ]
    assert found(tmp_path, *own, dataset("[loyalty]")) == []
    desired = load(tmp_path).desired
    assert desired is not None
    assert (set(desired.labels), set(desired.marketing_actions), set(desired.policies)) == (
        {"loyalty"},
        {"print"},
        {"no-letters"},
    )


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        (document("Label", "third-party", "{meaning: x}"), "R151", "is a core label"),
        (document("MarketingAction", "analytics", "{meaning: x}"), "R151", "is a core marketing action"),
        (document("Policy", "core-third-party", "{deny: C3}"), "R151", "stays as it is"),
        (document("Policy", "core-third-party", "{status: disabled}"), "R152", "add reason"),
        (
            document("Policy", "core-thirdparty", "{status: disabled, reason: x}"),
            "R151",
            "Did you mean core-third-party?",
        ),
        (document("Policy", "mine", "{status: draft}"), "R152", "Add deny"),
        (document("Policy", "mine", "{deny: I1, reason: x}"), "R152", "metadata.description"),
        (document("Policy", "mine", "{deny: I3}"), "R150", "There is no label I3."),
        (
            document("Policy", "mine", "{deny: {operator: OR, operands: [I1, {operator: AND, operands: [I2, S9]}]}}"),
            "R150",
            "S9",
        ),
        (
            document("Policy", "mine", "{deny: I1, marketingActions: [e-mail-targeting]}"),
            "R125",
            "Did you mean email-targeting?",
        ),
        (document("Policy", "mine", "{deny: {operator: NOT, operands: [I1]}}"), "C104", "AND, OR"),
        (document("Policy", "mine", "{deny: I1, statsu: draft}"), "C101", "Did you mean status?"),
        (document("Label", "mine", "{}"), "C102", "meaning"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, code: str, detail: str) -> None:
    (one,) = found(tmp_path, text)
    assert one.startswith(code), one
    assert detail in one


def test_nesting_ends(tmp_path: Path) -> None:
    deep = "I1"
    for _ in range(3):
        deep = f"{{operator: AND, operands: [{deep}]}}"
    assert found(tmp_path, document("Policy", "mine", f"{{deny: {deep}}}")) == []
    deeper = f"{{operator: AND, operands: [{deep}]}}"
    wide = f"{{operator: OR, operands: [{', '.join(['I1'] * 33)}]}}"
    for _ in range(40):
        deep = f"{{operator: AND, operands: [{deep}]}}"
    for too_much, code in ((deeper, "C103"), (wide, "C106"), (deep, "Y109")):
        diagnostics = load(
            write(tmp_path, {"all.yaml": document("Policy", "mine", f"{{deny: {too_much}}}")})
        ).diagnostics
        assert codes(diagnostics) == [code]


def test_an_expression_holds_by_the_labels_that_make_it_true() -> None:
    deny = Outer.model_validate(
        {
            "operator": "AND",
            "operands": ["C3", {"operator": "OR", "operands": ["I1", {"operator": "AND", "operands": ["I2", "S1"]}]}],
        }
    )
    assert said(deny) == "C3 AND (I1 OR (I2 AND S1))"
    assert labels_of(deny) == ("C3", "I1", "I2", "S1")
    assert holds(deny, frozenset({"C3", "I2"})) is None
    assert holds(deny, frozenset({"I1", "I2", "S1"})) is None
    assert holds(deny, frozenset({"C3", "I2", "S1", "C9"})) == {"C3", "I2", "S1"}
    assert holds("C3", frozenset({"C3"})) == {"C3"}


def test_core_policies_are_on_and_name_what_exists() -> None:
    rules = in_effect({})
    assert {each.name for each in rules} == {each.name for each in CORE_POLICIES}
    assert all(each.status == "enabled" and each.core for each in rules)
    for each in CORE_POLICIES:
        assert each.name.startswith(PREFIX)
        assert set(each.actions) <= set(CORE_ACTIONS)
        assert set(labels_of(each.deny)) <= set(CORE_LABELS)
        assert each.why.endswith(".")
    limits = {label for label in CORE_LABELS if label.startswith("C")}
    assert limits == {label for each in CORE_POLICIES for label in labels_of(each.deny)} - {"I1"}
    assert set(CORE_ACTIONS) == {action for each in CORE_POLICIES for action in each.actions}


def test_consent_is_asked_for_a_third_party_that_is_one_whatever_the_destination_says(tmp_path: Path) -> None:
    consenting = DATASET.replace(
        "columns:", "consent: {column: country, allow: {email-targeting: [a, b], export-to-third-party: [b]}}, columns:"
    )
    theirs = """{apiVersion: reconciler/v1, kind: Destination, metadata: {name: outbox}, spec: {type: local,
      connection: {path: out}, recipient: {name: Agency, country: IE}, marketingActions: [email-targeting]}}"""
    text = """{apiVersion: reconciler/v1, kind: Activation, metadata: {name: nightly-out}, spec: {destination: outbox,
      schedule: nightly, audiences: [us], columns: [id], backfill: full}}"""
    desired = small(tmp_path, dataset=consenting, destination=theirs, activation=text)
    (flow,) = desired.flows.values()
    assert flow.spec.consent is not None
    assert flow.spec.consent.values == ("b",)


BARE, LABELLED = "{email: {type: string}}", "{email: {type: string, labels: [I1]}, more: {type: string, labels: [C2]}}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("lake/people", "lake/people/"),
        ("lake", "./lake/people"),
        ("s3://lake/people", "s3://lake/people/2026"),
        ("{catalog: glue, table: crm.people}", "{catalog: glue, table: crm.people}"),
    ],
)
def test_the_same_data_has_the_same_labels(tmp_path: Path, one: str, other: str) -> None:
    """Whichever is declared first: a second declaration is no way around a policy."""
    form, account = ("iceberg", "account: lake, ") if "lue" in one else ("parquet", "account: lake, " * ("s3:" in one))
    signed_in = document("Account", "lake", "{type: aws, auth: {ambient: {}}}")

    def found(*columns: str) -> list[str]:
        datasets = [
            document("Dataset", f"d{at}", f"{{location: {place}, format: {form}, {account}columns: {each}}}")
            for at, (place, each) in enumerate(zip((one, other), columns, strict=True))
        ]
        return [
            f"{each.code} {each.subject}" for each in loaded(tmp_path, "---\n".join([signed_in, *datasets])).diagnostics
        ]

    assert found(LABELLED, LABELLED) == found(LABELLED, "{other: {type: string}}") == []
    assert found(LABELLED, BARE) == ["R154 Dataset/d1"]
    assert found(BARE, LABELLED) == ["R154 Dataset/d0"]


def test_other_data_has_labels_of_its_own(tmp_path: Path) -> None:
    datasets = [
        document("Dataset", name, f"{{location: {name}, format: parquet, columns: {columns}}}")
        for name, columns in (("people", BARE), ("people-2", LABELLED))
    ]
    assert loaded(tmp_path, "---\n".join(datasets)).diagnostics == ()
