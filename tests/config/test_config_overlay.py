"""Overlays: merged by kind and name, with places that point to where a value really stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.load import Loaded, load
from tests.config.support import SAMPLE, codes, document, write


def with_overlay(folder: Path, text: str, environment: str = "prod") -> Loaded:
    return load(write(folder, {"all.yaml": SAMPLE, "environments/prod.yaml": text}), environment)


def test_mappings_merge_lists_are_replaced_null_removes(tmp_path: Path) -> None:
    patch = document(
        "Destination", "agency-s3",
        "{connection: {bucket: agency-prod, encryption: }, accepts: [prospects, customers], files: {maxRows: 7, maxBytes: 100000}}",
    )  # fmt: skip
    base = load(write(tmp_path / "base", {"all.yaml": SAMPLE})).desired
    found = with_overlay(tmp_path / "patched", patch)
    assert found.diagnostics == ()
    assert found.desired is not None
    assert base is not None
    before, after = base.destinations["agency-s3"].to_json(), found.desired.destinations["agency-s3"].to_json()
    connection = after["spec"]["connection"]  # type: ignore[index]
    assert connection == {
        "bucket": "agency-prod", "path": "exports/prospects", "region": "eu-west-1",
        "expectedBucketOwner": "123456789012", "access": "read-write",
    }  # fmt: skip
    assert after["spec"]["accepts"] == ["prospects", "customers"]  # type: ignore[index]
    assert after["metadata"] == before["metadata"]
    assert found.desired.environment == "prod"
    assert found.desired.digest() != base.digest()


def test_without_the_flag_no_overlay_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"all.yaml": SAMPLE, "environments/prod.yaml": "not: [yaml"})
    assert load(tmp_path).diagnostics == ()
    assert codes(load(tmp_path, "prod").diagnostics) == ["Y105"]


def test_places_point_into_the_overlay(tmp_path: Path) -> None:
    patch = document(
        "Destination", "outbox", "\n  format:\n    type: csv\n    compression: zstd\n  connection: {path: ../out}"
    )
    found = with_overlay(tmp_path, patch)
    assert [(each.code, each.source.path, each.source.line) for each in found.diagnostics] == [
        ("C104", "environments/prod.yaml", 7)
    ]
    patch = patch.replace("zstd", "none")
    found = with_overlay(tmp_path, patch)
    assert [(each.code, each.source.path, each.source.line) for each in found.diagnostics] == [
        ("P101", "environments/prod.yaml", 8)
    ]


def test_places_of_what_was_not_patched_stay(tmp_path: Path) -> None:
    found = with_overlay(tmp_path, document("Destination", "agency-s3", "{account: , connection: {path: a/../b}}"))
    assert [(each.code, each.source.path) for each in found.diagnostics] == [("C102", "all.yaml")]


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        (document("Destination", "outbux", "{}"), "R115", "Did you mean outbox?"),
        (document("Destnation", "outbox", "{}"), "R115", "no Destnation outbox"),
        ("apiVersion: reconciler/v1\nkind: Destination\n", "R115", "kind and metadata.name"),
        ("kind: Destination\nmetadata: {name: outbox}\n", "C108", "apiVersion: reconciler/v1"),
        (
            document("Destination", "outbox", "{}") + "---\n" + document("Destination", "outbox", "{}"),
            "R102",
            "prod.yaml:1",
        ),
        (document("Project", "growth", "{exclude: [x]}"), "C110", "before any overlay"),
        (document("Destination", "outbox", "{conection: {path: x}}"), "C101", "Did you mean connection?"),
        (document("Destination", "outbox", "text"), "C103", "a mapping"),
    ],
)
def test_refused(text: str, code: str, detail: str, tmp_path: Path) -> None:
    found = with_overlay(tmp_path, text)
    assert codes(found.diagnostics) == [code]
    assert detail in found.diagnostics[0].detail
    assert found.diagnostics[0].source.path == "environments/prod.yaml"


@pytest.mark.parametrize("name", ["prd", "../prod", "prod/../x", "", "PROD", "-x", "a\n"])
def test_unknown_environment(name: str, tmp_path: Path) -> None:
    found = load(write(tmp_path, {"all.yaml": SAMPLE, "environments/prod.yaml": ""}), name)
    assert codes(found.diagnostics) == ["R116"]
    assert found.desired is None
    assert found.diagnostics[0].source.path == "environments"
    if name == "prd":
        assert "Did you mean prod?" in found.diagnostics[0].detail


def test_an_aliased_value_is_patched_in_one_place_only(tmp_path: Path) -> None:
    text = SAMPLE.replace("spec: {type: aws, region: eu-west-1}", "spec: &shared {type: aws, region: eu-west-1}")
    two = text.replace("connection: {path: out}", "connection: &c {path: out}\n  files: {maxRows: 5}")
    found = load(
        write(
            tmp_path,
            {"all.yaml": two, "environments/prod.yaml": document("Destination", "outbox", "{connection: {path: b}}")},
        ),
        "prod",
    )
    assert found.desired is not None
    assert found.desired.destinations["outbox"].spec.connection.to_json() == {"path": "b"}
