"""`Project.spec.defaults`: what resources say themselves wins, whatever else is said once for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config.desired import Desired
from reconciler.config.load import Loaded
from reconciler.resources.effective import FlowSpec
from tests.config.support import codes, document, loaded

PLAIN = document("Project", "growth", "{defaults: %s}")
REST = (
    document(
        "Dataset", "people", "{location: data, format: csv, columns: {id: {type: string}, country: {type: string}}}"
    )
    + "---\n"
    + document("Schedule", "nightly", '{frequency: daily, time: "02:00"}')
    + "---\n"
    + document("Destination", "out", "{type: local, connection: {path: out}%s}")
    + "---\n"
    + document("Activation", "nightly", "{destination: out, schedule: nightly, datasets: [people]%s}")
)


def found(folder: Path, defaults: str, destination: str = "", activation: str = "") -> Loaded:
    """One flow; what destination and activation say themselves."""
    return loaded(folder, f"{PLAIN % defaults}---\n{REST % (destination, activation)}")


def flow(folder: Path, defaults: str, destination: str = "", activation: str = "") -> FlowSpec:
    what = found(folder, defaults, destination, activation)
    assert what.diagnostics == ()
    (only,) = desired(what).flows.values()
    return only.spec


def desired(what: Loaded) -> Desired:
    assert what.desired is not None
    return what.desired


CSV = "{destination: {format: {type: csv, delimiter: ';'}, files: {maxRows: 10, whenEmpty: skip}}}"


def test_they_hold_where_nothing_is_said(tmp_path: Path) -> None:
    spec = flow(tmp_path, CSV).destination.spec
    assert spec.format.to_json()["delimiter"] == ";"
    assert (spec.files.max_rows, spec.files.when_empty) == (10, "skip")


def test_a_destinations_own_format_is_taken_whole_and_its_files_field_by_field(tmp_path: Path) -> None:
    spec = flow(tmp_path, CSV, ", format: {type: csv}, files: {maxRows: 5000000}").destination.spec
    assert spec.format.to_json()["delimiter"] == ","
    assert (spec.files.max_rows, spec.files.when_empty) == (5_000_000, "skip")


def test_an_activations_own_comes_before_both(tmp_path: Path) -> None:
    spec = flow(tmp_path, CSV, activation=", format: {type: json}, files: {whenEmpty: file}").destination.spec
    assert (spec.format.type, spec.files.max_rows, spec.files.when_empty) == ("json", 10, "file")


ALL = "{activation: {backfill: none, onRemove: purge, guards: {export: {maxRows: 7}, audience: {minRows: 1, maxRows: 9}}}}"


def test_of_activations(tmp_path: Path) -> None:
    spec = flow(tmp_path, ALL)
    assert (spec.backfill, spec.on_remove) == ("none", "purge")
    assert spec.guards.names() == ("audience.minRows", "audience.maxRows", "export.maxRows")
    own = flow(tmp_path, ALL, activation=", backfill: full, onRemove: keep, guards: {audience: {maxRows: 100}}")
    assert (own.backfill, own.on_remove) == ("full", "keep")
    assert (own.guards.audience.min_rows, own.guards.audience.max_rows, own.guards.export.max_rows) == (1, 100, 7)


def test_what_a_third_party_gets_first_is_said_by_its_activation(tmp_path: Path) -> None:
    party = ", recipient: {name: Agency Ltd, country: IE}"
    what = found(tmp_path, ALL, party, ", columns: [id]")
    assert codes(what.diagnostics) == ["R106"]


@pytest.mark.parametrize(
    "defaults",
    [
        "{destination: {files: {retain: 30d}}}",
        "{destination: {files: {replace: true}}}",
        "{activation: {guards: {export: {maxRemoved: 10%}}}}",
        "{destination: {recipient: {name: A, country: IE}}}",
        "{activation: {columns: [id]}}",
        "{dataset: {format: csv}}",
    ],
)
def test_what_is_not_for_all_of_them_is_refused(tmp_path: Path, defaults: str) -> None:
    (only,) = found(tmp_path, defaults).diagnostics
    assert only.code in ("C110", "C101")


def test_a_default_that_cannot_hold_is_reported_where_it_would(tmp_path: Path) -> None:
    """There an own value mends it, too."""
    what = found(tmp_path, "{activation: {guards: {audience: {maxRows: 1, minRows: 2}}}}")
    assert {each.subject for each in what.diagnostics} == {"Activation/nightly"}
