"""What leaves under strategy `diff`: over any history, what a reader has who follows is the audience of now, to the row."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import AccountError, Refused, StoreError
from reconciler.export.changes import compare, snapshot, spill
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files
from reconciler.values.changed import ChangeCounts
from tests.export.changes.support_changes import (
    COLUMNS,
    NOW,
    Arrived,
    Flow,
    Reader,
    Removed,
    consent,
    declared,
    expired_before,
    person,
)


def counted(added: int = 0, changed: int = 0, unchanged: int = 0, **removed: int) -> ChangeCounts:
    return ChangeCounts.model_validate({"added": added, "changed": changed, "unchanged": unchanged, "removed": removed})


def told(arrived: Arrived) -> Counter[tuple[str, str]]:
    return Counter((row["operation"], row["key"]) for row in arrived.rows)


def test_the_first_run_is_everything_and_a_second_over_the_same_nothing(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1), person(2)], [person(3)])
    first = flow.run()
    assert told(first) == Counter({("added", f"p{n}"): 1 for n in (1, 2, 3)})
    assert (first.result.changes, first.result.rows) == (counted(added=3), 3)
    second = flow.run()
    assert (second.rows, second.result.export.files) == ([], ())
    assert second.result.changes == counted(unchanged=3)
    assert (second.result.export.read, second.result.export.matched) == (3, 3)


def test_added_changed_and_removed_as_tombstones(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1), person(2), person(3)])
    flow.run()
    flow.put([person(2, score=7), person(3), person(4)])
    arrived = flow.run()
    assert arrived.result.changes == counted(added=1, changed=1, unchanged=1, gone=1)
    assert sorted(arrived.rows, key=lambda row: str(row["key"])) == [
        {"mail": None, "key": "p1", "score": None, "operation": "removed"},
        {"mail": "2@x.de", "key": "p2", "score": 7, "operation": "changed"},
        {"mail": "4@x.de", "key": "p4", "score": 1, "operation": "added"},
    ]
    assert arrived.removed == []


def test_removed_in_files_of_their_own_with_the_reason(tmp_path: Path) -> None:
    flow = Flow(tmp_path, removed="folder")
    flow.put([person(n) for n in range(1, 8)])
    flow.run()
    old = NOW - timedelta(days=40)
    flow.put([person(1, consent="no"), person(2, score=9), person(3, seen=old), person(4), person(5), person(6)])
    arrived = flow.run(
        where="score < 5", suppressed=["4@x.de"], consent=consent(), expiry=expired_before(25), output=Files(max_rows=2)
    )
    assert sorted((row["key"], row["reason"]) for row in arrived.removed) == [
        ("p1", "consent"),
        ("p2", "filter"),
        ("p3", "expired"),
        ("p4", "suppressed"),
        ("p7", "gone"),
    ]
    assert set(arrived.removed[0]) == {"key", "reason"}
    assert arrived.rows == []
    assert [each.rows for each in arrived.result.removed] == [2, 2, 1]
    assert all(each.removed for each in arrived.result.removed)
    assert arrived.result.changes.removed == {"consent": 1, "filter": 1, "expired": 1, "suppressed": 1, "gone": 1}
    assert arrived.result.export.excluded == {"expired": 1, "consent": 1, "suppressed": 1}


def test_whoever_loses_a_required_value_leaves(tmp_path: Path) -> None:
    columns = (COLUMNS[1], ExportColumn(column="email", name="mail", type="string", required=True))
    flow = Flow(tmp_path, removed="folder", columns=columns)
    flow.put([person(1), person(2)])
    flow.run()
    flow.put([person(1, email=""), person(2)])
    arrived = flow.run()
    assert arrived.removed == [{"key": "p1", "reason": "missing"}]
    assert arrived.result.export.excluded == {"missing": 1}


def test_rows_of_one_key_are_counted_as_exports_do(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put(
        [person(1, score=1), person(1, score=2), person(None), person(2, consent="no"), person(2), person(3, score=9)]
    )
    arrived = flow.run(where="score < 5", consent=consent())
    assert sorted((row["key"], row["score"]) for row in arrived.rows) == [("p1", 2), ("p2", 1)]
    export = arrived.result.export
    assert (export.read, export.matched) == (6, 5)
    assert export.excluded == {"consent": 1, "missing": 1, "duplicate": 1}


def test_who_left_is_counted_where_nobody_is_told(tmp_path: Path) -> None:
    flow = Flow(tmp_path, removed="ignore")
    flow.put([person(1), person(2)])
    flow.run()
    flow.put([person(2)])
    arrived = flow.run()
    assert (arrived.rows, arrived.removed) == ([], [])
    assert arrived.result.changes == counted(unchanged=1, gone=1)
    assert flow.snapshot is not None
    assert pq.read_schema(flow.snapshot).names == ["a", "b", "r"]


def test_no_key_and_no_address_stands_in_a_snapshot(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(n, id=f"person-number-{n}") for n in range(50)])
    flow.run()
    assert flow.snapshot is not None
    body = flow.snapshot.read_bytes()
    assert b"person-number" not in body
    assert b"@x.de" not in body


def test_nothing_leaves_of_what_is_there_where_the_backfill_is_none(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1), person(2)])
    first = flow.run(nothing_leaves=True)
    assert (first.rows, first.result.changes, first.result.rows) == ([], counted(), 2)
    flow.put([person(1, score=2), person(3)])
    assert told(flow.run()) == Counter({("changed", "p1"): 1, ("removed", "p2"): 1, ("added", "p3"): 1})


def test_a_snapshot_begun_anew_tells_everybody_as_added_and_nobody_as_removed(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1), person(2)])
    flow.run()
    flow.put([person(2)])
    assert told(flow.run(anew=True)) == Counter({("added", "p2"): 1})


def test_a_null_is_no_empty_text_and_values_do_not_run_into_each_other(tmp_path: Path) -> None:
    columns = (COLUMNS[1], COLUMNS[0], ExportColumn(column="consent", name="consent", type="string"))
    flow = Flow(tmp_path, columns=columns)
    flow.put([person(1, email=None), person(2, email="ab", consent="c"), person(3, email="1:", consent="")])
    flow.run()
    flow.put([person(1, email=""), person(2, email="a", consent="bc"), person(3, email="1", consent=":")])
    assert flow.run().result.changes == counted(changed=3)


def test_a_key_of_several_columns_leaves_whole(tmp_path: Path) -> None:
    flow = Flow(tmp_path, removed="folder", dataset=declared(primaryKey=["id", "score"]))
    flow.put([person(1, score=11), person(11, score=1), person(1, score=1)])
    assert flow.run().result.changes == counted(added=3)
    flow.put([person(1, score=1)])
    removed = flow.run().removed
    assert sorted((row["key"], row["score"]) for row in removed) == [("p1", 11), ("p11", 1)]


def test_another_secret_is_refused_before_anything_leaves(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1)])
    flow.run()
    flow.secret = "another secret that is long"
    with pytest.raises(Refused, match="H116") as refused:
        flow.run()
    assert "another secret" not in str(refused.value)
    assert not (tmp_path / "out-2").exists()
    assert told(flow.run(anew=True)) == Counter({("added", "p1"): 1})


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    flow = Flow(tmp_path, secret="short")
    flow.put([person(1)])
    with pytest.raises(AccountError, match="A107"):
        flow.run()


def test_a_snapshot_of_another_run_is_refused(tmp_path: Path) -> None:
    flow = Flow(tmp_path)
    flow.put([person(1)])
    flow.run()
    assert flow.previous is not None
    flow.previous = flow.previous.model_copy(update={"run_id": "r9999999999999999"})
    with pytest.raises(StoreError, match="L143"):
        flow.run()


def test_one_pin_gives_the_same_files(tmp_path: Path) -> None:
    hashes = []
    for name in ("a", "b"):
        flow = Flow(tmp_path / name)
        flow.put([person(n) for n in range(40)])
        flow.run()
        flow.put([person(n, score=n % 3) for n in range(20, 60)])
        hashes.append([each.sha256 for each in flow.run().result.export.files])
    assert hashes[0] == hashes[1]


class Step(NamedTuple):
    """What the dataset holds, in files, and the rules of the run."""

    files: list[list[dict[str, Any]]]
    least: int
    suppressed: list[str]
    consenting: bool
    days: int


people = st.builds(
    lambda number, score, email, agreed, age: person(
        number,
        score=score,
        email=f"{email}@x.de",
        consent="yes" if agreed else "no",
        seen=NOW - timedelta(days=age),
    ),
    st.one_of(st.integers(0, 9), st.integers(0, 9), st.none()),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 3),
)
steps = st.builds(
    Step,
    st.lists(st.lists(people, max_size=8), min_size=1, max_size=3),
    st.integers(0, 2),
    st.lists(st.integers(0, 3).map(lambda n: f"{n}@x.de"), max_size=2),
    st.booleans(),
    st.integers(1, 4),
)


def audience(step: Step, latest: bool) -> dict[str, dict[str, Any]]:
    """Who the reader should have, by the words of the definition."""
    rows = [row for file in step.files for row in file if row["id"] is not None]
    wanted: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not latest and row["score"] < step.least:
            continue
        before = wanted.get(row["id"])
        if before is None or not latest or row["seen"] >= before["seen"]:
            wanted[row["id"]] = row
    stays = {
        key: row
        for key, row in wanted.items()
        if row["score"] >= step.least
        and row["email"] not in step.suppressed
        and (not step.consenting or row["consent"] == "yes")
        and row["seen"] > NOW - timedelta(days=step.days)
    }
    return {key: {"mail": row["email"], "key": key, "score": row["score"]} for key, row in stays.items()}


@pytest.mark.parametrize("latest", [False, True], ids=["last", "latest"])
@pytest.mark.parametrize("removed", ["tombstone", "folder"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=2, max_size=4))
def test_over_any_history_a_reader_has_the_audience_of_now(
    removed: Removed, latest: bool, history: Sequence[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in ((spill, "BUCKET", 2), (compare, "BUCKET", 2), (snapshot, "GROUP", 2)):
        monkeypatch.setattr(module, name, value)
    reader = Reader()
    with tempfile.TemporaryDirectory() as folder:
        flow = Flow(Path(folder), removed, declared(latestBy="seen") if latest else declared())
        for step in history:
            flow.put(*step.files)
            held = len(reader.has)
            arrived = flow.run(
                where=f"score >= {step.least}",
                suppressed=step.suppressed,
                consent=consent() if step.consenting else None,
                expiry=expired_before(step.days),
            )
            before = dict(reader.has)
            reader.receives(arrived)
            now = audience(step, latest)
            assert reader.has == now
            changes = arrived.result.changes
            assert changes.held == held
            assert changes.added == len(now.keys() - before.keys())
            assert changes.total_removed == len(before.keys() - now.keys())
            assert changes.unchanged == sum(before.get(key) == row for key, row in now.items())
            assert arrived.result.rows == len(now)
            assert arrived.result.export.matched - sum(arrived.result.export.excluded.values()) == len(now)


def test_digests_are_the_same_for_ever(tmp_path: Path) -> None:
    flow = Flow(tmp_path, removed="ignore")
    flow.put([person(1)])
    flow.run()
    assert flow.snapshot is not None
    assert pq.read_table(flow.snapshot).to_pylist() == [
        {"a": 4061849554814963660, "b": 18346455823623329902, "r": 5853452689157480182}
    ]
