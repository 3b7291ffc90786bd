"""Purging: all of a removed flow's files, manifests first, nothing of anybody else; what fails stays owed and is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.purge import purge
from reconciler.apply.recorded import runs_of, still_there
from reconciler.apply.runs import Wanted, run_flow
from reconciler.destinations.base import Destination
from reconciler.destinations.errors import failure
from reconciler.errors import DestinationError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, FlowHead, StillThere, Unremoved
from tests.apply.fixtures_runs import FLOW, SLOT, House

APPLIED = Applied(at=SLOT, by="test")
DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.apply()
    night(house, 1)
    night(house, 2)
    return house


def night(house: House, number: int) -> None:
    house.put(f"{number}.csv", [(str(number), "US")])
    assert run_flow(house.context(), FLOW, Wanted(SLOT + number * DAY), SLOT + number * DAY)


def swap(house: House, new: FlowHead) -> None:
    house.ledger.swap(house.head(), new)


def remove(house: House, *, purged: bool = True) -> None:
    swap(house, transitions.removed(house.head().document, purge=purged, applied=APPLIED, nonce=house.ledger.nonce()))


@dataclass
class Watched:
    """A destination whose deletions are noted; names that hold `broken` can't be deleted."""

    real: Destination
    deleted: list[str] = field(default_factory=list)
    broken: str = "nothing"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def delete(self, names: Any) -> None:
        for name in names:
            if self.broken in name:
                raise failure("D105", f"{name}: the store hung up.", permanent=False)
            self.real.delete([name])
            self.deleted.append(name)


def watched(house: House, broken: str = "nothing") -> tuple[Any, Watched]:
    destination = Watched(house.context().open_destination(house.spec().destination), broken=broken)
    return house.context(open_destination=lambda _: destination), destination


def files(house: House) -> list[str]:
    return [path.name for path in (house.root / "out").rglob("*") if path.is_file() and path.name[0] != "."]


def test_a_manifest_goes_before_its_files(house: House) -> None:
    remove(house)
    context, destination = watched(house)
    assert purge(context, FLOW, SLOT) == 2
    assert [name.rpartition("/")[2][:4] for name in destination.deleted] == ["_man", "part", "_man", "part"]
    assert files(house) == []
    assert not house.head().document.purge


def test_what_cannot_be_deleted_stays_owed_and_is_said(house: House) -> None:
    remove(house)
    context, _ = watched(house, broken="exportTime=205412030200/part-")
    with pytest.raises(DestinationError, match=r"H120 .* 1 of 2 runs .* D105") as caught:
        purge(context, FLOW, SLOT)
    assert not caught.value.permanent
    assert house.received() == ["1"]
    with pytest.raises(DestinationError, match=r"H120 .* 1 of 2 runs"):
        purge(context, FLOW, SLOT + DAY)
    left = house.head().document
    assert (left.purge, left.unpurged) == (True, why(left, SLOT, SLOT + DAY, 2))
    assert [run.removed_by for run in runs_of(house.ledger, left)] == [None, "purge"]
    assert purge(house.context(), FLOW, SLOT + 2 * DAY) == 1
    assert files(house) == []
    assert (house.head().document.purge, house.head().document.unpurged) == (False, None)


def why(head: FlowHead, since: datetime, at: datetime, attempts: int) -> Unremoved:
    assert head.unpurged is not None
    assert head.unpurged.code == "H120"
    assert "D105" in head.unpurged.detail
    return head.unpurged.model_copy(update={"since": since, "at": at, "attempts": attempts})


def test_files_that_an_earlier_flow_of_the_name_left_on_purpose_stay(house: House) -> None:
    remove(house, purged=False)
    head = transitions.added(
        house.spec(), owner="test", source_id="us", applied=APPLIED, nonce="n", before=house.head().document
    )
    swap(house, head)
    night(house, 3)
    assert house.received()[-1] == "3"
    remove(house)
    purge(house.context(), FLOW, SLOT)
    assert house.received() == ["1", "2"]


def test_files_exported_under_an_earlier_name_go_too(house: House) -> None:
    old = house.head()
    spec = house.spec(source=house.spec().source.model_copy(update={"name": "usa"}))
    new = transitions.moved_here(old.document, spec, applied=APPLIED, nonce=house.ledger.nonce())
    swap(house, transitions.moved_away(old.document, new.flow, applied=APPLIED, nonce=house.ledger.nonce()))
    house.ledger.create(keys.flow(new.flow_id), new)
    house.put("3.csv", [("3", "US")])
    assert run_flow(house.context(), new.flow_id, Wanted(SLOT + 3 * DAY), SLOT + 3 * DAY)
    found = house.ledger.head(new.flow_id)
    assert found is not None
    gone = transitions.removed(found.document, purge=True, applied=APPLIED, nonce=house.ledger.nonce())
    house.ledger.swap(found, gone)
    assert purge(house.context(), new.flow_id, SLOT) == 3
    assert files(house) == []


def test_what_a_purge_deletes_is_counted_before(house: House) -> None:
    head = house.head().document
    size = sum(path.stat().st_size for path in (house.root / "out").rglob("part-*"))
    found = still_there(house.ledger, head)
    assert found == StillThere(runs=2, files=2, manifests=2, rows=2, size=size)
    remove(house)
    context, destination = watched(house, broken="exportTime=205412030200/part-")
    with pytest.raises(DestinationError, match="H120"):
        purge(context, FLOW, SLOT)
    assert len(destination.deleted) == 3
    left = still_there(house.ledger, house.head().document)
    assert (left.runs, left.files, left.rows) == (1, 1, 1)
    purge(house.context(), FLOW, SLOT)
    assert still_there(house.ledger, house.head().document).runs == 0
