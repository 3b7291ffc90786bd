# ruff: noqa: E501 - documents and tables of cases read best a case a line
"""Strategy `diff` in configuration: what it needs, what it can't serve, and what a flow's effective spec holds of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.resources.basis import basis
from reconciler.resources.effective import FlowSpec
from reconciler.resources.secrets import FromEnv
from reconciler.values.identity import FlowId
from tests.config.support import codes, document, edited, loaded, marked

OLD = "  incremental: {strategy: files, settle: 5m}\n"
PLAIN = "  primaryKey: [prospect_id]\n" + OLD.replace("files", "diff")
OWN = "  incremental: {strategy: diff, changes: {removed: folder, operationColumn: op, secret: {fromEnv: DIFF_KEY}}}\n"
LAST = "  audienceSelector: {matchLabels: {tier: gold}}\n"
KEYED = edited(OLD, "  primaryKey: [prospect_id]\n" + OLD)
TOLD = edited("  backfill: full\n", "  backfill: full\n" + OWN, KEYED)
COMPARED = edited(OLD, PLAIN)
FLOW = FlowId("agency-s3", "audience", "us-high-intent")
OPTOUTS = "\n---\n" + document(
    "Dataset", "optouts", "{location: s3://lake/optouts, format: csv, account: lake-aws, columns: {mail: {type: string}}}"
) + "---\n" + document("Suppression", "opted-out", "{dataset: optouts, match: [{list: mail, column: email}]}")  # fmt: skip


def spec_of(folder: Path, text: str) -> FlowSpec:
    found = loaded(folder, text)
    assert found.desired is not None, found.diagnostics
    return found.desired.flows[FLOW].spec


def test_an_activation_compares_what_its_dataset_only_adds_to(tmp_path: Path) -> None:
    found = loaded(tmp_path, TOLD)
    assert found.desired is not None, found.diagnostics
    spec = found.desired.flows[FLOW].spec
    assert spec.changes is not None
    assert (spec.changes.removed, spec.changes.operation_column) == ("folder", "op")
    assert spec.changes.secret == FromEnv(from_env="DIFF_KEY")
    assert [each.name for each in spec.leaving] == ["prospect_id", "contact", "op"]
    assert [each.name for each in spec.columns] == ["prospect_id", "contact"]
    others = [each.spec for id_, each in found.desired.flows.items() if id_ != FLOW]
    assert others
    assert all(each.changes is None and each.leaving == each.columns for each in others)


def test_defaults_tell_nothing_of_who_left(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, COMPARED)
    assert spec.changes is not None
    assert (spec.changes.removed, spec.changes.operation_column, spec.changes.secret) == ("ignore", None, None)


def test_a_full_export_compares_nothing(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, edited("  mode: incremental\n", "  mode: full\n", COMPARED))
    assert spec.changes is None


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_any_format_will_do(form: str, tmp_path: Path) -> None:
    text = edited("format: {type: parquet, compression: gzip}", f"format: {{type: {form}}}", TOLD)
    assert spec_of(tmp_path, text).changes is not None


CASES = {
    # of what: (text, old, new, code, marked text, part of the detail)
    "no key": (COMPARED, "  primaryKey: [prospect_id]\n", "", "R130", "diff", "Add primaryKey"),
    "no key of an activation's": (TOLD, "  primaryKey: [prospect_id]\n", "", "R130", "diff", "Add primaryKey"),
    "a beginning in time": (COMPARED, "backfill: full", "backfill: {from: 2026-11-01T00:00:00Z}", "R130", "{from: 2026-11-01T00:00:00Z}", "full or none"),
    "catch-up in turn": (COMPARED, 'time: "02:00",', 'time: "02:00", catchUp: all,', "R114", "nightly", "diff strategy can't cut data by time"),
    "a tombstone without operation": (TOLD, "{removed: folder, operationColumn: op,", "{removed: tombstone,", "C110", "{removed: tombstone", "write operationColumn"),
    "removals without secret": (TOLD, ", secret: {fromEnv: DIFF_KEY}", "", "C110", "{removed: folder", "write secret"),
    "a literal secret": (TOLD, "secret: {fromEnv: DIFF_KEY}", "secret: hunter2hunter2", "S101", "hunter2hunter2", "fromEnv"),
    "a secret outside": (TOLD, "secret: {fromEnv: DIFF_KEY}", "secret: {fromFile: ../key}", "P101", "../key", "out of the project"),
    "changes of another strategy": (TOLD, "{strategy: diff, changes", "{changes", "C110", "{changes:", "belongs to strategy diff"),
    "a lag": (TOLD, "{strategy: diff,", "{strategy: diff, lag: 1h,", "C110", "{strategy: diff, lag", "belong to strategy cursor"),
    "changes of full exports": (TOLD, "mode: incremental", "mode: full", "C109", "changes", "mode: full"),
    "the operation under a taken name": (TOLD, "operationColumn: op", "operationColumn: CONTACT", "R131", "CONTACT", "contact already leaves"),
    "a key that doesn't leave": (TOLD, "    - prospect_id\n", "", "R131", "changes", "prospect_id"),
    "a key that leaves as the reason": (TOLD, "    - prospect_id\n", "    - {column: prospect_id, as: Reason}\n", "R131", "changes", "reason"),
    "a tombstone without what is required": (edited("removed: folder", "removed: tombstone", TOLD), "as: contact}", "as: contact, required: true}", "R131", "changes", "contact"),
    "a limit on what nobody counts": (KEYED, "export: {maxRows: 2000000}", "export: {maxRows: 2000000, maxRemoved: 25%}", "R132", "25%", "agency-s3/us-high-intent"),
    "a limit that is no share": (COMPARED, "export: {maxRows: 2000000}", "export: {maxRemoved: '25'}", "C105", "25", ""),
    "nobody is told of a suppression": (COMPARED + OPTOUTS, "match: [{list: mail, column: email}]", "match: [{list: mail, column: email}]", "R124", "us-high-intent", "removed: ignore"),
    "notify where nobody is told": (COMPARED + OPTOUTS, "column: email}]}", "column: email}], notify: true}", "R124", "us-high-intent", "agency-s3/us-high-intent"),
    "notify where all is exported": (edited("mode: incremental", "mode: full", KEYED) + OPTOUTS, "column: email}]}", "column: email}], notify: true}", "R124", "us-high-intent", "mode: full"),
    "notify and not": (KEYED + OPTOUTS, "column: email}]}", "column: email}], notify: true, unnotified: accept}", "C110", "{dataset: optouts", "keep one"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_finding(name: str, tmp_path: Path) -> None:
    text, old, new, code, where, detail = CASES[name]
    whole = edited(old, new, text)
    found = loaded(tmp_path, whole)
    assert found.desired is None
    matching = [each for each in found.diagnostics if each.code == code]
    assert matching, found.diagnostics
    assert where in marked(whole, matching[0])
    assert detail in matching[0].detail


def test_suppressions_need_no_decision_where_removals_are_told(tmp_path: Path) -> None:
    whole = TOLD.replace("datasets: [prospects]", "datasets: [prospects]\n" + OWN.rstrip())
    for more in ("", ", notify: true"):
        found = loaded(tmp_path, whole + edited("column: email}]}", f"column: email}}]{more}}}", OPTOUTS))
        assert found.desired is not None, found.diagnostics
        assert [each.name for each in found.desired.flows[FLOW].spec.suppressions] == ["opted-out"]


def test_a_finding_per_place_and_not_per_audience(tmp_path: Path) -> None:
    more = "\n---\n" + document("Audience", "other", "{dataType: prospects, dataset: prospects, where: country = 'DE'}")
    text = edited(
        "    - prospect_id\n", "", edited("audiences: [us-high-intent]", "audiences: [us-high-intent, other]", TOLD)
    )
    assert codes(loaded(tmp_path, text + more).diagnostics) == ["R131"]


def changed(folder: Path, old: str, new: str) -> bool:
    """Whether an edit makes earlier snapshots useless."""
    return basis(spec_of(folder, TOLD)) != basis(spec_of(folder, edited(old, new, TOLD)))


@pytest.mark.parametrize(
    ("old", "new", "starts_over"),
    [
        ("primaryKey: [prospect_id]", "primaryKey: [prospect_id, postcode]", None),
        ("as: contact", "as: mail", True),
        ("as: contact", "as: contact, transform: lower", True),
        ("    - prospect_id\n", "    - prospect_id\n    - country\n", True),
        ("secret: {fromEnv: DIFF_KEY}", "secret: {fromEnv: OTHER}", True),
        ("removed: folder", "removed: ignore", True),
        ("removed: folder", "removed: tombstone", False),
        ("operationColumn: op", "operationColumn: what", False),
        ("as: contact", "as: contact, required: true", False),
        ("where: country = 'US' AND intent_score >= 0.7", "where: country = 'US'", False),
        ("location: s3://lake/prospects/", "location: s3://lake/other/", False),
        ("export: {maxRows: 2000000}", "export: {maxRemoved: 5%}", False),
    ],
)
def test_what_comparisons_rest_on(old: str, new: str, starts_over: bool | None, tmp_path: Path) -> None:
    if starts_over is None:  # both columns of the key must leave
        new, starts_over = "primaryKey: [email]", True
    assert changed(tmp_path, old, new) is starts_over
