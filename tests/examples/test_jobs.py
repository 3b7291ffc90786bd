"""Jobs that are lived through as their READMEs say, and what recipients have after each."""

from __future__ import annotations

import csv
import gzip
import hashlib
import hmac
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.cli.support import Outcome, Reconcile
from tests.examples.rehearsal import EXAMPLES, manifests, rehearse


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    return Reconcile(capsys)


def told(folder: Path) -> list[dict[str, Any]]:
    """What the manifests of a flow say, by slot."""
    return [json.loads(path.read_text()) for path in manifests(folder)]


def source(*paths: Path) -> list[dict[str, str]]:
    """Rows of CSV files."""
    return [row for path in paths for row in csv.DictReader(path.read_text().splitlines())]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_two_agencies(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own columns of the people it should have, and nothing by which the two could be put together."""
    done = rehearse("two-agencies", tmp_path / "two", reconcile, monkeypatch)
    out = tmp_path / "two" / "out"
    people = [
        row
        for row in source(*sorted((tmp_path / "two" / "data" / "prospects").iterdir()))
        if row["country"] == "DE" and float(row["intent_score"]) >= 0.7
    ]
    key = b"only-for-this-rehearsal"
    letters = [
        {
            "letter_id": hmac.new(key, row["prospect_id"].encode(), "sha256").hexdigest(),
            "hashed_email": digest(row["email"].strip().lower()),
            "intent_score": float(row["intent_score"]),
        }
        for row in people
        if row["email"]
    ]
    got = [
        row
        for path in sorted(out.glob("letterbox/*/*/*.gz.parquet"))
        for row in pyarrow.parquet.read_table(path, partitioning=None).to_pylist()
    ]
    assert got == letters
    numbers = {
        row["prospect_id"]: "+49" + row["phone"].replace(" ", "").removeprefix("+49").removeprefix("0")
        for row in people
        if row["phone"]
    }
    advertised = [
        [digest(numbers[row["prospect_id"]]), row["postcode"][:2] + "*" * 3, "spring-2027"]
        for row in people
        if row["phone"]
    ]
    files = [gzip.decompress(path.read_bytes()).decode() for path in sorted(out.glob("adwise/*/*/*.csv.gz"))]
    rows = [line.split(";") for text in files for line in text.split("\r\n")[1:-1]]
    assert rows == advertised
    assert {text.split("\r\n")[0] for text in files} == {"hashed_phone;region;campaign"}
    assert not {value for row in letters for value in row.values()} & {value for row in rows for value in row}
    for agency, slots in (("letterbox", ("0200", "0200")), ("adwise", ("0530", "0530"))):
        first, second = told(out / agency / "german-high-intent")
        assert [each["slot"].partition("T")[2].replace(":", "")[:4] for each in (first, second)] == list(slots)
        assert [(each["kind"], each["rows"], each["excluded"]) for each in (first, second)] == [
            ("full", 4, {"missing": 1}),
            ("increment", 1, {}),
        ]
    assert "all as recorded" in done[-1].outcome.out


def test_a_suppression_list_that_comes_every_day(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The night without a list lets nobody out; a fresh one mends it, in the slot that was due."""
    done = rehearse("suppression-daily", tmp_path / "daily", reconcile, monkeypatch)
    project = tmp_path / "daily"
    stale = next(each.outcome for each in done if each.outcome.code == 1)
    assert "F120" in stale.out + stale.err
    status = next(each.outcome.out for each in done if each.words[0] == "status")
    assert status.startswith("failed     newsletter/readers")
    objected = {row["email_sha256"] for row in source(project / "data" / "opt-outs" / "objections.csv")}
    allowed = [
        row["email"]
        for row in source(project / "data" / "prospects" / "people.csv")
        if row["country"] != "FR" and row["consent"] == "yes" and digest(row["email"]) not in objected
    ]
    first, second = told(project / "out" / "readers")
    assert [each["slot"] for each in (first, second)] == ["2026-12-01T02:00Z", "2026-12-02T02:00Z"]
    assert [(each["rows"], each["excluded"]) for each in (first, second)] == [
        (5, {"consent": 1, "suppressed": 1}),
        (4, {"consent": 1, "suppressed": 2}),
    ]
    (newest,) = (project / "out" / "readers" / "exportTime=202612020200").glob("part-*.csv")
    assert [row["email"] for row in source(newest)] == allowed
    runs = json.loads(done[-1].outcome.out)["runs"]
    assert [each["excluded"] for each in runs] == [second["excluded"], first["excluded"]]
    alerts = [json.loads(line) for line in (project / "alerts.jsonl").read_text().splitlines()]
    assert [(each["data"]["event"], each["data"].get("code")) for each in alerts] == [
        ("suppression-stale", "F120"),
        ("recovered", None),
    ]
    said = (project / "alerts.jsonl").read_text() + "".join(each.outcome.out + each.outcome.err for each in done)
    assert "example.org" not in said + json.dumps([first, second])


def test_a_list_that_was_cut_off_lets_nobody_out(
    tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fresh and with one line is no list either."""
    rehearse("suppression-daily", tmp_path / "daily", reconcile, monkeypatch)
    path = tmp_path / "daily" / "data" / "opt-outs" / "objections.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    os.utime(path, (at := datetime(2026, 12, 2, 20, tzinfo=UTC).timestamp(), at))
    found = reconcile("run", "--env", "rehearsal", "--at", "2026-12-03T02:05Z")
    assert (found.code, "F121" in found.out + found.err) == (1, True)
    assert len(manifests(tmp_path / "daily" / "out" / "readers")) == 2


def warm(path: Path) -> dict[str, tuple[str, float]]:
    """Who the audience is, by a reading of our own."""
    rows = map(json.loads, path.read_text().splitlines())
    return {row["prospect_id"]: (row["segment"], row["score"]) for row in rows if row["score"] >= 0.5}


def test_hourly_tombstones(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files applied in order are the audience, at every hour."""
    done = rehearse("hourly-tombstones", tmp_path / "hourly", reconcile, monkeypatch)
    project = tmp_path / "hourly"
    assert [each.outcome.code for each in done] == [0] * len(done)
    has: dict[str, tuple[str, float]] = {}
    ways = []
    hours = ("data/prospects/prospects.jsonl", "later/07.jsonl", "later/07.jsonl")
    folder = project / "out" / "warm"
    for data, at, manifest in zip(hours, manifests(folder), told(folder), strict=True):
        for file in manifest["files"]:
            lines = gzip.decompress((at.parent / file["path"]).read_bytes()).decode().splitlines()
            assert len(lines) == file["rows"]
            for row in map(json.loads, lines):
                if row["operation"] == "removed":
                    del has[row["prospect_id"]]
                else:
                    assert (row["operation"] == "changed") == (row["prospect_id"] in has)
                    has[row["prospect_id"]] = (row["segment"], row["score"])
        assert has == warm(EXAMPLES / "hourly-tombstones" / data)
        ways.append((manifest["kind"], manifest["changes"]))
    assert ways == [
        ("full", {"added": 4, "changed": 0, "unchanged": 0, "removed": {}}),
        ("increment", {"added": 1, "changed": 1, "unchanged": 1, "removed": {"filter": 1, "gone": 1}}),
        ("increment", {"added": 0, "changed": 0, "unchanged": 3, "removed": {}}),
    ]


def shown(name: str, outcome: Outcome, folder: Path) -> None:
    """A plan as its golden file has it, wherever the copy lies."""
    text = outcome.out.replace(str(folder), "")
    golden = EXAMPLES.parent / "tests" / "golden" / "examples" / f"{name}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_a_handover_between_two_teams(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agency gets everybody once, one night after the other, whoever exports; and all of it goes in the end."""
    folder = tmp_path / "teams"
    done = rehearse("handover", folder, reconcile, monkeypatch)
    early, adopting = (each.outcome for each in done if each.words[2:3] == ["plan"])
    assert (early.code, "G170" in early.out) == (4, True)
    shown("handover-adopting", adopting, folder)
    agency = folder / "srv" / "exports" / "agency"
    nights = [
        [row["prospect_id"] for row in source(path)] for path in sorted(agency.glob("us-high-intent/*/part-*.csv"))
    ]
    assert nights == [["p-001", "p-003"], ["p-005"], ["p-007"]]
    slots = [each["slot"] for each in told(agency / "us-high-intent")]
    assert slots == [f"2026-12-0{day}T02:00Z" for day in (1, 2, 3)]
    assert len(told(folder / "srv" / "exports" / "newsletter" / "readers")) == 3
    history, verified = (each.outcome.out for each in done[-2:])
    assert [line.split()[0] for line in history.splitlines()] == ["2026-12-03", "2026-12-02", "2026-12-01"]
    assert "all as recorded" in verified
    (folder / "lifecycle" / "agency.yaml").unlink()
    end = ("--env", "rehearsal", "--allow-removals", "all", "--at", "2026-12-03T09:00Z")
    shown("handover-ending", reconcile("-C", "lifecycle", "plan", *end), folder)
    ended = reconcile("-C", "lifecycle", "apply", "--yes", *end)
    assert (ended.code, "3 files purged" in ended.out) == (0, True), ended
    assert list(agency.rglob("part-*")) == []
