"""The user's cache folder: private, bounded, ignored wherever anything about it is odd."""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cache import folder as module
from reconciler.cache.folder import NO_CACHE, Cache

VALUE = {"a": [1, "é", None, 1.5], "b": {}}


def noise(size: int) -> str:
    """Text that can't be compressed below its number of bytes."""
    return random.Random(size).randbytes(size).hex()


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def kept(folder: Path) -> Cache:
    cache = Cache(folder)
    cache.write("x", "1", VALUE)
    assert cache.read("x", "1") == VALUE
    return cache


def test_a_value_is_given_back_to_its_version_alone(tmp_path: Path) -> None:
    cache = kept(tmp_path / "cache")
    assert cache.read("x", "2") is None
    assert cache.read("y", "1") is None
    cache.write("x", "2", [2])
    assert cache.read("x", "1") is None
    assert cache.read("x", "2") == [2]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    kept(tmp_path / "deep" / "cache")
    assert stat.S_IMODE((tmp_path / "deep" / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE(only(tmp_path / "deep" / "cache").stat().st_mode) == 0o600


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    path = only(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert cache.read("x", "1") is None
        path.write_bytes(whole[:at])
        assert cache.read("x", "1") is None
    path.write_bytes(whole)
    assert cache.read("x", "1") == VALUE


def _loosen(path: Path) -> None:
    path.chmod(0o620)


def _loosen_folder(path: Path) -> None:
    path.parent.chmod(0o707)


def _link(path: Path) -> None:
    other = path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(other)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("change", [_loosen, _loosen_folder, _link, _pipe, _folder])
def test_what_another_could_have_written_is_not_read(change: Callable[[Path], None], tmp_path: Path) -> None:
    cache = kept(tmp_path / "cache")
    change(only(tmp_path / "cache"))
    assert cache.read("x", "1") is None


def test_another_users_is_not_read_nor_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = kept(tmp_path / "cache")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache.read("x", "1") is None
    cache.write("y", "1", VALUE)
    only(tmp_path / "cache")


def test_a_linked_folder_is_not_used(tmp_path: Path) -> None:
    kept(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    cache = Cache(tmp_path / "link")
    assert cache.read("x", "1") is None
    cache.write("y", "1", VALUE)
    only(tmp_path / "real")


def test_what_cannot_be_written_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for cache in (NO_CACHE, Cache(tmp_path / "file"), Cache(tmp_path / "file" / "below"), Cache(Path("/proc/nowhere"))):
        cache.write("x", "1", VALUE)
        assert cache.read("x", "1") is None


def test_too_large_a_value_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1000)
    cache.write("x", "1", noise(2_000))
    assert list(tmp_path.iterdir()) == []


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, limit=4_000)
    for at, name in enumerate("abc"):
        cache.write(name, "1", noise(900))
        os.utime(tmp_path / module._file(name), (1_000_000 + at, 1_000_000 + at))
    assert cache.read("a", "1") is not None  # used now
    cache.write("d", "1", noise(900))
    assert [name for name in "abcd" if cache.read(name, "1") is not None] == ["a", "c", "d"]
    monkeypatch.setattr(module, "_MAX_FILES", 2)
    cache.write("e", "1", "e")
    assert len(list(tmp_path.iterdir())) == 2
    assert cache.read("e", "1") == "e"


def test_what_killed_writers_left_goes(tmp_path: Path) -> None:
    old, new = tmp_path / f"{module._TEMPORARY}old", tmp_path / f"{module._TEMPORARY}new"
    old.write_text("")
    new.write_text("")
    os.utime(old, (1_000_000, 1_000_000))
    Cache(tmp_path).write("x", "1", VALUE)
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/h"}, "/h/.cache/reconciler"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/reconciler"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, "/h/.cache/reconciler"),
        ({"HOME": "/h", "RECONCILER_CACHE": "/c"}, "/c"),
        ({"HOME": "/h", "RECONCILER_CACHE": "off"}, None),
        ({"HOME": "/h", "RECONCILER_CACHE": "0"}, None),
        ({"HOME": "/h", "RECONCILER_CACHE": ""}, "/h/.cache/reconciler"),
        ({"HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_where_it_is(environment: dict[str, str], folder: str | None) -> None:
    assert Cache.of_user(environment).folder == (Path(folder) if folder else None)
