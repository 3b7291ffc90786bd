"""Strategy `diff` from `apply` to `verify`: what recipients have after any night is who the audience is then."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from reconciler.api.project import Project
from tests.cli.crowd import APPLIED, FIRST, KEY, SECRET, SLOTS, Crowd, People
from tests.cli.support import Outcome, Reconcile
from tests.faults.place import KEY_ID, SECRET_KEY, Place, environment
from tests.servers.s3 import S3Server

_JUST_BEFORE = datetime.fromisoformat(SLOTS[1]).timestamp() - 600
BOTH = ("notes", "marks")
ACCOUNT = """\
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: cloud}}
spec:
  type: aws
  region: {region}
  endpoints: {{s3: "{endpoint}"}}
  auth: {{accessKey: {{accessKeyId: {{fromEnv: {id}}}, secretAccessKey: {{fromEnv: {key}}}}}}}
"""


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Twelve people, eight of them in the audience; nothing applied."""
    monkeypatch.setenv(SECRET, KEY)
    made = Crowd(tmp_path / "crowd")
    made.declare()
    made.put(FIRST)
    return made


@pytest.fixture
def call(crowd: Crowd, reconcile: Reconcile) -> Callable[..., Outcome]:
    """The command line, on the crowd's project."""
    return lambda *arguments: reconcile("-C", crowd.root, *arguments)


def ok(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome
    return outcome


def snapshots(crowd: Crowd) -> list[str]:
    return [key for key, _ in Project.open(crowd.root).ledger().store.blobs("snapshots/")]


def changed(people: People, *without: str, **also: tuple[str, str]) -> dict[str, tuple[str, str]]:
    return {id_: about for id_, about in people.items() if id_ not in without} | {
        id_.lstrip("_"): about for id_, about in also.items()
    }


def begun(crowd: Crowd, call: Callable[..., Outcome]) -> People:
    """Applied, and the first night over."""
    ok(call("apply", "--yes", "--at", APPLIED))
    ok(call("run", "--at", SLOTS[0]))
    for each in BOTH:
        assert crowd.received(each) == crowd.expected(FIRST)
    return FIRST


def check(crowd: Crowd, people: People) -> None:
    for each in BOTH:
        assert crowd.received(each) == crowd.expected(people), each


@pytest.mark.parametrize("ledger", ["folder", "s3"])
def test_nights(
    ledger: str,
    crowd: Crowd,
    call: Callable[..., Outcome],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if ledger == "s3":
        server: S3Server = request.getfixturevalue("seaweed_server")
        for name, value in environment(Place("", "s3", server=server)).items():
            monkeypatch.setenv(name, value)
        crowd.account = ACCOUNT.format(region=server.region, endpoint=server.endpoint, id=KEY_ID, key=SECRET_KEY)
        crowd.ledger = f'url: "s3://{server.create_bucket("diff")}/ledger", account: cloud'
        crowd.declare()
    people = begun(crowd, call)
    first = crowd.manifests("notes")[0]
    assert (first["kind"], first["changes"]) == ("full", {"added": 8, "changed": 0, "unchanged": 0, "removed": {}})
    assert [each["name"] for each in first["columns"]] == ["person", "mail", "op"]

    people = changed(
        people, "1", _2=("new@example.org", "US"), _4=("4@example.org", "DE"), _13=("13@example.org", "US")
    )
    crowd.put(people, ["5"])
    found = ok(call("run", "--at", SLOTS[1]))
    check(crowd, people)
    assert crowd.reasons("notes") == {"1": "gone", "4": "filter", "5": "suppressed"}
    assert "2 rows" in found.out
    assert found.out.count("+1 ~1 −3") == 2
    assert "removed: " in found.out
    assert "1 no longer match" in found.out

    ok(call("run", "--at", SLOTS[2]))  # nothing is another than it was
    check(crowd, people)
    assert crowd.manifests("notes")[-1]["rows"] == 0

    people = changed(people, _1=("1@example.org", "US"), _4=("4@example.org", "US"))
    crowd.opted_out.clear()
    crowd.put(people)
    ok(call("run", "--at", SLOTS[3]))  # they are back
    check(crowd, people)

    assert len(snapshots(crowd)) == len(BOTH)
    history = json.loads(ok(call("history", "notes/us", "--format", "json")).out)
    assert [each["changes"]["added"] for each in history["runs"]] == [3, 0, 1, 8]
    assert "+3 ~0 −0" in ok(call("status")).out
    assert "+1 ~1 −3" in ok(call("history")).out
    ok(call("verify"))


def test_what_is_kept_of_people(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = begun(crowd, call)
    files = [path for path in (crowd.root / "ledger").rglob("*") if path.is_file()]
    kept = [path for path in files if "snapshots" in path.parts]
    assert len(kept) == 2
    for path in kept:
        assert path.stat().st_mode & 0o777 == 0o600
    for path in files:
        content = path.read_bytes()
        assert b"example.org" not in content, path
        assert KEY.encode() not in content, path
    assert people


@pytest.mark.parametrize("harm", ["missing", "too small", "unsettled", "no list"])
def test_a_source_that_is_not_whole_removes_nobody(
    harm: str, crowd: Crowd, call: Callable[..., Outcome], tmp_path: Path
) -> None:
    people = begun(crowd, call)
    data, lists = crowd.root / "data", crowd.root / "lists"
    match harm:
        case "missing":
            data.rename(tmp_path / "away")
        case "too small":
            crowd.put(dict(list(people.items())[:4]))
        case "unsettled":
            crowd.settle = "1d"
            crowd.declare()
            ok(call("apply", "--yes", "--no-exports", "--at", SLOTS[0]))
            os.utime(data / "b.csv", (_JUST_BEFORE, _JUST_BEFORE))
        case "no list":
            lists.rename(tmp_path / "away")
    assert call("run", "--at", SLOTS[1]).code != 0
    check(crowd, people)
    assert [len(crowd.manifests(each)) for each in BOTH] == [1, 1]
    for away in (tmp_path / "away",):
        if away.exists():
            away.rename(data if harm == "missing" else lists)
    crowd.settle = "0s"
    crowd.declare()
    crowd.put(people)
    ok(call("apply", "--yes", "--no-exports", "--at", SLOTS[1]))
    ok(call("run", "--at", SLOTS[1]))
    check(crowd, people)
    assert crowd.manifests("notes")[-1]["changes"]["unchanged"] == 8


def test_too_many_removals_are_held(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    crowd.limit = "25%"
    crowd.declare()
    people = begun(crowd, call)
    fewer = changed(people, "1", "2", "4")
    crowd.put(fewer)
    found = call("run", "--at", SLOTS[1])
    assert found.code == 4
    assert "export.maxRemoved: 3 of 8 people removed, 37.5 %; at most 25% is allowed" in found.err
    check(crowd, people)
    assert "held" in ok(call("status")).out
    crowd.limit = "50%"
    crowd.declare()
    ok(call("apply", "--yes", "--at", SLOTS[1]))
    check(crowd, fewer)
    assert crowd.manifests("notes")[-1]["changes"]["removed"] == {"gone": 3}


def test_a_filter_tells_and_columns_begin_anew(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = begun(crowd, call)
    crowd.where = "country = 'US' AND id <> '1'"
    crowd.declare()
    assert "removes whom it doesn't. · cursor kept" in ok(call("plan", "--at", SLOTS[0])).out
    ok(call("apply", "--yes", "--at", SLOTS[1]))
    check(crowd, changed(people, "1"))
    assert crowd.reasons("notes") == {"1": "filter"}
    crowd.mail = "{column: mail, transform: upper}"
    crowd.declare()
    assert "next export is a full REBUILD" in ok(call("plan", "--at", SLOTS[1])).out
    ok(call("apply", "--yes", "--at", SLOTS[2]))
    assert crowd.manifests("notes")[-1]["kind"] == "rebuild"
    assert crowd.received("notes") == {id_: mail.upper() for id_, mail in crowd.expected(changed(people, "1")).items()}
    assert len(snapshots(crowd)) == 2


def test_snapshots_go_with_their_flows(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    begun(crowd, call)
    crowd.on_remove = "purge"
    crowd.declare()
    ok(call("apply", "--yes", "--at", SLOTS[0]))
    crowd.flows = (("marks", "tombstone"),)
    crowd.declare()
    ok(call("apply", "--yes", "--at", SLOTS[0]))
    ok(call("run", "--at", SLOTS[1]))
    assert len(snapshots(crowd)) == 1
    assert not list((crowd.root / "out" / "notes").rglob("part-*"))


def test_another_secret_is_refused(crowd: Crowd, call: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    people = begun(crowd, call)
    monkeypatch.setenv(SECRET, "wrong horse battery staple")
    found = call("run", "--at", SLOTS[1])
    assert found.code != 0
    assert "H116" in found.err
    assert "--full" in found.err
    check(crowd, people)
    ok(call("export", "notes/us", "--full", "--at", SLOTS[1]))
    assert crowd.received("notes") == crowd.expected(people)
    monkeypatch.delenv(SECRET)
    assert call("run", "--at", SLOTS[1]).code != 0


def test_on_demand_counts_and_no_night_is_sent_again(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = changed(begun(crowd, call), "1")
    crowd.put(people)
    ok(call("export", "notes/us", "--at", "2054-12-01T12:00Z"))
    assert crowd.received("notes") == crowd.expected(people)
    ok(call("run", "--at", SLOTS[1]))
    check(crowd, people)
    assert crowd.manifests("notes")[-1]["changes"]["removed"] == {}
    found = call("export", "notes/us", "--again", SLOTS[1], "--at", SLOTS[1])
    assert found.code == 4
    assert "--full" in found.err


def test_a_restored_ledger_begins_anew_and_says_so(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = begun(crowd, call)
    ok(call("ledger", "export", crowd.root / "backup.jsonl"))
    (crowd.root / "ledger").rename(crowd.root / "lost")
    for _ in range(2):  # once more is as good as gone on with
        ok(call("ledger", "import", crowd.root / "backup.jsonl"))
    assert "backup" in ok(call("status", "notes/us")).out
    assert "rebuild" in ok(call("plan", "--at", SLOTS[1])).out
    ok(call("run", "--at", SLOTS[1]))
    assert crowd.manifests("notes")[-1]["kind"] == "rebuild"
    check(crowd, people)


def test_a_lost_snapshot_is_refused(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = begun(crowd, call)
    store = Project.open(crowd.root).ledger().store
    for key in snapshots(crowd):
        store.delete_blob(key)
    found = call("run", "--at", SLOTS[1])
    assert found.code != 0
    assert "L143" in found.err
    check(crowd, people)
    ok(call("export", "notes/us", "--full", "--at", SLOTS[1]))
    assert crowd.manifests("notes")[-1]["kind"] == "full"
    assert crowd.received("notes") == crowd.expected(people)


@pytest.mark.parametrize("seed", [1, 2])
def test_any_history(seed: int, crowd: Crowd, call: Callable[..., Outcome]) -> None:
    """People come, go, move, change, opt out and in again, nights are missed, and a filter is edited: recipients have who they should."""
    chance = random.Random(seed)
    people: dict[str, tuple[str, str]] = dict(begun(crowd, call))
    for slot in SLOTS[1:7]:
        for id_ in map(str, range(1, 20)):
            match chance.randrange(8):
                case 0:
                    people.pop(id_, None)
                case 1:
                    people[id_] = (f"{chance.randrange(3)}@example.org", chance.choice(("US", "DE")))
                case 2:
                    crowd.opted_out ^= {id_}
        for extra in ("x1", "x2", "x3", "x4", "x5"):  # enough for minRows, whatever chance says
            people[extra] = (f"{extra}@example.org", "DE")
        crowd.put(people)
        if chance.random() < 0.3:
            continue
        limits = chance.choice(("country = 'US'", "(country = 'US')"))
        if limits != crowd.where:
            crowd.where = limits
            crowd.declare()
            ok(call("apply", "--yes", "--no-exports", "--at", slot))
        ok(call("run", "--at", slot))
        check(crowd, people)
    assert len(snapshots(crowd)) == len(BOTH)


def test_a_renamed_flow_goes_on_from_its_snapshot(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = changed(begun(crowd, call), "1")
    crowd.audience, crowd.was = "americans", "us"
    crowd.declare()
    crowd.put(people)
    ok(call("apply", "--yes", "--at", SLOTS[1]))
    check(crowd, people)
    assert crowd.manifests("notes")[-1]["changes"]["removed"] == {"gone": 1}
    ok(call("run", "--at", SLOTS[2]))
    assert len(snapshots(crowd)) == len(BOTH)


def test_removals_are_verified_like_any_file(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    people = changed(begun(crowd, call), "1")
    crowd.put(people)
    ok(call("run", "--at", SLOTS[1]))
    (told,) = (crowd.root / "out" / "notes").rglob("_removed/*.csv")
    (told.parent / "part-00000-strange.csv").write_text("person,reason\n2,gone\n")
    assert "unknown" in call("verify", "notes/us").out
    told.write_text(told.read_text().replace("1", "2"))
    found = call("verify", "notes/us")
    assert found.code != 0
    assert "changed" in found.out


def test_a_look_at_the_data_says_who_moves_and_what_would_be_told(crowd: Crowd, call: Callable[..., Outcome]) -> None:
    begun(crowd, call)
    lines = [f"n{each},n{each}@example.org,US" for each in range(30)]
    (crowd.root / "data" / "c.csv").write_text("\n".join(["id,mail,country", *lines, ""]))
    os.utime(crowd.root / "data" / "c.csv", (1, 1))
    found = json.loads(ok(call("plan", "--data", "--format", "json", "--at", SLOTS[1])).out)
    flow = next(each for each in found["data"]["flows"] if each["flow"].startswith("notes/"))
    assert flow["due"]["changes"] == {"added": 30, "changed": 0, "removed": {}}
    assert flow["due"]["rows"] == 30
    kept = snapshots(crowd)
    assert flow["members"]["enters"]["byData"] == 30
    assert snapshots(crowd) == kept
    assert "added 30, changed 0, removed nobody" in ok(call("plan", "--data", "--at", SLOTS[1])).out
