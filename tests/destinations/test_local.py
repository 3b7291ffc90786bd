"""What is particular to the `local` type: links, permissions, full disks, file systems without hard links, pruning
races."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from reconciler.destinations import folders, placing
from reconciler.destinations.base import Published
from reconciler.destinations.local import LocalDestination
from reconciler.errors import DestinationError
from tests.conformance.destinations import LINEAGE, RUN, at_once, content, staged

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> LocalDestination:
    opened = LocalDestination(tmp_path / "place")
    opened.claim_owner(LINEAGE)
    return opened


def code_of(call: Any) -> str:
    with pytest.raises(DestinationError) as caught:
        call()
    return caught.value.code


# links


def test_a_link_in_place_of_a_folder_isnt_followed(place: LocalDestination, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    token = staged(place, f"us/{RUN}.csv")
    (tmp_path / "place/us").symlink_to(outside)
    assert code_of(lambda: place.publish(token)) == "D109"
    assert code_of(lambda: list(place.read("us/secret"))) == "D109"
    assert code_of(lambda: place.delete(["us/secret"])) == "D109"
    assert [found.name for found in place.list()] == []
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]


def test_a_link_in_place_of_the_staging_area_isnt_followed(place: LocalDestination, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / RUN).mkdir(parents=True)
    (outside / RUN / "file").write_text("x")
    (tmp_path / "place/.reconciler-staging").symlink_to(outside)
    assert code_of(lambda: place.stage(RUN, f"{RUN}.csv")) == "D109"
    assert code_of(lambda: place.discard(RUN)) in ("D109", "D123")
    assert (outside / RUN / "file").exists()


@pytest.mark.parametrize("kind", ["dangling", "link", "folder", "pipe"])
def test_what_isnt_a_file_at_the_name_is_a_different_file(place: LocalDestination, tmp_path: Path, kind: str) -> None:
    token = staged(place, f"{RUN}.csv", b"data")
    final, same = tmp_path / "place" / f"{RUN}.csv", tmp_path / "same"
    same.write_bytes(b"data")
    match kind:
        case "dangling":
            final.symlink_to(tmp_path / "nowhere")
        case "link":
            final.symlink_to(same)
        case "folder":
            final.mkdir()
        case "pipe":
            os.mkfifo(final)
    assert code_of(lambda: place.publish(token)) == "D120"
    assert not (tmp_path / "nowhere").exists()


def test_a_link_as_owner_marker_isnt_read(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place/.reconciler-owner.json").symlink_to("/etc/hostname")
    assert code_of(lambda: LocalDestination(tmp_path / "place").claim_owner(LINEAGE)) == "D109"


def test_the_path_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    place = LocalDestination(tmp_path / "link")
    place.publish(staged(place, f"{RUN}.csv"))
    assert (tmp_path / "real" / f"{RUN}.csv").read_bytes() == b"data"


def test_a_forged_token_doesnt_publish_what_is_elsewhere(place: LocalDestination, tmp_path: Path) -> None:
    (tmp_path / "place/other.csv.staged").write_bytes(b"data")
    token = staged(place, f"{RUN}.csv")
    for forged in ("other.csv.staged", "../x.staged", ".reconciler-staging/../other.csv.staged", "/etc/passwd"):
        assert code_of(lambda forged=forged: place.publish(token.model_copy(update={"staged": forged}))) == "D109"


# the folder


def test_a_folder_that_vanished_isnt_created_again(tmp_path: Path) -> None:
    place = LocalDestination(tmp_path / "unmounted")
    token = staged_elsewhere(tmp_path)
    for call in (
        lambda: place.stage(RUN, f"{RUN}.csv"),
        lambda: list(place.list()),
        lambda: place.publish(token),
    ):
        assert code_of(call) == "D102"
    assert not (tmp_path / "unmounted").exists()


def staged_elsewhere(tmp_path: Path) -> Any:
    other = LocalDestination(tmp_path / "other")
    other.claim_owner(LINEAGE)
    return staged(other, f"{RUN}.csv")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("x")
    assert code_of(LocalDestination(tmp_path / "place").probe) in ("D102", "D109", "D110")


def test_a_torn_marker_is_refused(tmp_path: Path) -> None:
    for torn in (b"", b"{", b"[]", b'{"lineage": 3}', b"\xff"):
        (tmp_path / ".reconciler-owner.json").write_bytes(torn)
        assert code_of(lambda: LocalDestination(tmp_path).claim_owner(LINEAGE)) == "D112"
        assert (tmp_path / ".reconciler-owner.json").read_bytes() == torn


def test_strangers_cant_read(place: LocalDestination, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        sink = place.stage(RUN, f"us/{RUN}.csv")
        assert stat.S_IMODE((tmp_path / "place/.reconciler-staging").stat().st_mode) == 0o700
        place.publish(sink.finish(0))
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "place/us").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / f"place/us/{RUN}.csv").stat().st_mode) == 0o640


def test_two_files_of_one_run_cant_have_one_name(place: LocalDestination) -> None:
    place.stage(RUN, f"{RUN}.csv")
    assert code_of(lambda: place.stage(RUN, f"{RUN}.csv")) == "D120"


def test_a_staged_file_that_was_cut_isnt_published(place: LocalDestination, tmp_path: Path) -> None:
    token = staged(place, f"{RUN}.csv", b"whole")
    (tmp_path / "place" / token.staged).write_bytes(b"who")
    assert code_of(lambda: place.publish(token)) == "D121"
    assert not (tmp_path / f"place/{RUN}.csv").exists()


def test_publishers_at_once_tell_who_did_it(place: LocalDestination, tmp_path: Path) -> None:
    for n in range(20):
        token = staged(place, f"us/{n}-{RUN}.csv", content(5_000, n))
        outcomes = at_once([lambda t=token: LocalDestination(tmp_path / "place").publish(t)] * 6)
        assert sorted(outcome.value for outcome in outcomes) == ["already"] * 5 + ["done"]


def test_publishing_consumes_in_one_step(place: LocalDestination, monkeypatch: pytest.MonkeyPatch) -> None:
    """However early a runner is killed after a recipient could see the file, it can't be shown again."""
    token = staged(place, f"us/{RUN}.csv")

    def killed(*_: Any, **__: Any) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(folders, "sync", killed)
        with pytest.raises(KeyboardInterrupt):
            place.publish(token)
    place.delete([token.name])
    assert place.publish(token) is Published.COLLECTED


def test_a_crash_between_link_and_unlink_is_completed(place: LocalDestination, tmp_path: Path) -> None:
    token = staged(place, f"us/{RUN}.csv")
    (tmp_path / "place/us").mkdir()
    os.link(tmp_path / "place" / token.staged, tmp_path / f"place/us/{RUN}.csv")
    assert place.publish(token) is Published.ALREADY
    assert list(place.staged()) == []
    assert not (tmp_path / "place/.reconciler-staging").exists()


# file systems that know less: the only way to have them here is to take the calls away


@pytest.fixture(params=["no renameat2", "no hard links either"])
def lesser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(placing, "_renameat2", lambda: None)
    if request.param == "no hard links either":
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("lesser")
def test_on_lesser_file_systems(place: LocalDestination, tmp_path: Path) -> None:
    place.probe()
    token = staged(place, f"us/{RUN}.csv")
    assert place.publish(token) is Published.DONE
    assert place.publish(token) is Published.ALREADY
    place.delete([token.name])
    assert place.publish(token) is Published.COLLECTED
    assert place.owner() == LINEAGE
    mine = staged(place, f"b-{RUN}.csv")
    (tmp_path / "place" / mine.name).write_bytes(b"theirs")
    assert code_of(lambda: place.publish(mine)) == "D120"
    assert (tmp_path / "place" / mine.name).read_bytes() == b"theirs"


@pytest.mark.usefixtures("lesser")
def test_publishers_at_once_on_lesser_file_systems(place: LocalDestination, tmp_path: Path) -> None:
    for n in range(20):
        token = staged(place, f"us/{n}-{RUN}.csv", content(5_000, n))
        outcomes = at_once([lambda t=token: LocalDestination(tmp_path / "place").publish(t)] * 4)
        assert sorted(outcome.value for outcome in outcomes) == ["already"] * 3 + ["done"]


# races with pruning


def test_neighbours_may_prune_the_folders_that_are_needed(place: LocalDestination, tmp_path: Path) -> None:
    stop = threading.Event()

    def prune() -> None:
        while not stop.wait(0.0002):
            folders.prune(str(tmp_path / "place"), ("us", "deep", "folder"))
            folders.prune(str(tmp_path / "place"), (".reconciler-staging", RUN, "us", "deep", "folder"))

    pruners = [threading.Thread(target=prune) for _ in range(2)]
    for each in pruners:
        each.start()
    try:
        for n in range(150):
            token = staged(place, f"us/deep/folder/{n}-{RUN}.csv")
            assert place.publish(token) is Published.DONE
            place.delete([token.name])
    finally:
        stop.set()
        for each in pruners:
            each.join()


# a full disk, for real

_FULL = """
import resource, signal, sys
from pathlib import Path
from reconciler.destinations.local import LocalDestination
from reconciler.errors import DestinationError

place = LocalDestination(Path(sys.argv[1]))
place.claim_owner("lineage")
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
sink = place.stage("r0123456789abcdef", "us/r0123456789abcdef.csv")
try:
    for _ in range(64):
        sink.write(b"x" * (1 << 20))
    sink.finish(1)
except DestinationError as error:
    assert error.code == "D106" and not error.permanent, error
else:
    raise SystemExit("no error")
sink.abort()
assert list(place.staged()) == [] and list(place.list()) == []
small = place.stage("r0123456789abcdef", "us/r0123456789abcdef.csv")
small.write(b"fits")
place.publish(small.finish(1))
assert [found.size for found in place.list()] == [4]
"""


def test_the_largest_file_is_passed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _FULL, str(tmp_path / "place"), "limit"], check=True, cwd=ROOT)


def test_a_full_disk(tmp_path: Path) -> None:
    """A file system of 8 MiB, in a mount namespace of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=8m tmpfs "$1" && shift && exec "$@"',
    ]
    allowed = subprocess.run([*mount, "sh", str(disk), "true"], check=False, capture_output=True)
    if allowed.returncode:
        pytest.skip("this machine allows no user namespaces")
    subprocess.run([*mount, "sh", str(disk), sys.executable, "-c", _FULL, str(disk), "disk"], check=True, cwd=ROOT)


def test_what_is_on_a_file_system_that_isnt_mounted_is_not_removed(place: LocalDestination, tmp_path: Path) -> None:
    """To say that it was would be to forget it."""
    token = staged(place, f"us/{RUN}.csv")
    staged(place, f"us/2-{RUN}.csv")
    place.publish(token)
    (tmp_path / "place").rename(tmp_path / "unmounted")
    assert code_of(lambda: place.discard(RUN)) == "D102"
    assert code_of(lambda: place.delete([token.name])) == "D102"
    assert code_of(lambda: place.publish(token)) == "D102"
    (tmp_path / "unmounted").rename(tmp_path / "place")
    assert place.discard(RUN) == 1
    place.delete([token.name])
    assert [found.name for found in place.list()] == []
