"""Datasets exported as they are, beside audiences over them: every promise that audiences have, from plan to purge."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.support import Outcome, Reconcile
from tests.config.support import document, write

APPLIED = "2054-12-01T00:00Z"
FIRST, SECOND, THIRD = "2054-12-01T02:00Z", "2054-12-02T02:00Z", "2054-12-03T02:00Z"
SECRET = "DATASETS_TEST_KEY"

PEOPLE = """{
  location: data/people, format: csv,
  columns: {
    id: {type: string}, email: {type: string}, country: {type: string}, seen: {type: timestamp}, consent: {type: string}
  },
  primaryKey: [id], latestBy: seen, expiry: {column: seen, after: 30d},
  consent: {column: consent, allow: {email-targeting: ['yes']}},
  incremental: {settle: 0s}
}"""
OUT = "{type: local, marketingActions: [email-targeting], connection: {path: out}, format: {type: csv, compression: none}}"
HEADER = "id,email,country,seen,consent\n"
NIGHT_ONE = HEADER + "".join(
    f"{line}\n"
    for line in (
        "a,a@x.example,US,2054-11-30T00:00:00Z,yes",
        "b,b@x.example,DE,2054-11-30T00:00:00Z,yes",
        "b,old@x.example,DE,2054-11-29T00:00:00Z,yes",  # an older row of b
        "c,c@x.example,US,2054-11-30T00:00:00Z,no",
        "d,d@x.example,US,2054-10-01T00:00:00Z,yes",  # expired
        "e,e@x.example,US,2054-11-30T00:00:00Z,yes",  # suppressed
    )
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """People as a dataset; who opted out; an audience over the same people to the same place."""
    documents = (
        document("Project", "shop", "{ledger: {url: file://ledger, simulated: true}}"),
        document("Destination", "box", OUT),
        document("Dataset", "people", PEOPLE).replace("{name: people}", "{name: people, labels: {share: 'yes'}}"),
        document("Dataset", "opt-outs", "{location: data/out, format: csv, columns: {mail: {type: string}}}"),
        document(
            "Suppression", "opted-out",
            "{dataset: opt-outs, match: [{list: mail, column: email}], minRows: 1, unnotified: accept}",
        ),
        document("Audience", "us", "{dataType: prospects, dataset: people, where: country = 'US'}"),
        document("Schedule", "nightly", '{frequency: daily, time: "02:00"}'),
        document(
            "Activation", "whole",
            "{destination: box, schedule: nightly, datasetSelector: {matchLabels: {share: 'yes'}}, "
            "columns: [id, {column: email, as: mail}]}",
        ),
        document("Activation", "us", "{destination: box, schedule: nightly, audiences: [us], columns: [id]}"),
    )  # fmt: skip
    write(tmp_path / "shop", {"data/people/1.csv": NIGHT_ONE, "data/out/1.csv": "mail\ne@x.example\n"})
    return write(tmp_path / "shop", {"all.yaml": "---\n".join(documents)})


@pytest.fixture
def call(shop: Path, reconcile: Reconcile) -> Callable[..., Outcome]:
    """The command line, on the shop."""
    return lambda *arguments: reconcile("-C", shop, *arguments)


def ok(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome
    return outcome


def edit(shop: Path, old: str, new: str) -> None:
    text = (shop / "all.yaml").read_text()
    assert text.count(old) == 1, f"{old} stands {text.count(old)} times"
    write(shop, {"all.yaml": text.replace(old, new)})


def rows(shop: Path, pattern: str) -> list[dict[str, str]]:
    """Rows of every part below a folder, in the order of the names: read by the csv module alone."""
    found: list[dict[str, str]] = []
    for path in sorted((shop / "out").glob(pattern)):
        with path.open(newline="") as file:
            found += list(csv.DictReader(file))
    return found


def ids(shop: Path, slot: str, source: str = "people") -> list[str]:
    return [row["id"] for row in rows(shop, f"{source}/exportTime={slot}/**/part-*")]


def items(outcome: Outcome, key: str, code: int = 0) -> Any:
    assert outcome.code == code, outcome
    return json.loads(outcome.out)[key]


def test_planned_and_exported_like_an_audience(shop: Path, call: Callable[..., Outcome]) -> None:
    planned = ok(call("plan", "--at", FIRST)).out
    assert "FIRST EXPORT" in planned
    assert "the whole dataset" in planned
    changes = items(call("plan", "--at", FIRST, "--format", "json"), "plan")["changes"]
    sources = [each["spec"]["source"] for each in changes if "source" in each.get("spec", {})]
    assert {each["name"]: each["dataType"] for each in sources} == {"us": "prospects", "people": "datasets"}
    ok(call("apply", "--yes", "--at", APPLIED))
    assert ok(call("run", "--at", FIRST)).code == 0
    assert rows(shop, "people/exportTime=205412010200/part-*") == [
        {"id": "a", "mail": "a@x.example"},
        {"id": "b", "mail": "b@x.example"},
    ]
    assert ids(shop, "205412010200", "us") == ["a"]
    # No prefix or suffix of another's: the manifests list each their own.
    (manifest,) = (shop / "out" / "people" / "exportTime=205412010200").glob("_manifest-*")
    assert json.loads(manifest.read_text())["files"][0]["rows"] == 2


def test_who_stays_is_counted_by_reason(shop: Path, call: Callable[..., Outcome]) -> None:
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    (run,) = items(call("history", "box/dataset/people", "--format", "json"), "runs")
    assert run["rows"] == 2
    assert {reason: count for reason, count in run["excluded"].items() if count} == {
        "suppressed": 1,
        "consent": 1,
        "expired": 1,
    }
    text = ok(call("history", "box/people")).out
    assert "box/people" in text


def test_each_night_sends_what_is_new(shop: Path, call: Callable[..., Outcome]) -> None:
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    write(shop, {"data/people/2.csv": HEADER + "f,f@x.example,FR,2054-12-01T12:00:00Z,yes\n"})
    ok(call("run", "--at", SECOND))
    assert ids(shop, "205412020200") == ["f"]
    assert ids(shop, "205412020200", "us") == []
    ok(call("run", "--at", THIRD))
    assert ids(shop, "205412030200") == []
    assert "Nothing" in ok(call("plan", "--at", "2054-12-03T03:00Z")).out


def test_status_list_verify_and_the_data(shop: Path, call: Callable[..., Outcome]) -> None:
    ok(call("apply", "--yes", "--at", APPLIED))
    looked = items(call("plan", "--at", FIRST, "--data", "--format", "json"), "data")
    assert "box/dataset/people" in json.dumps(looked)
    ok(call("run", "--at", FIRST))
    states = {
        each["flow"]: each["condition"] for each in items(call("status", "--at", FIRST, "--format", "json"), "flows")
    }
    assert states == {"box/audience/us": "ready", "box/dataset/people": "ready"}
    assert "1 file of data/people done with" in ok(call("status", "box/dataset/people", "--at", FIRST)).out
    assert [each["name"] for each in items(call("list", "datasets", "--for", "box", "--format", "json"), "items")] == [
        "opt-outs",
        "people",
    ]
    assert len(items(call("list", "flows", "--for", "box", "--format", "json"), "items")) == 2
    assert "4 files" in ok(call("verify")).out
    ok(call("verify", "box/dataset/people"))


def test_a_slot_is_sent_again_less_who_opted_out_since(shop: Path, call: Callable[..., Outcome]) -> None:
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    write(shop, {"data/out/2.csv": "mail\nb@x.example\n"})
    ok(call("export", "box/dataset/people", "--again", "2054-12-01T02:00Z", "--at", "2054-12-01T03:00Z"))
    assert [row["id"] for row in rows(shop, "people/exportTime=205412010200-*/part-*")] == ["a"]


def test_by_diff_it_says_who_came_changed_and_left(
    shop: Path, call: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, "0123456789abcdef0123456789abcdef")
    edit(
        shop, "incremental: {settle: 0s}\n}",
        "incremental: {strategy: diff, settle: 0s, changes: {removed: folder, operationColumn: op, secret: {fromEnv: " + SECRET + "}}}\n}",
    )  # fmt: skip
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    assert [(row["id"], row["op"]) for row in rows(shop, "people/exportTime=205412010200/part-*")] == [
        ("a", "added"),
        ("b", "added"),
    ]
    night_two = NIGHT_ONE.replace("a@x.example", "new@x.example").replace("00Z,no", "00Z,yes")
    write(shop, {"data/people/1.csv": night_two})
    write(shop, {"data/out/2.csv": "mail\nb@x.example\n"})
    ok(call("run", "--at", SECOND))
    told = {row["id"]: row["op"] for row in rows(shop, "people/exportTime=205412020200/part-*")}
    assert told == {"a": "changed", "c": "added"}
    assert [row["id"] for row in rows(shop, "people/exportTime=205412020200/_removed/*")] == ["b"]


def test_a_third_party_gets_the_columns_that_are_named(shop: Path, call: Callable[..., Outcome]) -> None:
    edit(
        shop,
        "{type: local, marketingActions",
        "{type: local, recipient: {name: Agency, country: IE}, marketingActions",
    )
    edit(shop, ", columns: [id, {column: email, as: mail}]}", "}")
    found = call("validate")
    assert found.code == 3
    assert "R105" in found.out + found.err
    assert "R106" in found.out + found.err
    edit(shop, "matchLabels: {share: 'yes'}}}", "matchLabels: {share: 'yes'}}, columns: [id], backfill: full}")
    edit(shop, "audiences: [us], columns: [id]}", "audiences: [us], columns: [id], backfill: full}")
    edit(shop, "{email-targeting: ['yes']}", "{email-targeting: ['yes'], export-to-third-party: ['yes']}")
    ok(call("validate"))
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    assert rows(shop, "people/exportTime=205412010200/part-*") == [{"id": "a"}, {"id": "b"}]


def test_guards_hold_it(shop: Path, call: Callable[..., Outcome]) -> None:
    edit(shop, "columns: [id, {column: email, as: mail}]}", "columns: [id], guards: {audience: {minRows: 6}}}")
    ok(call("apply", "--yes", "--at", APPLIED))
    found = call("run", "--at", FIRST)
    assert (found.code, "box/dataset/people: audience.minRows: 5 rows; at least 6" in found.err) == (6, True)
    assert ids(shop, "205412010200") == []
    assert ids(shop, "205412010200", "us") == ["a"]
    write(shop, {"data/people/2.csv": HEADER + "f,f@x.example,FR,2054-12-01T12:00:00Z,yes\n"})
    ok(call("run", "--at", SECOND))
    assert ids(shop, "205412020200") == ["a", "b", "f"]


def test_suspended_resumed_renamed_and_removed(shop: Path, call: Callable[..., Outcome]) -> None:
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", FIRST))
    edit(shop, "as: mail}]}", "as: mail}], suspend: true}")
    ok(call("apply", "--yes", "--at", "2054-12-01T03:00Z"))
    write(shop, {"data/people/2.csv": HEADER + "f,f@x.example,FR,2054-12-01T12:00:00Z,yes\n"})
    ok(call("run", "--at", SECOND))
    assert ids(shop, "205412020200") == []
    for more in ((), ("--full",), ("--again", "2054-12-01T02:00Z")):
        asked = call("export", "box/people", *more, "--at", "2054-12-02T02:30Z")
        assert (asked.code, "H117 the flow is suspended" in asked.err) == (4, True), asked
    assert "suspended  box/people" in ok(call("status", "--at", "2054-12-02T02:30Z")).out
    edit(shop, "suspend: true}", "suspend: false, onRemove: purge}")
    edit(shop, "{name: people, labels", "{name: crowd, renamedFrom: people, labels")
    edit(shop, "dataset: people, where", "dataset: crowd, where")
    moved = ok(call("plan", "--at", "2054-12-02T03:00Z")).out
    assert "people" in moved
    assert "FIRST EXPORT" not in moved, "a rename keeps the cursor"
    ok(call("apply", "--yes", "--at", "2054-12-02T03:00Z"))
    ok(call("run", "--at", THIRD))
    sent = [row["id"] for row in rows(shop, "people/**/part-*")]
    assert sent == ["a", "b", "f"], "everybody once, and the folder is kept"
    text = (shop / "all.yaml").read_text().split("---\n")
    write(shop, {"all.yaml": "---\n".join(each for each in text if "metadata: {name: whole}" not in each)})
    ok(call("apply", "--yes", "--allow-removals", "all", "--at", "2054-12-03T03:00Z"))
    assert not list((shop / "out" / "people").rglob("part-*"))
    assert ids(shop, "205412010200", "us") == ["a"]


NOT_ACCEPTED = {
    "a dataset that is selected": ("prospects", "datasetSelector: ", "Dataset people is of data type datasets"),
    "an audience that is named": ("datasets", "audiences: [", "Audience us is of data type prospects"),
}


@pytest.mark.parametrize("case", NOT_ACCEPTED)
def test_a_destination_gets_what_it_accepts(case: str, shop: Path, call: Callable[..., Outcome]) -> None:
    accepts, where, said = NOT_ACCEPTED[case]
    edit(shop, "{type: local, marketing", f"{{type: local, accepts: [{accepts}], marketing")
    (finding,) = items(call("validate", "--format", "json"), "diagnostics", 3)
    assert finding["code"] == "R104"
    line = (shop / "all.yaml").read_text().split("\n")[finding["line"] - 1]
    assert line[: finding["column"] - 1].endswith(where)
    assert f"{said}, and destination box accepts {accepts}. Add it to accepts" in finding["detail"]
    assert call("apply", "--yes", "--at", APPLIED).code == 3


def test_what_a_destination_accepts_no_more_leaves_no_more(shop: Path, call: Callable[..., Outcome]) -> None:
    """Narrowing `accepts` under an activation that is there is refused; with the activation gone it is applied."""
    ok(call("apply", "--yes", "--at", APPLIED))
    edit(shop, "{type: local, marketing", "{type: local, accepts: [prospects], marketing")
    assert call("plan", "--at", FIRST).code == 3
    text = (shop / "all.yaml").read_text().split("---\n")
    write(shop, {"all.yaml": "---\n".join(each for each in text if "metadata: {name: whole}" not in each)})
    ok(call("apply", "--yes", "--allow-removals", "all", "--at", "2054-12-01T01:00Z"))
    ok(call("run", "--at", FIRST))
    assert ids(shop, "205412010200", "us") == ["a"]
    assert not list((shop / "out").glob("people/**/part-*"))
