"""Runs under strategy `diff`: what is compared with what, which snapshots stay, and what stops a run before anything is to be seen."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.apply.resend import find
from reconciler.apply.runs import Wanted, run_flow
from reconciler.apply.sweep import Sweep
from reconciler.errors import Refused, SourceError, StoreError
from reconciler.export.polars_engine import PolarsEngine
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, RunRecord
from reconciler.resources.activation import ExportGuard, Guards
from reconciler.resources.effective import ExportColumn, FlowSpec
from reconciler.values.changed import ChangeCounts
from reconciler.values.cursor import DiffCursor
from tests.apply.fixtures_runs import FLOW, SLOT, House

DAY = timedelta(days=1)
APPLIED = Applied(at=SLOT, by="test")


def comparing(house: House, **dataset: object) -> FlowSpec:
    """The house's flow, by primary key."""
    spec = house.spec()
    data = spec.source.dataset_spec.to_json() | {"primaryKey": ["prospect_id"]}
    data["incremental"] = {"strategy": "diff", "settle": "0s"}
    changed = type(spec.source.dataset_spec).model_validate(data | dataset)
    return spec.model_copy(update={"source": spec.source.model_copy(update={"dataset_spec": changed})})


@pytest.fixture
def house(tmp_path: Path) -> House:
    return begun(tmp_path)


def begun(folder: Path, **dataset: object) -> House:
    house = House(folder)
    house.put("0.csv", [("1", "US"), ("2", "US"), ("3", "DE")])
    house.found()
    spec = comparing(house, **dataset)
    house.apply(source=spec.source)
    return house


def night(house: House, number: int, **wanted: bool) -> RunRecord:
    slot = SLOT + number * DAY
    record = run_flow(house.context(), FLOW, Wanted(slot, **wanted), slot)
    assert record is not None
    return record


def snapshots(house: House) -> list[str]:
    return [key for key, _ in house.store.blobs("")]


def cursor(house: House) -> DiffCursor:
    found = house.head().document.cursor
    assert isinstance(found, DiffCursor)
    return found


def counted(added: int = 0, changed: int = 0, unchanged: int = 0, **removed: int) -> ChangeCounts:
    return ChangeCounts.model_validate({"added": added, "changed": changed, "unchanged": unchanged, "removed": removed})


def test_one_snapshot_is_kept_and_it_is_that_of_the_last_run(house: House) -> None:
    first = night(house, 0)
    assert snapshots(house) == [cursor(house).snapshot] == [keys.snapshot(first.run_id)]
    house.put("0.csv", [("1", "US"), ("3", "US")])
    second = night(house, 1)
    assert (first.kind, second.kind) == ("full", "increment")
    assert (first.changes, second.changes) == (counted(added=2), counted(added=1, unchanged=1, gone=1))
    assert snapshots(house) == [keys.snapshot(second.run_id)]
    assert house.received() == ["1", "2", "3"]


def test_the_salt_stays_with_the_flow(house: House) -> None:
    night(house, 0)
    salt = cursor(house).salt
    night(house, 1)
    night(house, 2, full=True, on_demand=True)
    assert cursor(house).salt == salt


def test_a_full_export_begins_anew(house: House) -> None:
    night(house, 0)
    house.put("0.csv", [("1", "US")])
    again = night(house, 1, full=True, on_demand=True)
    assert (again.kind, again.changes) == ("full", counted(added=1))
    assert snapshots(house) == [keys.snapshot(again.run_id)]
    assert night(house, 2).changes == counted(unchanged=1)


def test_other_columns_begin_anew(house: House) -> None:
    night(house, 0)
    columns = (*house.spec().columns, ExportColumn(column="country", name="country", type="string"))
    new = house.head().document.spec.model_copy(update={"columns": columns})
    swapped = transitions.updated(
        house.head().document, new, rebuild=None, source_id="us", applied=APPLIED, nonce=house.ledger.nonce()
    )
    house.ledger.swap(house.head(), swapped)
    record = night(house, 1)
    assert (record.kind, record.changes) == ("rebuild", counted(added=2))
    assert snapshots(house) == [keys.snapshot(record.run_id)]


def test_the_first_run_notes_what_is_there_where_the_backfill_is_none(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("0.csv", [("1", "US")])
    house.found()
    house.apply(source=comparing(house).source, backfill="none")
    assert (night(house, 0).changes, cursor(house).rows) == (counted(), 1)
    house.put("0.csv", [("1", "US"), ("2", "US")])
    assert night(house, 1).changes == counted(added=1, unchanged=1)
    assert house.received() == ["2"]


def test_nobody_has_left_a_place_without_files(tmp_path: Path) -> None:
    house = begun(tmp_path, minRows=0)
    night(house, 0)
    before = house.head().document.cursor
    (tmp_path / "data" / "0.csv").unlink()
    with pytest.raises(SourceError, match="F125"):
        night(house, 1)
    assert house.head().document.cursor == before
    house.put("0.csv", [])
    assert night(house, 2).changes == counted(gone=2)


def test_a_source_that_is_too_small_removes_nobody(house: House) -> None:
    night(house, 0)
    house.put("0.csv", [])
    with pytest.raises(SourceError, match=r"F117 .*younger than settle aren't counted"):
        night(house, 1)
    assert snapshots(house) == [cursor(house).snapshot]


def test_a_file_that_is_still_written_stops_the_run(tmp_path: Path) -> None:
    house = begun(tmp_path)
    night(house, 0)
    dataset = house.head().document.spec.source.dataset_spec.to_json()
    dataset["incremental"] = {"strategy": "diff", "settle": "1h"}
    source = house.head().document.spec.source
    source = source.model_copy(update={"dataset_spec": type(source.dataset_spec).model_validate(dataset)})
    new = house.head().document.spec.model_copy(update={"source": source})
    swapped = transitions.updated(
        house.head().document, new, rebuild=None, source_id="us", applied=APPLIED, nonce=house.ledger.nonce()
    )
    house.ledger.swap(house.head(), swapped)
    now = house.tick.timestamp()
    os.utime(tmp_path / "data" / "0.csv", (now, now))
    with pytest.raises(SourceError, match="F124"):
        run_flow(house.context(), FLOW, Wanted(SLOT + DAY), house.tick)
    assert snapshots(house) == [cursor(house).snapshot]


def test_a_limit_on_removals_holds_the_run_and_nothing_moves(tmp_path: Path) -> None:
    house = House(tmp_path, guards=Guards(export=ExportGuard(max_removed="40%")))
    house.put("0.csv", [("1", "US"), ("2", "US")])
    house.found()
    house.apply(source=comparing(house).source)
    night(house, 0)
    before = cursor(house)
    house.put("0.csv", [("1", "US")])
    with pytest.raises(Refused, match="maxRemoved"):
        night(house, 1)
    assert cursor(house) == before
    assert snapshots(house) == [before.snapshot]


@pytest.mark.parametrize("harm", ["gone", "another"])
def test_a_snapshot_that_is_not_what_it_was_stops_the_run(tmp_path: Path, harm: str) -> None:
    house = begun(tmp_path)
    night(house, 0)
    before = cursor(house)
    house.store.delete_blob(before.snapshot)
    if harm == "another":
        (tmp_path / "other").write_bytes(b"PAR1")
        house.store.write_blob(before.snapshot, tmp_path / "other")
    with pytest.raises(StoreError, match="L143"):
        night(house, 1)
    assert len(house.received()) == 2
    assert night(house, 2, full=True, on_demand=True).changes == counted(added=2)


def test_a_comparison_is_not_sent_again(house: House) -> None:
    record = night(house, 0)
    with pytest.raises(Refused):
        find(house.head().document, record.run_id)
    assert house.head().document.resendable == ()


def test_a_snapshot_that_no_head_names_is_swept_and_no_other(house: House, tmp_path: Path) -> None:
    night(house, 0)
    (tmp_path / "orphan").write_bytes(b"x")
    house.store.write_blob(keys.snapshot("r9999999999999999"), tmp_path / "orphan")
    sweep = Sweep.begin(house.ledger)
    house.store.write_blob(keys.snapshot("r8888888888888888"), tmp_path / "orphan")
    assert sweep.finish(house.ledger.actual()) is None
    assert snapshots(house) == sorted([cursor(house).snapshot, keys.snapshot("r8888888888888888")])


def _while_comparing(house: House, act: Callable[[], None]) -> PolarsEngine:
    """An engine that lets something happen before it compares."""

    class Watched(PolarsEngine):
        def export_changes(self, *arguments, **named):  # type: ignore[no-untyped-def]
            act()
            return super().export_changes(*arguments, **named)

    return Watched()


def test_a_full_disk_is_said_and_nothing_is_decided(house: House) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    context = house.context(engine=_while_comparing(house, full))
    with pytest.raises(SourceError, match="F126"):
        run_flow(context, FLOW, Wanted(SLOT), SLOT)
    assert house.received() == []
    assert house.head().document.open is None


def test_a_sweep_leaves_what_an_open_run_needs(house: House) -> None:
    night(house, 0)
    before = cursor(house).snapshot

    def sweep() -> None:
        assert Sweep.begin(house.ledger).finish(house.ledger.actual()) is None
        assert snapshots(house) == [before]

    context = house.context(engine=_while_comparing(house, sweep))
    record = run_flow(context, FLOW, Wanted(SLOT + DAY), SLOT + DAY)
    assert record is not None
    assert record.changes == counted(unchanged=2)
