"""A look at destinations over real folders: what isn't as recorded is told, and nothing is mended on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconciler.apply.look import look
from reconciler.apply.runs import Wanted, run_flow
from reconciler.destinations.base import OWNER_MARKER, Capabilities
from reconciler.destinations.errors import failure
from reconciler.destinations.local import LocalDestination
from reconciler.ledger import keys
from reconciler.ledger.observed import Observed, SeenDestination
from reconciler.ledger.records import Applied, DestinationRecord, ProjectRecord
from reconciler.plan.selection import Selection
from reconciler.resources.effective import fingerprint
from tests.apply.fixtures_runs import FLOW, SLOT, House

BY = Applied(at=SLOT, by="test")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A destination and one flow, applied and exported."""
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "US")])
    house.apply()
    project = ProjectRecord(
        nonce="n", format_version=1, lineage="line", simulated=False, serial=1, created_at=SLOT, owners={"test": BY}
    )
    house.ledger.create(keys.PROJECT, project)
    to = house.spec().destination
    record = DestinationRecord(
        nonce="n",
        name="box",
        owner="test",
        spec=to,
        fingerprint=fingerprint(to),
        generation=1,
        protected=False,
        applied=BY,
    )
    house.ledger.create(keys.destination("box"), record)
    house.context().open_destination(to).claim_owner("line")
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is not None
    return house


def seen(house: House, owner: str = "test", select: tuple[str, ...] | None = None) -> Observed:
    return look(house.ledger, house.ledger.actual(), owner, Selection(select), house.context().open_destination)


def files(house: House) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(house.root.rglob("*")) if path.is_file()}


def part(house: House) -> Path:
    (found,) = (house.root / "out").rglob("part-*.csv")
    return found


def test_as_recorded(house: House) -> None:
    before = files(house)
    found = seen(house)
    assert found.destinations == (SeenDestination(name="box", reached=True, readable=True, marker="line"),)
    (export,) = found.exports
    assert (export.flow, export.files, export.missing, export.changed, export.error) == (str(FLOW), 2, (), (), None)
    assert files(house) == before


def test_a_file_that_was_taken_away(house: House) -> None:
    name = part(house).relative_to(house.root / "out")
    part(house).unlink()
    (export,) = seen(house).exports
    assert (export.missing, export.changed) == ((str(name),), ())


def test_a_file_of_another_size_and_a_manifest_that_says_something_else(house: House) -> None:
    part(house).write_text("id\n1\n")
    (manifest,) = (house.root / "out").rglob("_manifest-*")
    manifest.write_text(manifest.read_text().replace('"rows": 2', '"rows": 3'))
    (export,) = seen(house).exports
    assert export.missing == ()
    assert sorted(each.rpartition("/")[2][:5] for each in export.changed) == ["_mani", "part-"]


def test_a_manifest_that_is_gone(house: House) -> None:
    (manifest,) = (house.root / "out").rglob("_manifest-*")
    manifest.unlink()
    (export,) = seen(house).exports
    assert [each.rpartition("/")[2] for each in export.missing] == [manifest.name]


def test_a_folder_that_is_gone_is_not_made_again(house: House) -> None:
    shutil.rmtree(house.root / "out")
    found = seen(house)
    (place,) = found.destinations
    assert (place.reached, (place.error or "").partition(" ")[0]) == (False, "D102")
    assert not (house.root / "out").exists()
    (export,) = found.exports
    assert len(export.missing) == 2 or export.error is not None


def test_nothing_is_written_where_the_marker_is_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.root / "out" / OWNER_MARKER).unlink()
    monkeypatch.setattr(LocalDestination, "probe", None)
    found = seen(house)
    assert found.destinations == (SeenDestination(name="box", reached=True, readable=True, marker=None),)


def test_nothing_is_written_at_another_ledgers_destination(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = house.root / "out" / OWNER_MARKER
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "lineage": "theirs"}))
    monkeypatch.setattr(LocalDestination, "probe", None)
    found = seen(house)
    assert found.destinations == (SeenDestination(name="box", reached=True, readable=True, marker="theirs"),)


def test_a_destination_that_cant_be_written_to(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_: LocalDestination) -> None:
        raise failure("D104", "s3:PutObject is denied.")

    monkeypatch.setattr(LocalDestination, "probe", denied)
    (place,) = seen(house).destinations
    assert (place.reached, place.marker) == (True, "line")
    assert place.error is not None
    assert place.error.startswith("D104 ")
    assert "s3:PutObject is denied." in place.error


def test_a_destination_that_cant_be_reached(house: House) -> None:
    shutil.rmtree(house.root / "out")
    (house.root / "out").write_text("a file")
    found = seen(house)
    (place,) = found.destinations
    assert (place.reached, place.error is not None) == (False, True)
    (export,) = found.exports
    assert export.error is not None


def test_where_nothing_can_be_read_only_writing_is_tried(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    blind = property(lambda _: Capabilities(readable=False, deletable=False))
    monkeypatch.setattr(LocalDestination, "capabilities", blind)
    monkeypatch.setattr(LocalDestination, "owner", None)
    found = seen(house)
    assert found.destinations == (SeenDestination(name="box", reached=True, readable=False),)
    assert found.exports == ()


def test_only_what_is_ours_and_asked_for(house: House) -> None:
    assert seen(house, owner="other") == Observed()
    assert seen(house, select=("nope",)) == Observed()
    assert len(seen(house, select=("box",)).exports) == 1
    only = seen(house, select=("box/us",))
    assert (len(only.destinations), len(only.exports)) == (0, 1)


def test_a_lost_run_document_is_the_ledgers_error(house: House) -> None:
    last = house.head().document.last_run
    assert last
    key = keys.run(FLOW, last.slot, last.run_id)
    found = house.ledger.store.read(key)
    assert found
    house.ledger.delete(key, found.version)
    from reconciler.errors import StoreError

    with pytest.raises(StoreError, match="L113"):
        seen(house)
