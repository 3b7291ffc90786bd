"""Flows that read together share one look at one place; who was applied otherwise meanwhile reads by itself."""

from __future__ import annotations

from pathlib import Path

from reconciler.apply.together import Meeting
from reconciler.datasets.base import Files
from reconciler.export.together import SharingPolarsEngine
from reconciler.resources.effective import EffectiveSource
from tests.apply.fixtures_runs import SLOT, House


def moved(source: EffectiveSource) -> EffectiveSource:
    return source.model_copy(update={"dataset_spec": source.dataset_spec.model_copy(update={"location": "elsewhere"})})


def listed(files: Files) -> list[str]:
    return [each.path for each in files.listing(SLOT).pin.files]


def test_one_look_for_all(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    source = house.spec().source
    meeting = Meeting(SharingPolarsEngine(), 2, at_once=2)
    with meeting.member(house.context()) as one, meeting.member(house.context()) as two:
        assert listed(one.open_files(source)) == ["a.csv"]
        house.put("b.csv", [("2", "US")])
        assert listed(two.open_files(source)) == ["a.csv"]
        assert listed(house.context().open_files(source)) == ["a.csv", "b.csv"]


def test_who_was_applied_otherwise_meanwhile_is_not_waited_for_and_reads_its_own(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US")])
    source = house.spec().source
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.csv").write_text("prospect_id,country\n3,US\n")
    meeting = Meeting(SharingPolarsEngine(), 2, at_once=2)
    with meeting.member(house.context()) as one, meeting.member(house.context()) as two:
        assert listed(one.open_files(source)) == ["a.csv"]
        assert listed(two.open_files(moved(source))) == ["c.csv"]
        assert meeting._left == 1
