"""What a local folder adds: durability, privacy, links, killed writers, locks."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import OutcomeUnknown, StoreError
from reconciler.ledger.store import PreconditionFailed, Store
from reconciler.stores import disk
from reconciler.stores.folder import FolderStore
from reconciler.stores.memory import MemoryStore

KEY = "flows/agency/audience/us"
REPO = Path(__file__).parents[2]


def body(n: int) -> bytes:
    return json.dumps({"nonce": str(n)}).encode()


def files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and ".locks" not in path.parts
    )


def test_reading_an_absent_ledger_leaves_no_trace(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "a" / "ledger")
    assert store.read(KEY) is None
    assert list(store.list("flows/")) == []
    with pytest.raises(PreconditionFailed):
        store.delete(KEY, "v")
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        FolderStore(tmp_path / "ledger").create(KEY, body(1))
    finally:
        os.umask(old)
    for path in (tmp_path / "ledger", *(tmp_path / "ledger").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_document_is_a_json_file_that_people_find(tmp_path: Path) -> None:
    FolderStore(tmp_path).create(KEY, body(1))
    assert files(tmp_path) == ["flows/agency/audience/us.json"]
    assert (tmp_path / "flows/agency/audience/us.json").read_bytes() == body(1)


def test_a_file_is_on_disk_before_it_has_its_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def rename(*args: object, **kwargs: object) -> None:
        done.append("rename")
        real_rename(*args, **kwargs)  # type: ignore[arg-type]

    store = FolderStore(tmp_path)
    version = store.create(KEY, body(1))
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    store.replace(KEY, body(2), version)
    assert done == ["file", "rename", "folder"]


def test_a_folder_that_is_not_surely_on_disk_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)
    version = store.create(KEY, body(1))

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OutcomeUnknown, match="L103"):
        store.replace(KEY, body(2), version)


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from reconciler.errors import StoreError
from reconciler.stores.folder import FolderStore
store = FolderStore(Path(sys.argv[1]))
version = store.create("project", b'{"nonce": "1"}')
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.replace("project", b" " * 5000, version)
except StoreError as error:
    print(error.code)
"""


def test_a_document_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert run.stdout == "L137\n"
    assert files(tmp_path) == ["project.json"]
    stored = FolderStore(tmp_path).read("project")
    assert stored is not None
    assert stored.body == b'{"nonce": "1"}'


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    error = disk.unusable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert "the disk is full" in error.detail


_WRITER = """
import sys
from pathlib import Path
from reconciler.stores.folder import FolderStore
store = FolderStore(Path(sys.argv[1]))
n = 0
while True:
    current = store.read("project")
    n += 1
    text = b'{"nonce": "%d", "fill": "%s"}' % (n, b"x" * 200_000)
    store.replace("project", text, current.version) if current else store.create("project", text)
    if n == 3:
        print("going", flush=True)
"""


def test_killed_writers_leave_whole_documents_and_free_locks(tmp_path: Path) -> None:
    for n in range(5):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], cwd=REPO, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"going\n"
        time.sleep(0.003 * n)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        store = FolderStore(tmp_path, lock_wait=2)
        stored = store.read("project")
        assert stored is not None
        assert len(json.loads(stored.body)["fill"]) == 200_000
        assert [key for key, _ in store.list("")] == ["project"]
        store.replace("project", body(n), stored.version)


def test_leftovers_of_killed_writers_are_not_listed_and_go_when_a_day_old(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.create(KEY, body(1))
    old, young = (tmp_path / ".tmp" / name for name in ("old", "young"))
    probes = [tmp_path / "probe" / f"{name}.json" for name in ("old", "young")]
    probes[0].parent.mkdir()
    for path in (old, young, *probes):
        path.write_bytes(b'{"half')
    for path in (old, probes[0]):
        os.utime(path, (time.time() - 90_000,) * 2)
    assert [key for key, _ in store.list("flows/")] == [KEY]
    store.probe()
    assert [each.exists() for each in (old, young, *probes)] == [False, True, False, True]
    assert [key for key, _ in store.list("")] == [KEY, "probe/young"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.json").write_bytes(body(1))
    root = tmp_path / "ledger"
    store = FolderStore(root)
    store.create("project", body(1))
    (root / "flows").symlink_to(outside)
    (root / "pins").mkdir()
    (root / "pins" / "x.json").symlink_to(outside / "x.json")
    for key in ("flows/x", "pins/x"):
        with pytest.raises(StoreError, match="L137"):
            store.read(key)
        with pytest.raises(StoreError, match="L137"):
            store.create(key, body(2))
    with pytest.raises(StoreError, match="L137"):
        list(store.list("flows/"))
    with pytest.raises(StoreError, match="L137"):
        list(store.list(""))
    assert files(outside) == ["x.json"]
    assert (outside / "x.json").read_bytes() == body(1)


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "ledger").symlink_to("real")
    FolderStore(tmp_path / "ledger").create(KEY, body(1))
    assert files(tmp_path / "real") == [f"{KEY}.json"]


def test_a_file_where_the_ledger_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("mine")
    with pytest.raises(StoreError, match="L137"):
        FolderStore(tmp_path / "ledger").create(KEY, body(1))
    with pytest.raises(StoreError, match="L137"):
        FolderStore(tmp_path / "ledger").read(KEY)
    assert (tmp_path / "ledger").read_text() == "mine"


def test_a_pipe_in_place_of_a_document_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "project.json")
    with contextlib.suppress(StoreError):
        stored = FolderStore(tmp_path).read("project")
        assert stored is None or stored.body == b""


def test_a_lock_that_is_held_for_long_is_said_and_nothing_changes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path, lock_wait=0.05)
    version = store.create(KEY, body(1))
    with contextlib.ExitStack() as stack:
        for path in (tmp_path / ".locks").iterdir():
            file = stack.enter_context(path.open())
            fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="L139"):
            store.replace(KEY, body(2), version)
    store.replace(KEY, body(2), version)
    assert files(tmp_path) == [f"{KEY}.json"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_that_cannot_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = FolderStore(tmp_path)
    with pytest.raises(StoreError, match="L136"):
        store.probe()
    with pytest.raises(StoreError, match="L136"):
        store.create(KEY, body(1))
    assert files(tmp_path) == []


def test_a_file_system_whose_locks_keep_nobody_apart_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, operation: None)
    with pytest.raises(StoreError, match="L136"):
        FolderStore(tmp_path).probe()


KEYS = ["project", "a/b", "a/b/c", "a-b"]


def act(store: Store, kind: str, key: str, n: int, version: str) -> object:
    try:
        match kind:
            case "create":
                return store.create(key, body(n))
            case "replace":
                return store.replace(key, body(n), version)
            case "delete":
                store.delete(key, version)
                return None
            case "read":
                return store.read(key)
            case _:
                return list(store.list(key[:2]))
    except PreconditionFailed:
        return "no"


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["create", "replace", "delete", "read", "list"]),
            st.sampled_from(KEYS),
            st.sampled_from(["current", "older"]),
        ),
        max_size=25,
    )
)
def test_a_folder_does_what_the_memory_does(
    steps: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, memory = FolderStore(tmp_path_factory.mktemp("ledger")), MemoryStore()
    given_out: dict[str, list[str]] = {key: ["none"] for key in KEYS}
    for n, (kind, key, age) in enumerate(steps):
        version = given_out[key][-1 if age == "current" else -2 :][0]
        expected = act(memory, kind, key, n, version)
        assert act(folder, kind, key, n, version) == expected
        if kind in ("create", "replace") and isinstance(expected, str) and expected != "no":
            given_out[key].append(expected)
