"""`catalog`, `list`, `explain` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.config.schemas import schema_of
from reconciler.diagnostics import CODES
from reconciler.resources.resource import KINDS
from tests.cli.support import Reconcile
from tests.config.support import document, write


@pytest.mark.parametrize("code", [*CODES, "p109"])
def test_every_code_is_explained(code: str, reconcile: Reconcile) -> None:
    entry = CODES[code.upper()]
    found = reconcile("explain", code)
    assert found.code == 0
    assert found.out.startswith(f"{entry.code}  {entry.summary}\n")
    assert " ".join(entry.mend.split()) in " ".join(found.out.split())


def test_explain_as_json(reconcile: Reconcile) -> None:
    data = json.loads(reconcile("explain", "P109", "--format", "json").out)
    assert data["version"] == 1
    assert data["mend"] == CODES["P109"].mend


def test_an_unknown_code(reconcile: Reconcile) -> None:
    found = reconcile("explain", "Z999")
    assert found.code == 64
    assert "no code Z999" in found.err


@pytest.mark.parametrize("kind", [*KINDS, "audience"])
def test_schema_of_a_kind(kind: str, reconcile: Reconcile) -> None:
    assert json.loads(reconcile("schema", kind).out) == schema_of(kind if kind in KINDS else kind.capitalize())


def test_schema_of_anything_and_of_nothing(reconcile: Reconcile) -> None:
    assert json.loads(reconcile("schema").out) == schema_of()
    found = reconcile("schema", "Nope")
    assert found.code == 64
    assert found.err.startswith("C107 ")


def test_iam_is_the_policy_of_a_destination(sample: Path, reconcile: Reconcile) -> None:
    found = reconcile("-C", sample, "catalog", "s3", "--iam", "agency-s3")
    assert found.code == 0
    statements = json.loads(found.out)["Statement"]
    resources = {each["Sid"]: each["Resource"] for each in statements}
    assert resources["Files"] == "arn:aws:s3:::agency-prospects/exports/prospects/*"
    for wrong in ("outbox", "nope"):
        refused = reconcile("-C", sample, "catalog", "s3", "--iam", wrong)
        assert refused.code == 64
        assert "agency-s3" in refused.err
    assert reconcile("-C", sample, "catalog", "local", "--iam", "agency-s3").code == 64


def items(found: str) -> list[dict[str, object]]:
    data = json.loads(found)
    assert data["version"] == 1
    listed: list[dict[str, object]] = data["items"]
    return listed


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("accounts", "agency-aws"),
        ("destination", "outbox"),
        ("datasets", "prospects"),
        ("Audience", "us-high-intent"),
        ("schedules", "nightly"),
        ("activations", "agency-nightly"),
        ("flows", "agency-s3/audience/us-high-intent"),
    ],
)
def test_list(kind: str, name: str, sample: Path, reconcile: Reconcile) -> None:
    assert name in [each["name"] for each in items(reconcile("-C", sample, "list", kind, "--format", "json").out)]
    text = reconcile("-C", sample, "list", kind)
    assert text.code == 0
    assert name in text.out


def test_list_suppressions(sample: Path, reconcile: Reconcile) -> None:
    spec = "{dataset: prospects, match: [{list: email, column: email}], maxAge: 2d, unnotified: accept}"
    write(sample, {"b.yaml": document("Suppression", "opted-out", spec)})
    (row,) = items(reconcile("-C", sample, "list", "suppressions", "--format", "json").out)
    assert row == {"name": "opted-out", "dataset": "prospects", "match": ["email"], "maxAge": "2d"}


def test_list_for_a_destination_shows_what_it_accepts(sample: Path, reconcile: Reconcile) -> None:
    write(
        sample, {"b.yaml": document("Audience", "buyers", "{dataType: customers, dataset: prospects, where: 'TRUE'}")}
    )

    def names(kind: str, destination: str) -> list[object]:
        found = reconcile("-C", sample, "list", kind, "--for", destination, "--format", "json")
        return [each["name"] for each in items(found.out)]

    assert names("audiences", "agency-s3") == ["us-high-intent"]
    assert names("audiences", "outbox") == ["buyers", "us-high-intent"]
    assert names("datasets", "agency-s3") == []
    assert names("datasets", "outbox") == ["prospects"]
    assert names("flows", "agency-s3") == ["agency-s3/audience/us-high-intent"]


@pytest.mark.parametrize("arguments", [("nope",), ("audiences", "--for", "nope"), ("schedules", "--for", "outbox")])
def test_list_used_wrongly(arguments: tuple[str, ...], sample: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", sample, "list", *arguments).code == 64


def test_nothing_to_list(sample: Path, reconcile: Reconcile) -> None:
    assert reconcile("-C", sample, "list", "datasets", "--for", "agency-s3").out == "No datasets for agency-s3.\n"


def test_list_of_an_invalid_project_says_why_on_stderr(sample: Path, reconcile: Reconcile) -> None:
    write(sample, {"b.yaml": "nope"})
    found = reconcile("-C", sample, "list", "flows")
    assert (found.code, found.out) == (3, "")
    assert "Y114" in found.err
