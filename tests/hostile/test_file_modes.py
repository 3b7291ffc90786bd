"""Who may read what is written, under a umask that forbids nothing: ledger, saved plans and staged files are their owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.hostile.shop import LOCAL, Shop


def modes(folder: Path) -> dict[str, str]:
    """The permission bits of a folder and all below it, by path: `0o700`."""
    found = [folder, *folder.rglob("*")]
    return {str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode)) for path in found}


def open_to_others(folder: Path) -> list[str]:
    return [name for name, mode in modes(folder).items() if int(mode, 8) & 0o007]


def test_under_a_umask_of_nothing(tmp_path: Path) -> None:
    destination = LOCAL.replace("path: out", "path: for/them/out")
    shop = Shop(tmp_path / "shop").declare(ledger="file://kept/by/us/ledger", destination=destination)
    shop.put("a.csv", ["p1"])
    plan = tmp_path / "plan.json"
    at = "2054-12-01T00:00Z"
    assert shop("plan", "--out", plan, at=at, umask=0).code == 0
    assert modes(plan) == {".": "0o600"}
    assert shop("apply", plan, "--yes", at=at, umask=0).code == 0
    assert shop.night(1, umask=0).code == 0
    (shop.root / "for/them/out/us/exportTime=205412020200").write_text("in the way")
    assert shop.night(2, umask=0).codes() == {"D109"}

    ledger = modes(shop.root / "kept")
    files = {name: mode for name, mode in ledger.items() if (shop.root / "kept" / name).is_file()}
    assert any("staged/" in name for name in files)
    assert set(files.values()) == {"0o600"}, files
    assert {mode for name, mode in ledger.items() if name not in files} == {"0o700"}, ledger

    out = shop.root / "for/them/out"
    assert modes(out / ".reconciler-staging")["."] == "0o700"
    assert [path for path in (out / ".reconciler-staging").rglob("*") if path.is_file()]
    (out / "us/exportTime=205412020200").unlink()
    assert open_to_others(out) == []
    assert modes(out / "us/exportTime=205412010200")["."] == "0o750"
    assert not any(int(mode, 8) & 0o022 for mode in modes(shop.root / "for").values())


def test_a_plan_that_replaces_one_that_all_may_read(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    plan = tmp_path / "plan.json"
    plan.write_text("")
    plan.chmod(0o666)
    assert shop("plan", "--out", plan, at="2054-12-01T00:00Z", umask=0).code == 0
    assert modes(plan) == {".": "0o600"}


def test_a_plan_is_not_written_through_a_link_that_a_neighbour_left(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    shared, theirs = tmp_path / "shared", tmp_path / "theirs"
    shared.mkdir()
    theirs.write_text("keep this")
    (shared / "plan.json").symlink_to(theirs)
    shop("plan", "--out", shared / "plan.json", at="2054-12-01T00:00Z", umask=0)
    assert theirs.read_text() == "keep this"


def test_under_a_umask_that_forbids_all(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", ["p1"])
    assert shop("apply", "--yes", at="2054-12-01T00:00Z", umask=0o077).code == 0
    assert shop.night(1, umask=0o077).code == 0
    assert shop.received() == ["p1"]
    assert shop("verify", umask=0o077).code == 0
