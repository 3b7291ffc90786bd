"""Local datasets: what is listed, what waits, what is refused, what counts as changed."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.datasets.local import LocalFiles
from reconciler.datasets.open import open_dataset
from reconciler.errors import SourceError
from reconciler.resources.dataset import DatasetSpec

NOW = datetime(2054, 12, 1, 12, tzinfo=UTC)


def at(path: Path, age: timedelta, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    stamp = (NOW - age).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def files(root: Path, settle: timedelta = timedelta(minutes=5)) -> LocalFiles:
    return LocalFiles(root, "data", "parquet", settle)


def code(root: Path) -> str:
    with pytest.raises(SourceError) as caught:
        files(root).listing(NOW)
    return caught.value.code


def test_lists_all_data_files_sorted_by_path(tmp_path: Path) -> None:
    for name in (
        "b.parquet",
        "a.parquet",
        "day=2/x.parquet",
        "day=10/x.parquet",
        "_SUCCESS",
        ".a.crc",
        "_tmp/c.parquet",
    ):
        at(tmp_path / name, timedelta(hours=1), name.encode())
    listing = files(tmp_path).listing(NOW)
    assert [file.path for file in listing.pin.files] == [
        "a.parquet",
        "b.parquet",
        "day=10/x.parquet",
        "day=2/x.parquet",
    ]
    assert [file.size for file in listing.pin.files] == [9, 9, 16, 15]
    assert listing.modified["a.parquet"] == NOW - timedelta(hours=1)
    assert listing.unsettled == ()


def test_young_files_wait(tmp_path: Path) -> None:
    at(tmp_path / "old.parquet", timedelta(minutes=6))
    at(tmp_path / "edge.parquet", timedelta(minutes=5))
    at(tmp_path / "young.parquet", timedelta(minutes=4))
    at(tmp_path / "future.parquet", timedelta(minutes=-60))
    listing = files(tmp_path).listing(NOW)
    assert [file.path for file in listing.pin.files] == ["edge.parquet", "old.parquet"]
    assert listing.unsettled == ("future.parquet", "young.parquet")


def test_one_file_is_a_location_too(tmp_path: Path) -> None:
    one = at(tmp_path / "all.parquet", timedelta(hours=1))
    opened = files(one)
    (pinned,) = opened.listing(NOW).pin.files
    assert pinned.path == ""
    assert opened.access().uri(pinned.path) == str(one)
    assert opened.changed([pinned]) == ()
    one.write_bytes(b"other")
    assert opened.changed([pinned]) == ("all.parquet",)


def test_missing_and_empty_are_different(tmp_path: Path) -> None:
    assert code(tmp_path / "nowhere") == "F101"
    assert files(tmp_path).listing(NOW).pin.files == ()


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.parquet")
    assert code(tmp_path) == "F102"


def test_unexpected_name_is_refused(tmp_path: Path) -> None:
    at(tmp_path / "notes.txt", timedelta(hours=1))
    assert code(tmp_path) == "F102"


def test_links(tmp_path: Path) -> None:
    outside = at(tmp_path / "outside" / "x.parquet", timedelta(hours=1))
    root = tmp_path / "root"
    hidden = at(root / "..2026" / "a.parquet", timedelta(hours=1))
    (root / "..data").symlink_to("..2026")
    (root / "a.parquet").symlink_to("..data/a.parquet")
    assert [file.path for file in files(root).listing(NOW).pin.files] == ["a.parquet"]

    again = root / "again.parquet"
    again.symlink_to(hidden)
    assert code(root) == "F103"
    again.unlink()
    again.symlink_to(outside)
    assert code(root) == "F103"
    again.unlink()
    again.symlink_to("nowhere")
    assert code(root) == "F103"
    again.unlink()
    (root / "folder").symlink_to(root / "..2026")
    assert code(root) == "F103"


def test_a_link_to_a_listed_file_is_refused(tmp_path: Path) -> None:
    at(tmp_path / "a.parquet", timedelta(hours=1))
    (tmp_path / "b.parquet").symlink_to("a.parquet")
    assert code(tmp_path) == "F103"


def test_the_location_itself_may_be_a_link(tmp_path: Path) -> None:
    at(tmp_path / "real" / "a.parquet", timedelta(hours=1))
    (tmp_path / "link").symlink_to("real")
    assert len(files(tmp_path / "link").listing(NOW).pin.files) == 1


@pytest.mark.parametrize("how", ["rewritten in place", "replaced", "gone", "touched"])
def test_changed(tmp_path: Path, how: str) -> None:
    at(tmp_path / "same.parquet", timedelta(hours=1))
    path = at(tmp_path / "a.parquet", timedelta(hours=1), b"one")
    opened = files(tmp_path)
    pinned = opened.listing(NOW).pin.files
    assert opened.changed(pinned) == ()
    match how:
        case "rewritten in place":
            path.write_bytes(b"two")
        case "replaced":
            new = at(tmp_path / ".new", timedelta(hours=1), b"two")
            os.replace(new, path)
        case "gone":
            path.unlink()
        case _:
            os.utime(path)
    assert opened.changed(pinned) == ("a.parquet",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    assert code(tmp_path) == "F104"


def test_open_local(tmp_path: Path) -> None:
    at(tmp_path / "data" / "a.parquet", timedelta(hours=1))

    def no_session() -> None:
        raise AssertionError

    for location in ("data", "data/", str(tmp_path / "data"), f"file://{tmp_path}/data"):
        spec = DatasetSpec.model_validate(
            {"location": location, "format": "parquet", "columns": {"a": {"type": "string"}}}
        )
        opened = open_dataset(spec, root=tmp_path, session=no_session)  # type: ignore[arg-type]
        assert [file.path for file in opened.listing(NOW).pin.files] == ["a.parquet"]
