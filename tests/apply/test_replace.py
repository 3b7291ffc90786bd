"""`files.replace`: one file under a fixed name, that each run overwrites, and everybody knows it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from reconciler.api.history import newest
from reconciler.api.verifying import verify
from reconciler.apply.abandon import end_decided
from reconciler.apply.context import Context
from reconciler.apply.purge import purge
from reconciler.apply.recorded import still_there
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import DestinationError, Refused
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, RunRecord
from reconciler.present.history import as_data, as_text
from reconciler.resources.effective import FlowSpec
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.apply.test_runs import Bomb, Crash, mined

DAY = timedelta(days=1)
APPLIED = Applied(at=SLOT, by="test")
FIRST, SECOND = [("1", "US"), ("2", "DE")], [("3", "US"), ("4", "US")]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return fresh(tmp_path)


def fresh(folder: Path) -> House:
    house = House(folder)
    house.apply(**replacing(house.spec()))
    return house


def replacing(spec: FlowSpec) -> dict[str, object]:
    """The flow, full, to one fixed name."""
    files = spec.destination.spec.files.model_copy(
        update={"replace": True, "folder": "{source_id}", "name": "newest.{ext}"}
    )
    to = spec.destination.model_copy(update={"spec": spec.destination.spec.model_copy(update={"files": files})})
    return {"mode": "full", "destination": to}


def night(house: House, number: int, rows: list[tuple[str, str]], context: Context | None = None) -> RunRecord:
    house.put("a.csv", rows)
    slot = SLOT + number * DAY
    found = run_flow(context or house.context(), FLOW, Wanted(slot), slot)
    assert found is not None
    return found


def newest_file(house: House) -> Path:
    return house.root / "out" / "us" / "newest.csv"


def ids(house: House) -> list[str]:
    with newest_file(house).open(newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def visible(house: House) -> list[str]:
    return sorted(path.name for path in (house.root / "out").rglob("*") if path.is_file())


def check_instant(house: House, where: str) -> None:
    """Whatever manifest a reader sees lists the file as it is."""
    for path in (house.root / "out" / "us").glob("_manifest-*"):
        (listed,) = json.loads(path.read_text())["files"]
        body = (path.parent / listed["path"]).read_bytes()
        assert (len(body), sha256(body).hexdigest()) == (listed["size"], listed["sha256"]), where


def test_each_run_overwrites_the_file_of_the_one_before(house: House) -> None:
    one = night(house, 0, FIRST)
    assert ids(house) == ["1"]
    two = night(house, 1, SECOND)
    assert ids(house) == ["3", "4"]
    assert visible(house) == [f"_manifest-{two.run_id}.json", "newest.csv"]
    assert (one.replaced, two.replaced) == (None, (one.run_id,))
    check_instant(house, "after two nights")


def test_history_and_verify_know_what_gave_way(house: House) -> None:
    one, two = night(house, 0, FIRST), night(house, 1, SECOND)
    report = verify(house.ledger, [house.head().document], house.context().open_destination)
    assert report.findings == ()
    assert [each.run.run_id for each in report.verified] == [two.run_id]
    assert [each.run_id for each in report.replaced] == [one.run_id]
    history = newest(house.ledger, [house.head().document], 10)
    assert history.replaced == {one.run_id: two.run_id}
    assert as_data(one, history.replaced)["replacedBy"] == two.run_id
    assert as_data(two, history.replaced)["replacedBy"] is None
    first, second = as_text(history.runs, 2, everything="", replaced=history.replaced).splitlines()
    assert "replaced" not in first
    assert "exported, replaced" in second
    newest_file(house).write_text("somebody wrote here")
    report = verify(house.ledger, [house.head().document], house.context().open_destination)
    assert [each.problem for each in report.findings] == ["changed"]


def test_without_rows_an_empty_file_takes_its_place(house: House) -> None:
    night(house, 0, FIRST)
    night(house, 1, [("5", "DE")])
    assert ids(house) == []
    assert newest_file(house).read_text() == "id\n"
    check_instant(house, "without rows")


def test_more_rows_than_a_file_holds_are_one_file(house: House) -> None:
    small = house.head().document
    files = small.spec.destination.spec.files.model_copy(update={"max_rows": 1})
    spec = small.spec.destination.spec.model_copy(update={"files": files})
    to = small.spec.destination.model_copy(update={"spec": spec})
    changed = small.model_copy(update={"spec": small.spec.model_copy(update={"destination": to}), "nonce": "another"})
    house.ledger.swap(house.head(), changed)
    night(house, 0, SECOND)
    assert ids(house) == ["3", "4"]


def test_what_no_run_put_there_stays(house: House) -> None:
    newest_file(house).parent.mkdir(parents=True)
    newest_file(house).write_text("theirs")
    house.put("a.csv", FIRST)
    with pytest.raises(DestinationError, match="D120"):
        run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    assert newest_file(house).read_text() == "theirs"
    newest_file(house).unlink()
    settle(house.context(), FLOW, SLOT)
    assert ids(house) == ["1"]


def test_a_run_that_was_ended_leaves_the_older_file_and_the_next_goes_on(house: House) -> None:
    one = night(house, 0, FIRST)
    newest_file(house).write_text("theirs")
    with pytest.raises(DestinationError, match="D120"):
        night(house, 1, SECOND)
    held = house.head()
    ended = end_decided(house.context(), held, "jane", SLOT + DAY)
    assert (ended.outcome, ended.files, ended.replaced) == ("abandoned", (), None)
    newest_file(house).unlink()
    three = night(house, 2, SECOND)
    assert three.replaced == (one.run_id,)
    assert ids(house) == ["3", "4"]
    assert house.staged() == []


def test_a_run_that_was_ended_after_it_replaced_the_file_is_replaced_itself(house: House) -> None:
    one = night(house, 0, FIRST)
    house.put("a.csv", SECOND)
    blocked = house.root / "out" / "us" / "_manifest-r00000000000000zz.json"
    blocked.write_text("theirs")
    with pytest.raises(DestinationError, match="D120"):
        run_flow(house.context(run_id=lambda: _name(blocked)), FLOW, Wanted(SLOT + DAY), SLOT + DAY)
    assert ids(house) == ["3", "4"]
    ended = end_decided(house.context(), house.head(), "jane", SLOT + DAY)
    assert ended.replaced == (one.run_id,)
    assert [each.path for each in ended.files] == ["us/newest.csv"]
    three = night(house, 2, FIRST)
    assert ids(house) == ["1"]
    assert three.replaced == (one.run_id, ended.run_id)


def _name(path: Path) -> str:
    return path.name.removeprefix("_manifest-").removesuffix(".json")


def test_an_earlier_run_isnt_sent_again(house: House) -> None:
    night(house, 0, FIRST)
    (kept,) = house.head().document.resendable
    with pytest.raises(Refused, match="H112"):
        run_flow(house.context(), FLOW, Wanted.again(kept), SLOT + DAY)
    assert ids(house) == ["1"]


def test_a_name_that_comes_back_is_still_the_flows_own(house: House) -> None:
    night(house, 0, FIRST)
    was = house.head().document.spec.destination
    rename(house, "other.{ext}")
    night(house, 1, SECOND)
    assert ids(house) == ["1"]
    rename(house, was.spec.files.name)
    night(house, 2, [("5", "US")])
    assert ids(house) == ["5"]
    standing = house.head().document.standing
    assert standing is not None
    assert sorted(each.name for each in standing) == ["us/newest.csv", "us/other.csv"]


def rename(house: House, name: str) -> None:
    head = house.head()
    to = head.document.spec.destination
    files = to.spec.files.model_copy(update={"name": name})
    spec = head.document.spec.model_copy(
        update={"destination": to.model_copy(update={"spec": to.spec.model_copy(update={"files": files})})}
    )
    nonce = house.ledger.nonce()
    house.ledger.swap(
        head, transitions.updated(head.document, spec, rebuild=None, source_id="us", applied=APPLIED, nonce=nonce)
    )


def test_purge_deletes_the_file_once(house: House) -> None:
    night(house, 0, FIRST)
    night(house, 1, SECOND)
    gone = transitions.removed(house.head().document, purge=True, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(house.head(), gone)
    left = still_there(house.ledger, house.head().document)
    assert (left.runs, left.files, left.manifests) == (1, 1, 1)
    assert purge(house.context(), FLOW, SLOT) == 1
    assert visible(house) == []


def test_a_flow_that_comes_back_replaces_what_it_left(house: House) -> None:
    night(house, 0, FIRST)
    head = house.head()
    gone = transitions.removed(head.document, purge=False, applied=APPLIED, nonce=house.ledger.nonce())
    left = house.ledger.swap(head, gone)
    back = transitions.added(
        head.document.spec,
        owner="test",
        source_id="us",
        applied=APPLIED,
        nonce=house.ledger.nonce(),
        before=left.document,
    )
    house.ledger.swap(left, back)
    night(house, 1, SECOND)
    assert ids(house) == ["3", "4"]


def test_a_run_that_dies_at_any_effect_is_completed_by_the_next(tmp_path: Path) -> None:
    counted = fresh(tmp_path / "count")
    night(counted, 0, FIRST)
    bomb = Bomb(0, True)
    night(counted, 1, SECOND, mined(counted, bomb))
    assert bomb.count >= 10
    for at in range(1, bomb.count + 1):
        for before in (True, False):
            where = f"at effect {at}, before={before}"
            house = fresh(tmp_path / f"{at}-{before}")
            one = night(house, 0, FIRST)
            with pytest.raises(Crash):
                night(house, 1, SECOND, mined(house, Bomb(at, before)))
            assert ids(house) in (["1"], ["3", "4"]), where
            check_instant(house, where)
            house.tick += timedelta(hours=1)
            run_flow(house.context(), FLOW, Wanted(SLOT + DAY), SLOT + DAY)
            assert ids(house) == ["3", "4"], where
            check_instant(house, where)
            two = house.head().document.last_run
            assert two is not None
            assert visible(house) == [f"_manifest-{two.run_id}.json", "newest.csv"], where
            assert (house.staged(), list(house.store.list(keys.STAGED))) == ([], []), where
            recorded = house.ledger.read(RunRecord, keys.run(FLOW, two.slot, two.run_id))
            assert recorded is not None
            assert recorded.document.replaced == (one.run_id,), where


def test_a_late_runner_brings_nothing_back(house: House) -> None:
    """It decided, fell asleep, and wakes after the next run replaced the file that another had published for it."""
    night(house, 0, FIRST)
    house.put("a.csv", SECOND)
    context = house.context()
    asleep = replace(context, open_destination=lambda to: _Sleeper(context.open_destination(to), house))  # type: ignore[arg-type,return-value]
    told = run_flow(asleep, FLOW, Wanted(SLOT + DAY), SLOT + DAY)
    assert told is not None, "whoever completed it, it tells of what it decided"
    assert told.slot == SLOT + DAY
    assert ids(house) == ["1", "3"]
    last = house.head().document.last_run
    assert last is not None
    assert visible(house) == [f"_manifest-{last.run_id}.json", "newest.csv"]


class _Sleeper:
    """Wakes to publish after two others have: one this run, and one the next."""

    def __init__(self, real: object, house: House) -> None:
        self._real, self._house, self._slept = real, house, False

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def publish(self, file: object) -> object:
        if not self._slept:
            self._slept = True
            settle(self._house.context(), FLOW, SLOT + DAY)
            night(self._house, 2, [("1", "US"), ("3", "US")])
        return self._real.publish(file)  # type: ignore[attr-defined]
