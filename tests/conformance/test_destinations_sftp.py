"""The `sftp` type passes the suite on a real OpenSSH; write-only too, in a folder that can't be listed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.accounts.secrets import SecretSource
from reconciler.accounts.sftp import SftpSession
from reconciler.catalog.sftp import SftpConnection
from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.sftp import SftpDestination
from reconciler.resources.accounts.sftp import SftpAccountSpec
from tests.conformance.destinations import DestinationConformance
from tests.servers.openssh import SshServer


def session_for(server: SshServer) -> SftpSession:
    """A session of the server's user."""
    spec = SftpAccountSpec.model_validate({"type": "sftp", "user": server.user, "key": {"fromFile": str(server.key)}})
    return SftpSession(spec, SecretSource(Path("/"), {}))


def connection_to(server: SshServer, path: str, **more: Any) -> SftpConnection:
    """A connection to a folder."""
    declared = {"host": server.host, "port": server.port, "hostKeys": [server.host_key], "path": path, **more}
    return SftpConnection.model_validate(declared)


class SftpBench:
    """A folder of the server. Connections are shared by every third that is opened: each takes a handshake."""

    big = 20 << 20
    many = 300

    def __init__(self, server: SshServer, sessions: list[SftpSession], **connection: Any) -> None:
        self.server = server
        self.root = server.folder()
        self.connection = connection_to(server, str(self.root), **connection)
        self._sessions = itertools.cycle(sessions)

    def open(self) -> SftpDestination:
        return SftpDestination(self.connection, next(self._sessions))

    def visible(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
            and not path.relative_to(self.root).as_posix().startswith((".reconciler-staging/", OWNER_MARKER))
        }

    def put(self, name: str, content: bytes) -> None:
        path = self.root / name
        made = [each for each in (path, *path.parents) if not each.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        for each in made:
            self.server.own(each)

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def leftovers(self) -> list[str]:
        """Staging areas, and dot files of any name but the marker's."""
        return [path.name for path in self.root.rglob(".*") if path.name != OWNER_MARKER]


@pytest.fixture(scope="module")
def sessions(openssh_server: SshServer) -> list[SftpSession]:
    return [session_for(openssh_server) for _ in range(3)]


class TestSftp(DestinationConformance):
    @pytest.fixture
    def bench(self, openssh_server: SshServer, sessions: list[SftpSession]) -> SftpBench:
        return SftpBench(openssh_server, sessions)


class TestSftpWriteOnly(DestinationConformance):
    @pytest.fixture
    def bench(self, openssh_server: SshServer, sessions: list[SftpSession]) -> Iterator[SftpBench]:
        bench = SftpBench(openssh_server, sessions, access="write-only")
        bench.root.chmod(0o333)  # a drop box: nothing in it can be listed by its user
        yield bench
        bench.root.chmod(0o755)
