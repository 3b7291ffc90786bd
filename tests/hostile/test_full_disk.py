"""A full disk, at any moment: said by name, nothing half visible, and once there is room every row leaves exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.shop import LOCAL, Shop
from tests.hostile.small_disk import small_disk

MANY = [f"p{number:06}" for number in range(40_000)]
"""As CSV without compression, half a megabyte."""


def staged(shop: Shop) -> list[Path]:
    return [path for path in (shop.root / "out").glob(".reconciler-staging/**/*") if path.is_file()]


def whole(shop: Shop, ids: list[str]) -> None:
    """Every row once, as recorded, and nothing left over."""
    assert sorted(shop.received()) == sorted(ids)
    assert "open" not in shop.head()
    assert staged(shop) == []
    assert not list((shop.root / ".reconcile").rglob("staged/*.json"))
    found = shop("verify")
    assert (found.code, "all as recorded" in found.out) == (0, True), found.said


def nothing_visible(shop: Shop) -> None:
    names = [path.relative_to(shop.root) for path in (shop.root / "out").rglob("*") if path.is_file()]
    assert [name for name in names if not any(part.startswith(".") for part in name.parts)] == []


def test_while_staging(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", MANY)
    with small_disk(shop.root / "out") as disk:
        shop.apply()
        disk.limit(pages=20)
        found = shop.night(1)
        assert (found.code, found.codes()) == (1, {"D106"}), found.said
        assert "Make room on the disk" in found.err
        nothing_visible(shop)
        assert staged(shop) == []
        assert "open" not in shop.head()
        assert shop.head()["condition"]["code"] == "D106"
        disk.limit()
        assert shop.night(1).code == 0
        whole(shop, MANY)


def test_while_publishing(tmp_path: Path) -> None:
    """The files are staged and decided; what there is no room for is the folder that they go to."""
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", MANY)
    with small_disk(shop.root / "out") as disk:
        shop.apply()
        disk.limit(inodes=7)
        found = shop.night(1)
        assert (found.code, found.codes()) == (1, {"D106"}), found.said
        assert shop.head()["open"]["phase"] == "publishing"
        nothing_visible(shop)
        again = shop.night(1)
        assert (again.code, again.codes()) == (1, {"D106"}), again.said
        disk.limit()
        assert shop.night(1).code == 0
        whole(shop, MANY)


@pytest.mark.parametrize("shared", [False, True], ids=["the ledger's own disk", "one disk for all"])
def test_at_every_write_to_the_ledger(shared: bool, tmp_path: Path) -> None:
    """Each night there is room for one page more, until the night goes well: so that each write meets the full disk once."""
    destination = LOCAL.replace("path: out", "path: disk/out") if shared else LOCAL
    shop = Shop(tmp_path / "shop").declare(ledger="file://disk/ledger", destination=destination)
    with small_disk(shop.root / "disk") as disk:
        if shared:
            (shop.root / "out").symlink_to("disk/out")
        (shop.root / ".reconcile").mkdir()
        (shop.root / ".reconcile/ledger").symlink_to("../disk/ledger")
        shop.apply()
        sent: list[str] = []
        codes = set()
        for night in range(1, 29):
            new = [f"n{night}-{number}" for number in range(3)]
            shop.put(f"{night:02}.csv", new)
            sent += new
            disk.limit(pages=night - 1)
            found = shop.night(night)
            codes |= found.codes()
            if found.code == 0:
                break
            assert found.codes() <= {"L137", "D106", "L103"}, found.said
            assert found.code == (75 if "L103" in found.codes() else 1)
            disk.limit()
            shop("ledger", "release", "box/us")
            again = shop.night(night)
            assert again.code == 0, again.said
            assert sorted(shop.received()) == sorted(sent)
        assert night > 4, "the disk was never full"
        assert "L137" in codes
        disk.limit()
        whole(shop, sent)


def test_at_the_first_apply(tmp_path: Path) -> None:
    """A ledger, or a destination's marker, that is begun on a full disk is gone on with later."""
    shop = Shop(tmp_path / "shop").declare(
        ledger="file://disk/ledger", destination=LOCAL.replace("path: out", "path: disk/out")
    )
    shop.put("a.csv", ["p1"])
    with small_disk(shop.root / "disk") as disk:
        for inodes in range(12):
            disk.limit(inodes=inodes)
            found = shop("apply", "--yes", at="2054-12-01T00:00Z")
            if found.code == 0:
                break
            assert found.codes() & {"L137", "D106"}, found.said
        assert inodes > 3
        disk.limit()
        (shop.root / "out").symlink_to("disk/out")
        (shop.root / ".reconcile").mkdir()
        (shop.root / ".reconcile/ledger").symlink_to("../disk/ledger")
        assert shop("apply", "--yes", at="2054-12-01T00:00Z").code == 0
        assert shop.night(1).code == 0
        whole(shop, ["p1"])


def test_a_saved_plan(tmp_path: Path) -> None:
    """What was there stays, and no half plan is left."""
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", ["p1"])
    with small_disk(tmp_path / "plans") as disk:
        plan = tmp_path / "plans/plan.json"
        plan.write_text("an older one")
        disk.limit(pages=0)
        found = shop("plan", "--out", plan, at="2054-12-01T00:00Z")
        assert found.code not in (0, 2), found.said
        assert "No space left" in found.err
        assert plan.read_text() == "an older one"
        assert [path.name for path in plan.parent.iterdir()] == ["plan.json"]


# Without root: the process may not write files beyond a size, which the system says as it says a full disk -------------------


def test_files_may_not_grow_while_staging(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").declare()
    shop.put("a.csv", MANY)
    shop.apply()
    found = shop.night(1, largest=100_000)
    assert (found.code, found.codes()) == (1, {"D106"}), found.said
    assert "files.maxBytes" in found.err
    nothing_visible(shop)
    assert staged(shop) == []
    assert shop.night(1).code == 0
    whole(shop, MANY)


def test_files_may_not_grow_in_the_ledger(tmp_path: Path) -> None:
    """Documents are of different sizes: each limit stops another one."""
    shop = Shop(tmp_path / "shop").declare()
    sent: list[str] = []
    shop.apply()
    failed = 0
    for night, largest in enumerate((100, 400, 800, 1200, 1600, 2000, 2400, 2800, 3200, 3600), start=1):
        new = [f"n{night}"]
        shop.put(f"{night:02}.csv", new)
        sent += new
        found = shop.night(night, largest=largest)
        if found.code:
            failed += 1
            assert (found.code, found.codes()) == (1, {"L137"}), found.said
            shop("ledger", "release", "box/us")
            assert shop.night(night).code == 0
        assert sorted(shop.received()) == sorted(sent)
    assert failed > 2
    whole(shop, sent)
