"""`files.retain` on the command line: what was deleted is told, what couldn't be ends the call with a code of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.support import Reconcile, simulated_shop

NIGHTS = [f"2054-12-{day:02}T02:00Z" for day in (1, 2, 3, 4)]


@pytest.fixture
def shop(tmp_path: Path, reconcile: Reconcile) -> Path:
    folder = simulated_shop(tmp_path / "shop", reconcile)
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  mode: full\n  files: {retain: 2}\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    return folder


def folders(shop: Path) -> list[str]:
    return sorted(path.name for path in (shop / "out").rglob("exportTime=*"))


def test_a_run_deletes_and_tells(shop: Path, reconcile: Reconcile) -> None:
    for night in NIGHTS[:2]:
        assert "deleted" not in reconcile("-C", shop, "run", "--at", night).out
    found = reconcile("-C", shop, "run", "--at", NIGHTS[2])
    assert (found.code, "1 older export deleted · 1 file" in found.out, "1 exported · 1 thinned" in found.out) == (
        0,
        True,
        True,
    )
    assert folders(shop) == ["exportTime=205412020200", "exportTime=205412030200"]
    status = json.loads(reconcile("-C", shop, "status", "--format", "json").out)
    assert status["flows"][0]["retain"] == {"keep": 2, "removed": 1, "problem": None}
    verified = reconcile("-C", shop, "verify")
    assert (verified.code, "1 run whose files were deleted (files.retain)" in verified.out) == (0, True)


def test_an_apply_deletes_what_a_shorter_time_keeps_no_more(shop: Path, reconcile: Reconcile) -> None:
    for night in NIGHTS[:2]:
        reconcile("-C", shop, "run", "--at", night)
    activation = shop / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("retain: 2", "retain: 1"))
    found = reconcile("-C", shop, "apply", "--yes", "--at", "2054-12-02T03:00Z")
    assert "2  →  1" in found.out
    assert (found.code, "1 older export deleted" in found.out) == (0, True)
    assert folders(shop) == ["exportTime=205412020200"]


def test_what_fails_is_told_and_the_rest_done(shop: Path, reconcile: Reconcile) -> None:
    for night in NIGHTS[:2]:
        reconcile("-C", shop, "run", "--at", night)
    (part,) = (shop / "out").rglob("exportTime=205412010200/part-*")
    part.rename(part.with_name("aside"))
    part.mkdir()
    found = reconcile("-C", shop, "run", "--at", NIGHTS[2])
    assert (found.code, "H121" in found.err) == (6, True)
    assert "H121" in reconcile("-C", shop, "status").out
    part.rmdir()
    part.with_name("aside").rename(part)
    found = reconcile("-C", shop, "run", "--at", "2054-12-03T03:00Z")
    assert (found.code, "1 older export deleted" in found.out) == (0, True)
