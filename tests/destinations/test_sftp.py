"""The `sftp` type beyond the suite: lost connections and answers, refusals said exactly."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.accounts import sftp as accounts_sftp
from reconciler.accounts.sftp_wire import Wire
from reconciler.destinations import sftp_probe
from reconciler.destinations.base import OWNER_MARKER, Published
from reconciler.destinations.sftp import SftpDestination
from reconciler.destinations.trying import try_out
from reconciler.errors import DestinationError, OutcomeUnknown
from reconciler.values.staged import Content
from tests.accounts.test_sftp_sessions import session, stub_connection
from tests.conformance.destinations import LINEAGE, OTHER, RUN, content, fixed, staged
from tests.conformance.test_destinations_sftp import connection_to, session_for
from tests.servers.openssh import SshServer
from tests.servers.sshstub import SshStub
from tests.servers.wireproxy import WireProxy

NAME = f"us/part-{RUN}.csv"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def proxy(openssh_server: SshServer) -> Iterator[WireProxy]:
    with WireProxy(openssh_server.port) as found:
        yield found


@pytest.fixture
def root(openssh_server: SshServer) -> Path:
    return openssh_server.folder()


@pytest.fixture
def place(openssh_server: SshServer, proxy: WireProxy, root: Path) -> SftpDestination:
    """A connection through the proxy that doesn't wait long."""
    connection = connection_to(openssh_server, str(root), port=proxy.port)
    opened = SftpDestination(connection, session_for(openssh_server), sleep=lambda _: None)
    opened.claim_owner(LINEAGE)
    return opened


def losing(
    monkeypatch: pytest.MonkeyPatch, proxy: WireProxy, method: str, then: Callable[[], None] = lambda: None
) -> list[str]:
    """The answer to the next call of a method of the wire is lost. Gives the calls as they are made."""
    original: Any = getattr(Wire, method)
    calls: list[str] = []

    def call(wire: Wire, *arguments: Any) -> Any:
        calls.append(method)
        if len(calls) == 1:
            proxy.lose_answers()
            try:
                return original(wire, *arguments)
            finally:
                then()
        return original(wire, *arguments)

    monkeypatch.setattr(Wire, method, call)
    return calls


# lost connections and answers


def test_a_file_survives_connections_that_end_while_it_is_written(
    place: SftpDestination, proxy: WireProxy, root: Path
) -> None:
    data = content(3 << 20)
    sink = place.stage(RUN, NAME)
    proxy.cut_after(200_000, 900_000, 700_000)
    for start in range(0, len(data), 100_000):
        sink.write(data[start : start + 100_000])
    token = sink.finish(1)
    assert proxy.connections == 4
    assert token.sha256 == hashlib.sha256(data).hexdigest()
    assert place.publish(token) is Published.DONE
    assert (root / NAME).read_bytes() == data


@pytest.mark.parametrize("lost", [False, True])
def test_a_file_that_isnt_what_was_sent_doesnt_count(
    place: SftpDestination, proxy: WireProxy, root: Path, lost: bool
) -> None:
    sink = place.stage(RUN, NAME)
    sink.write(content(3 << 20))
    (waiting,) = (path for path in (root / ".reconciler-staging").rglob("*") if path.is_file())
    with waiting.open("r+b") as file:  # as if the server had lost what it had said it had
        file.write(b"\0" * 1000)
    if lost:
        proxy.cut()
    sink.write(content(1000))
    with pytest.raises(DestinationError) as caught:
        sink.finish(1)
    assert (caught.value.code, caught.value.permanent) == ("D121", False)


@pytest.mark.parametrize("method", ["open", "ask", "block"])
def test_reading_goes_on_when_an_answer_is_lost(
    place: SftpDestination, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    data = content(3 << 20)
    place.publish(staged(place, NAME, data))
    chunks = place.read(NAME)
    first = next(chunks) if method != "open" else b""
    calls = losing(monkeypatch, proxy, method)
    assert first + b"".join(chunks) == data
    assert len(calls) > 1


@pytest.mark.parametrize("method", ["open", "close", "sync", "make_folder"])
def test_staging_goes_on_when_an_answer_is_lost(
    place: SftpDestination, proxy: WireProxy, root: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    calls = losing(monkeypatch, proxy, method)
    token = staged(place, NAME, content(100_000))
    assert len(calls) > 1
    assert place.publish(token) is Published.DONE
    assert (root / NAME).read_bytes() == content(100_000)
    assert [path.name for path in root.glob(".*")] == [OWNER_MARKER]


def test_a_rename_whose_answer_is_lost_is_found_to_be_done(
    place: SftpDestination, proxy: WireProxy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = staged(place, f"{RUN}.csv")
    losing(monkeypatch, proxy, "rename")
    assert place.publish(token) is Published.ALREADY
    assert (root / f"{RUN}.csv").read_bytes() == b"data"


def test_a_rename_over_whose_answer_is_lost_is_found_to_be_done(
    place: SftpDestination, proxy: WireProxy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replacing(data: bytes, run: str, *over: Content) -> Any:
        sink = place.stage(run, "newest.csv", over)
        sink.write(data)
        return sink.finish(1)

    place.publish(replacing(b"first", RUN))
    token = replacing(b"second", OTHER, fixed(b"first"))
    losing(monkeypatch, proxy, "rename_over")
    assert place.publish(token) is Published.ALREADY
    assert (root / "newest.csv").read_bytes() == b"second"


def test_what_became_of_a_rename_isnt_known_while_the_server_is_gone(
    place: SftpDestination, proxy: WireProxy, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = staged(place, f"{RUN}.csv")
    losing(monkeypatch, proxy, "rename", then=proxy.down)
    with pytest.raises(OutcomeUnknown):
        place.publish(token)
    proxy.down(False)
    assert place.publish(token) is Published.ALREADY
    assert (root / f"{RUN}.csv").read_bytes() == b"data"


def test_a_claim_whose_answer_is_lost_stands(
    openssh_server: SshServer, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = openssh_server.folder()
    fresh = SftpDestination(
        connection_to(openssh_server, str(root), port=proxy.port), session_for(openssh_server), sleep=lambda _: None
    )
    losing(monkeypatch, proxy, "rename")
    fresh.claim_owner(LINEAGE)
    assert fresh.owner() == LINEAGE
    assert [path.name for path in root.iterdir()] == [OWNER_MARKER]


def test_a_server_that_is_gone_is_transient(place: SftpDestination, proxy: WireProxy) -> None:
    token = staged(place, NAME)
    proxy.down()
    for call in (
        place.owner,
        lambda: place.publish(token),
        lambda: list(place.list()),
        lambda: place.stage(RUN, "x.csv"),
    ):
        with pytest.raises(DestinationError) as caught:
            call()
        assert (caught.value.code, caught.value.permanent) == ("D105", False)
    proxy.down(False)
    assert place.publish(token) is Published.DONE


def test_an_answer_that_doesnt_come_in_time_counts_as_lost(
    openssh_server: SshServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_sftp, "ANSWER_SECONDS", 2.0)  # enough to sign in on a busy machine
    place = SftpDestination(connection_to(openssh_server, str(root)), session_for(openssh_server), sleep=lambda _: None)
    place.claim_owner(LINEAGE)
    fifo = root / "stuck"
    os.mkfifo(fifo)
    openssh_server.own(fifo)
    with pytest.raises(DestinationError) as caught:
        list(place.read("stuck"))  # opening a pipe that nobody writes to takes for ever
    assert (caught.value.code, "no answer in time" in caught.value.detail) == ("D105", True)
    os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))  # lets the server's process go


def test_a_request_that_was_interrupted_doesnt_mix_up_the_next(
    place: SftpDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C meets whatever is under way: half a packet may be sent or read."""
    place.publish(staged(place, NAME))
    take, calls = Wire._take, []

    def interrupted(wire: Wire, size: int) -> bytes:
        calls.append(size)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return take(wire, size)

    monkeypatch.setattr(Wire, "_take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(place.list())
    assert place._place.server._wire is None, "the next request gets a new session"
    assert [found.name for found in place.list()] == [NAME]
    assert b"".join(place.read(NAME)) == b"data"


def test_answers_that_nobody_waits_for_arent_kept(place: SftpDestination) -> None:
    sink = place.stage(RUN, NAME)
    sink.write(content(1 << 20))
    sink.abort()
    with pytest.raises(DestinationError):
        list(place.read("none"))
    place.publish(staged(place, NAME))
    assert b"".join(place.read(NAME)) == b"data"
    with place._place.server.wire() as wire:
        assert (wire._answers, wire._forgotten) == ({}, set())


_FORKS = """
import os, sys
from pathlib import Path
from reconciler.destinations.sftp import SftpDestination
from tests.conformance.test_destinations_sftp import connection_to, session_for
from tests.servers.openssh import SshServer
port, base, user, key, host_key, proxy, root, name = sys.argv[1:]
server = SshServer(int(port), Path(base), user, Path(key), {"ssh-ed25519": host_key})
place = SftpDestination(connection_to(server, root, port=int(proxy)), session_for(server))
listed = lambda: [found.name for found in place.list()] == [name]
assert listed()
if child := os.fork():
    sys.exit(os.waitpid(child, 0)[1] != 0 or not listed())
try:
    alike = listed()
finally:
    os._exit(not alike)
"""


def test_a_fork_makes_a_connection_of_its_own(
    place: SftpDestination, openssh_server: SshServer, proxy: WireProxy, root: Path
) -> None:
    """In a process without this one's threads: what these hold, a fork of it would wait for."""
    place.publish(staged(place, NAME))
    before = proxy.connections
    server = openssh_server
    arguments = [server.port, server.base, server.user, server.key, server.host_key, proxy.port, root, NAME]
    command = [sys.executable, "-c", _FORKS, *map(str, arguments)]
    assert subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode == 0
    assert proxy.connections == before + 2


# refusals


def test_permissions_are_named(openssh_server: SshServer, root: Path) -> None:
    place = SftpDestination(connection_to(openssh_server, str(root)), session_for(openssh_server))
    place.claim_owner(LINEAGE)
    token = staged(place, NAME)
    for mode, call, needed in (
        (0o555, place.probe, "rename .reconciler-staging/"),
        (0o555, lambda: place.publish(token), "create the folder us"),
        (0o333, place.probe, "list the folder"),
        (0o333, lambda: list(place.list()), "list the folder"),
    ):
        root.chmod(mode)
        try:
            with pytest.raises(DestinationError) as caught:
                call()
        finally:
            root.chmod(0o755)
        assert caught.value.code == "D104", (needed, caught.value)
        assert f"doesn't permit to {needed}" in caught.value.detail
    assert place.publish(token) is Published.DONE


def test_all_that_is_forbidden_is_named_at_once(openssh_server: SshServer, root: Path) -> None:
    """A folder that may be entered and filled, and not looked at; then one in which nothing may be made."""
    place = SftpDestination(connection_to(openssh_server, str(root)), session_for(openssh_server))
    place.claim_owner(LINEAGE)
    for mode, first, others in ((0o333, "list the folder", ""), (0o111, "create the folder .rec", "list folders")):
        root.chmod(mode)
        try:
            with pytest.raises(DestinationError) as caught:
                try_out(place)
        finally:
            root.chmod(0o755)
        assert f"doesn't permit to {first}" in caught.value.detail
        assert caught.value.detail.partition("Not allowed either: ")[2].rstrip(".") == others
    assert [str(each.relative_to(root)) for each in root.rglob("*")] == [OWNER_MARKER]


def test_a_folder_that_cant_be_created_is_named(openssh_server: SshServer) -> None:
    if os.getuid() != 0:
        pytest.skip("whoever runs this owns all folders")
    place = SftpDestination(
        connection_to(openssh_server, str(openssh_server.base / "roots-own")), session_for(openssh_server)
    )
    with pytest.raises(DestinationError) as caught:
        place.probe()
    assert caught.value.code == "D104"
    assert f"create the folder {openssh_server.base}/roots-own" in caught.value.detail


def test_a_folder_that_vanished_isnt_created_again(place: SftpDestination, root: Path) -> None:
    (root / OWNER_MARKER).unlink()
    root.rmdir()
    for call in (lambda: place.stage(RUN, NAME), lambda: list(place.list()), lambda: place.discard(RUN)):
        with pytest.raises(DestinationError) as caught:
            call()
        assert caught.value.code == "D102"
    assert not root.exists()


def test_a_full_disk_is_told(openssh_server: SshServer) -> None:
    root = openssh_server.folder("full")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0777", "tmpfs", str(root)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system isn't allowed here")
    try:
        place = SftpDestination(connection_to(openssh_server, str(root)), session_for(openssh_server))
        place.claim_owner(LINEAGE)
        sink = place.stage(RUN, NAME)
        with pytest.raises(DestinationError) as caught:
            sink.write(content(4 << 20))
            sink.finish(1)
        sink.abort()
        assert (caught.value.code, caught.value.permanent) == ("D106", False)
        assert [path.name for path in root.glob(".*")] == [OWNER_MARKER], "nothing of it is left"
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_links_and_pipes_arent_listed(place: SftpDestination, root: Path) -> None:
    place.publish(staged(place, NAME))
    (root / "link.csv").symlink_to(root / NAME)
    (root / "folder").symlink_to(root / "us")
    os.mkfifo(root / "pipe")
    assert [found.name for found in place.list()] == [NAME]


def test_a_server_whose_rename_overwrites_isnt_used(tmp_path: Path) -> None:
    with SshStub(tmp_path, password="hunter2", overwrites=True) as stub:
        place = SftpDestination(stub_connection(stub), session(env={"PW": "hunter2"}, password={"fromEnv": "PW"}))
        with pytest.raises(DestinationError) as caught:
            place.probe()
        assert caught.value.code == "D150"
        assert list((tmp_path / "in").iterdir()) == []


def test_replacing_needs_a_server_that_can(tmp_path: Path) -> None:
    with SshStub(tmp_path, password="hunter2") as stub:
        place = SftpDestination(stub_connection(stub), session(env={"PW": "hunter2"}, password={"fromEnv": "PW"}))
        place.claim_owner(LINEAGE)
        with pytest.raises(DestinationError) as caught:
            place.stage(RUN, "newest.csv", ())
        assert caught.value.code == "D151"


@pytest.mark.parametrize("access", ["read-write", "write-only"])
def test_a_probe_removes_what_killed_ones_left(
    openssh_server: SshServer, root: Path, access: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = SftpDestination(connection_to(openssh_server, str(root), access=access), session_for(openssh_server))
    place.claim_owner(LINEAGE)
    sink = place.stage("probe-dead", "x.csv")
    sink.write(b"probe\n")
    sink.finish(0)
    (root / ".reconciler-probe-dead").write_bytes(b"probe\n")
    (root / f"{OWNER_MARKER}.dead").write_bytes(b"{}")
    place.probe()
    assert len([path for path in root.rglob("*") if "dead" in path.name]) == 3, "they may still be at work"
    monkeypatch.setattr(sftp_probe, "STALE", -1)
    place.probe()
    left = {path.name for path in root.rglob("*") if "dead" in path.name}
    assert left == (set() if access == "read-write" else {f"{OWNER_MARKER}.dead", ".reconciler-probe-dead"})


def test_files_and_folders_arent_everybodys(place: SftpDestination, root: Path) -> None:
    place.publish(staged(place, NAME))
    other = place.stage(RUN, "x.csv")
    assert (root / NAME).stat().st_mode & 0o007 == 0
    assert (root / "us").stat().st_mode & 0o007 == 0
    assert (root / ".reconciler-staging").stat().st_mode & 0o077 == 0
    other.abort()


def test_a_path_below_where_the_user_arrives(openssh_server: SshServer) -> None:
    place = SftpDestination(connection_to(openssh_server, "incoming/weekly"), session_for(openssh_server))
    place.probe()
    place.claim_owner(LINEAGE)
    place.publish(staged(place, NAME))
    assert (openssh_server.home / "incoming/weekly" / NAME).read_bytes() == b"data"
    assert place.location(NAME) == f"sftp://127.0.0.1:{openssh_server.port}/~/incoming/weekly/{NAME}"
