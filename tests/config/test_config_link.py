# ruff: noqa: E501 - tables of cases read best a case a line
"""What doesn't fit together: one edit of a sound project each, with code, place and a part of the detail."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.values.identity import FlowId
from tests.config.support import SAMPLE, codes, document, edited, loaded, marked

MORE = "---\n"
SECOND = "\n---\n" + document(
    "Activation",
    "again",
    "{destination: agency-s3, schedule: nightly, audiences: [us-high-intent], columns: [email], backfill: full}",
)
THIRD_PARTY = "spec:\n  destination: agency-s3"

CASES = {
    # what is edited: (old, new, code, marked text, part of the detail)
    "unknown destination": ("destination: outbox", "destination: outbux", "R101", "outbux", "Did you mean outbox?"),
    "unknown schedule": ("datasets: [prospects]\n", "datasets: [prospect]\n", "R101", "prospect", "Did you mean prospects?"),
    "unknown dataset": ("  dataset: prospects\n", "  dataset: people\n", "R101", "people", "Declared: prospects."),
    "unknown account": ("account: agency-aws\n", "account: agency-was\n", "R101", "agency-was", "Did you mean agency-aws?"),
    "unknown ledger account": ("growth, account: lake-aws", "growth, account: x", "R101", "x", "There is no Account x."),
    "data type not accepted": ("accepts: [prospects]", "accepts: [customers]", "R104", "us-high-intent", "accepts customers"),
    "columns implied for a third party": (
        "  columns:\n    - prospect_id\n    - {column: email, as: contact}\n", "", "R105", "spec", "agency-s3 has a recipient"),
    "backfill implied for a third party": ("  backfill: full\n", "", "R106", "spec", "full, none or {from: …}"),
    "unknown column": ("    - prospect_id\n", "    - prospectid\n", "R107", "prospectid", "Did you mean prospect_id?"),
    "transform of another type": ("as: contact", "as: contact, transform: {time: {format: '%Y'}}", "R121", "{time: {format: '%Y'}}", "writes dates"),
    "text transform of a number": ("{column: email, as: contact}", "{column: intent_score, transform: lower}", "R121", "lower", "is double here"),
    "time zone of a transform": (
        "{column: email, as: contact}", "{column: ingested_at, transform: {time: {format: '%Y', timezone: Mars/Base}}}", "R121",
        "{time: {format: '%Y', timezone: Mars/Base}}", "no time zone Mars/Base"),
    "two transforms in one": ("as: contact", "as: contact, transform: {mask: {}, hmac: {secret: {fromEnv: K}}}", "C110",
                              "{mask: {}, hmac: {secret: {fromEnv: K}}}", "exactly one name"),
    "constant without a name": ("{column: email, as: contact}", "{constant: x}", "C110", "{constant: x}", "write as"),
    "column and constant": ("as: contact", "as: contact, constant: x", "C110", "{column: email, as: contact, constant: x}", "either column or constant"),
    "cursor without a column": ("{strategy: files, settle: 5m}", "{strategy: cursor}", "C110", "{strategy: cursor}", "write column"),
    "lag of files": ("{strategy: files, settle: 5m}", "{lag: 5m}", "C110", "{lag: 5m}", "belong to strategy cursor"),
    "overwrites of files": ("settle: 5m}", "settle: 5m, overwrites: rebuild}", "C109", "overwrites", "the format is parquet"),
    "overwrites under cursor": ("{strategy: files, settle: 5m}", "{strategy: cursor, column: ingested_at, overwrites: rebuild}", "C110",
                                "{strategy: cursor, column: ingested_at, overwrites: rebuild}", "belongs to strategy files"),
    "a rebuild of what isn't to leave": ("  backfill: full\n", "  backfill: none\n  incremental: {overwrites: rebuild}\n", "R133", "none",
                                         "what the backfill leaves out"),
    "cursor over an unknown column": ("{strategy: files, settle: 5m}", "{strategy: cursor, column: ingested}", "R107", "ingested", "Did you mean ingested_at?"),
    "cursor over text": ("{strategy: files, settle: 5m}", "{strategy: cursor, column: email}", "R126", "email", "follows a timestamp"),
    "an activation's cursor over text": ("  backfill: full\n", "  backfill: full\n  incremental: {strategy: cursor, column: email}\n", "R126", "email", "follows a timestamp"),
    "columns collide": ("as: contact", "as: Prospect_ID", "R108", "{column: email, as: Prospect_ID}", "one name"),
    "columns collide in the dataset": (
        "    postcode: {type: string}\n", "    Email: {type: string}\n", "R108", "spec", "Email and email"),
    "selector without match": ("matchLabels: {tier: gold}", "matchLabels: {tier: lead}", "R111",
                               "{matchLabels: {tier: lead}}", "No Audience has the labels {tier: lead}"),
    "renamed from what exists": ("{name: outbox}", "{name: outbox, renamedFrom: agency-s3}", "R112", "agency-s3", "still exists"),
    "renamed from itself": ("{name: outbox}", "{name: outbox, renamedFrom: outbox}", "R112", "outbox", "still exists"),
    "catch-up in turn": ('time: "02:00",', 'time: "02:00", catchUp: all,', "R114", "nightly", "catchUp: latest or skip"),
    "nothing activated": ("  audienceSelector: {matchLabels: {tier: gold}}\n  datasets: [prospects]\n", "", "R118", "spec", "audiences or datasets"),
    "named twice": ("[us-high-intent]", "[us-high-intent, us-high-intent]", "R119", "us-high-intent", "already named"),
    "s3 without account": ("  account: lake-aws\n  columns", "  columns", "R120", "s3://lake/prospects/", "add account"),
    "folder with account": ("location: s3://lake/prospects/", "location: data", "R120", "lake-aws", "Remove it"),
    "two ways to sign in": ("spec: {type: aws,", "spec: {type: aws, auth: {profile: a, ambient: {}},", "C109", "auth", "ambient and profile"),
    "csv settings of parquet": ("  format: parquet\n", "  format: parquet\n  csv: {}\n", "C109", "csv", "format is parquet"),
    "guard that stops every run": ("maxRows: 2000000", "maxRows: 20, minRows: 21", "C110", "21", "every run"),
    "delimiter is quote": ("{type: csv}", "{type: csv, delimiter: '|', quote: '|'}", "C110", "{type: csv, delimiter: '|', quote: '|'}", "must differ"),
    "unknown macro": ("files: {maxRows: 5000000}", "files: {name: '{x}-{part}.{ext}'}", "T101", "'{x}-{part}.{ext}'", "{run_id}"),
    "macro with attribute": ("files: {maxRows: 5000000}", "files: {name: '{part.__class__}'}", "T101", "'{part.__class__}'", "no such macro"),
    "macro with index": ("files: {maxRows: 5000000}", "files: {name: '{part[0]}{ext}'}", "T101", "'{part[0]}{ext}'", "no such macro"),
    "macro with conversion": ("files: {maxRows: 5000000}", "files: {name: '{part!r}{ext}'}", "T101", "'{part!r}{ext}'", "no such macro"),
    "open macro": ("files: {maxRows: 5000000}", "files: {folder: '{source'}", "T102", "'{source'", "isn't closed"),
    "time format": ("files: {maxRows: 5000000}", "files: {folder: '{source}/{slot:%c}'}", "T103", "'{source}/{slot:%c}'", "%Y"),
    "runs collide": ("files: {maxRows: 5000000}", "files: {name: '{part}.{ext}'}", "T104", "files", "{run_id}"),
    "flows collide": ("files: {maxRows: 5000000}", "files: {folder: 'all'}", "T104", "files", "{source_id}"),
    "parts collide": ("files: {maxRows: 5000000}", "files: {name: '{run_id}.{ext}'}", "T104", "'{run_id}.{ext}'", "{part}"),
    "folder escapes": ("files: {maxRows: 5000000}", "files: {folder: '../{source_id}'}", "T105", "'../{source_id}'", "'..'"),
    "folder is absolute": ("files: {maxRows: 5000000}", "files: {folder: '/{source_id}'}", "T105", "'/{source_id}'", "relative"),
    "name has a folder": ("files: {maxRows: 5000000}", "files: {name: 'a/{run_id}{part}.{ext}'}", "T105", "'a/{run_id}{part}.{ext}'", "holds no /"),
    "column type": ("email: {type: string}", "email: {type: strng}", "R207", "strng", "Did you mean string?"),
    "column type that isn't closed": ("email: {type: string}", "email: {type: 'list<string'}", "R207", "'list<string'", "ends too early"),
    "nested column in CSV": ("postcode: {type: string}", "postcode: {type: 'list<string>'}", "R110", "spec", "Column postcode is list<string>"),
    "where: unknown column": ("AND intent_score", "AND intent_scor", "R203", "intent_scor", "Dataset prospects has no column intent_scor. Did you mean intent_score?"),
    "where: double quotes": ("= 'US'", '= "US"', "R203", '"US"', "For text, write 'US'."),
    "where: types": (">= 0.7", ">= 'x'", "R204", "'x'", "without quotes"),
    "where: function": ("intent_score >= 0.7", "now() > ingested_at", "R202", "now", "isn't allowed"),
    "where: no condition": ("country = 'US' AND intent_score >= 0.7", "intent_score", "R206", "intent_score", "a condition is needed"),
    "path escapes": ("{path: out}", "{path: a/../../out}", "P101", "a/../../out", "out of the project"),
    "path is the parent": ("{path: out}", "{path: ..}", "P101", "..", "out of the project"),
    "home path": ("{path: out}", "{path: ~/out}", "P101", "~/out", "home directory"),
    "bucket path escapes": ("path: exports/prospects", "path: exports/../..", "P101", "exports/../..", "no '..'"),
    "bucket path with empty part": ("path: exports/prospects", "path: /exports", "P101", "/exports", "no empty part"),
    "dataset elsewhere": ("location: s3://lake/prospects/", "location: ftp://lake/x", "P101", "ftp://lake/x", "s3:// locations"),
    "secret file outside": ("externalId: {fromEnv: AGENCY_EXTERNAL_ID}", "externalId: {fromFile: ../x}", "P101", "../x", "out of the project"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_finding(name: str, tmp_path: Path) -> None:
    old, new, code, text, detail = CASES[name]
    whole = edited(old, new)
    found = loaded(tmp_path, whole)
    assert found.desired is None
    matching = [each for each in found.diagnostics if each.code == code]
    assert matching, found.diagnostics
    assert marked(whole, matching[0]) == text
    assert detail in matching[0].detail


def test_the_sample_is_sound(tmp_path: Path) -> None:
    found = loaded(tmp_path, SAMPLE)
    assert found.diagnostics == ()
    assert found.desired is not None
    assert [str(each) for each in found.desired.flows] == [
        "agency-s3/audience/us-high-intent",
        "outbox/audience/us-high-intent",
        "outbox/dataset/prospects",
    ]


def test_the_effective_flow_holds_everything(tmp_path: Path) -> None:
    text = edited("labels: {tier: gold}}", "labels: {tier: gold}, id: folder-1, protect: true}")
    desired = loaded(tmp_path, text).desired
    assert desired is not None
    flow = desired.flows[FlowId("agency-s3", "audience", "us-high-intent")]
    spec = flow.spec.to_json()
    assert spec["columns"] == [
        {"column": "prospect_id", "name": "prospect_id", "type": "string"},
        {"column": "email", "name": "contact", "type": "string"},
    ]
    assert flow.spec.protect
    assert flow.spec.source.id == "folder-1"
    assert flow.spec.source.where == "country = 'US' AND intent_score >= 0.7"
    assert flow.spec.source.account is not None
    assert flow.spec.source.account.region == "eu-west-1"
    assert flow.spec.destination.account == desired.accounts["agency-aws"].spec
    assert flow.spec.schedule == desired.schedules["nightly"].spec
    assert marked(text, _at(flow.source)) == "us-high-intent"
    assert flow.spec == type(flow.spec).model_validate(spec)


def _at(source: object) -> object:
    from reconciler.diagnostics import Diagnostic, Source

    assert isinstance(source, Source)
    return Diagnostic(source, "", "", "")


@pytest.mark.parametrize(
    ("metadata", "protected"),
    [
        ("{name: agency-nightly}", {"agency-s3/audience/us-high-intent"}),
        ("{name: agency-s3, labels: {team: growth}}", {"agency-s3/audience/us-high-intent"}),
        (
            "{name: us-high-intent, labels: {tier: gold}}",
            {"agency-s3/audience/us-high-intent", "outbox/audience/us-high-intent"},
        ),
        (
            "{name: prospects}",  # an audience's dataset too: with its document, all that is over it would have to go
            {"agency-s3/audience/us-high-intent", "outbox/audience/us-high-intent", "outbox/dataset/prospects"},
        ),
    ],
)
def test_whatever_is_protected_protects_its_flows(tmp_path: Path, metadata: str, protected: set[str]) -> None:
    desired = loaded(tmp_path, edited(f"metadata: {metadata}", f"metadata: {metadata[:-1]}, protect: true}}")).desired
    assert desired is not None
    assert {str(each) for each, flow in desired.flows.items() if flow.spec.protect} == protected


def test_all_columns_leave_in_declared_order_if_none_is_named(tmp_path: Path) -> None:
    desired = loaded(tmp_path, SAMPLE).desired
    assert desired is not None
    flow = desired.flows[FlowId("outbox", "dataset", "prospects")]
    assert [each.name for each in flow.spec.columns] == list(desired.datasets["prospects"].spec.columns)
    assert flow.spec.source.data_type == "datasets"
    assert flow.spec.backfill == "full"


def test_a_nested_column_in_a_dataset_of_csv(tmp_path: Path) -> None:
    text = edited("  format: parquet\n", "  format: csv\n").replace(
        "postcode: {type: string}", "postcode: {type: list<int>}"
    )
    found = [each for each in loaded(tmp_path, text).diagnostics if each.subject == "Dataset/prospects"]
    assert codes(found) == ["R110"]
    assert marked(text, found[0]) == "list<int>"


def test_a_flow_declared_twice_names_both_places(tmp_path: Path) -> None:
    text = SAMPLE.rstrip() + SECOND
    found = [each for each in loaded(tmp_path, text).diagnostics if each.code == "R109"]
    (one,) = found
    places = {one.source.line, int(one.detail.split("all.yaml:")[1].split(")")[0])}
    lines = text.split("\n")
    assert all("us-high-intent" in lines[line - 1] for line in places)
    assert len(places) == 2


def test_duplicate_names_are_found_across_files(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, SAMPLE, **{"more/x.yml": document("Schedule", "nightly", '{frequency: daily, time: "03:00"}')}
    )
    assert codes(found.diagnostics) == ["R102"]
    assert found.diagnostics[0].source.path == "more/x.yml"
    assert "all.yaml:" in found.diagnostics[0].detail


def test_one_project_at_most(tmp_path: Path) -> None:
    found = loaded(tmp_path, SAMPLE, **{"b.yaml": document("Project", "zoo")})
    assert codes(found.diagnostics) == ["R103"]


def test_a_reference_to_a_broken_resource_is_not_reported_again(tmp_path: Path) -> None:
    found = loaded(tmp_path, edited('frequency: daily, time: "02:00"', 'frequency: dayly, time: "02:00"'))
    assert codes(found.diagnostics) == ["C104"]


def test_audience_and_dataset_of_one_name_share_no_folder(tmp_path: Path) -> None:
    text = SAMPLE.replace("us-high-intent", "prospects")
    assert codes(loaded(tmp_path, text).diagnostics) == ["R113"]
    text = text.replace("{name: prospects, labels: {tier: gold}}", "{name: prospects, labels: {tier: gold}, id: us}")
    assert codes(loaded(tmp_path, text).diagnostics) == []


def test_a_former_name_is_a_folder_too(tmp_path: Path) -> None:
    text = edited("labels: {tier: gold}}", "labels: {tier: gold}, renamedFrom: old}")
    text = text.replace("metadata: {name: prospects}", "metadata: {name: prospects, id: old}")
    assert codes(loaded(tmp_path, text).diagnostics) == ["R113"]


def test_two_claim_one_former_name(tmp_path: Path) -> None:
    text = edited("{name: outbox}", "{name: outbox, renamedFrom: old}")
    text = text.replace("{name: agency-s3, labels", "{name: agency-s3, renamedFrom: old, labels")
    found = loaded(tmp_path, text)
    assert codes(found.diagnostics) == ["R112"]
    assert "already says it was renamed from old" in found.diagnostics[0].detail


def test_a_document_with_a_key_twice_is_no_missing_one(tmp_path: Path) -> None:
    """What refers to it isn't wrong: it is there, and is said to be wrong itself."""
    text = edited("metadata: {name: outbox}", "metadata: {name: outbox}\nmetadata: {name: outbox}")
    found = loaded(tmp_path, text.replace("schedule: nightly", "schedule: nigthly"))
    assert found.diagnostics[0].subject == "Destination/outbox"
    assert [(each.code, "nigthly" in each.detail) for each in found.diagnostics] == [("Y106", False)] + [
        ("R101", True)
    ] * 2


def test_all_findings_at_once_sorted(tmp_path: Path) -> None:
    text = edited("destination: outbox", "destination: outbux").replace("schedule: nightly", "schedule: nigthly")
    found = loaded(tmp_path, text.replace("dataType: prospects", "dataType: prospect"))
    assert codes(found.diagnostics) == ["C104", "R101", "R101", "R101"]
    assert list(found.diagnostics) == sorted(found.diagnostics)


def test_the_digest_depends_on_meaning_alone(tmp_path: Path) -> None:
    one = loaded(tmp_path / "a", SAMPLE).desired
    first, rest = SAMPLE.split("---\n", 1)
    two = loaded(tmp_path / "b", "# a comment\n" + rest + "---\n" + first).desired
    three = loaded(tmp_path / "c", edited("0.7", "0.8")).desired
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.digest() == two.digest() != three.digest()


@pytest.mark.parametrize(
    "field",
    [
        "region: eu-west-1",
        'expectedBucketOwner: "123456789012"',
        "encryption: {type: sse-s3}",
        "endpoint: 'http://there:9000'",
    ],
)
def test_what_a_ledger_in_s3_needs_is_refused_for_a_folder(field: str, tmp_path: Path) -> None:
    ledger = "{{ledger: {{url: '{}', {}}}}}"
    text = document("Project", "p", ledger.format("file://ledger", field))
    (found,) = loaded(tmp_path, text).diagnostics
    assert (found.code, marked(text, found)) == ("C109", field.partition(":")[0])
    sound = document("Project", "p", ledger.format("s3://acme/ledger", field))
    assert codes(loaded(tmp_path, sound).diagnostics) == []


@pytest.mark.parametrize("broken", ["kind: Destination\nspec: {a: b}, c\n", "a: \x00\n"])
def test_what_may_stand_in_a_file_that_cannot_be_read_is_not_missed(tmp_path: Path, broken: str) -> None:
    """One error, not one more for everything that names something: the other files are right, perhaps."""
    audience = document("Audience", "us", "{dataType: prospects, dataset: prospects, where: x = 1}")
    policy = document("Policy", "own", "{deny: some-label, marketingActions: [some-action]}")
    found = loaded(tmp_path, audience, **{"broken.yaml": broken, "policy.yaml": policy}).diagnostics
    assert {each.source.path for each in found} == {"broken.yaml"}
