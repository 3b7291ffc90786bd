"""An SSH server of paramiko's own making, for what OpenSSH can't be made to do without accounts on the machine: passwords, two ways to sign
in one after the other, and servers without extensions, or whose rename overwrites.

    with SshStub(folder, password="secret") as server: ...
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import paramiko


class SshStub:
    """Serves a folder to user `partner`. `key`: a public key to sign in with (base64), before the password where both are given.
    `interactive`: the password is asked for by keyboard-interactive alone."""

    def __init__(
        self, root: Path, *, password: str = "", key: str = "", overwrites: bool = False, interactive: bool = False
    ) -> None:
        self.root, self.password, self.key, self.overwrites, self.interactive = (
            root,
            password,
            key,
            overwrites,
            interactive,
        )
        self.host_key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.logins: list[str] = []

    def __enter__(self) -> SshStub:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(client)
            transport.daemon = True
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self)
            try:
                transport.start_server(server=_Login(self))
            except (paramiko.SSHException, EOFError):
                continue


class _Login(paramiko.ServerInterface):
    def __init__(self, stub: SshStub) -> None:
        self._stub = stub
        self._by_key = False

    def get_allowed_auths(self, username: str) -> str:
        if self._stub.key and not self._by_key:
            return "publickey"
        return "keyboard-interactive" if self._stub.interactive else "password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if key.get_base64() != self._stub.key:
            return paramiko.AUTH_FAILED
        self._by_key = True
        return paramiko.AUTH_PARTIALLY_SUCCESSFUL if self._stub.password else paramiko.AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        if self._stub.interactive or (self._stub.key and not self._by_key):
            return paramiko.AUTH_FAILED
        self._stub.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL if password == self._stub.password else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username: str, submethods: str) -> Any:
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return paramiko.AUTH_SUCCESSFUL if responses == [self._stub.password] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: Any, stub: SshStub, *_: Any) -> None:
        super().__init__(server)
        self._stub = stub

    def _real(self, path: str) -> str:
        return f"{self._stub.root}{self.canonicalize(path)}"

    def list_folder(self, path: str) -> Any:
        return _done(
            lambda: [_attributes(os.lstat(f"{self._real(path)}/{name}"), name) for name in os.listdir(self._real(path))]
        )

    def stat(self, path: str) -> Any:
        return _done(lambda: _attributes(os.stat(self._real(path))))

    def lstat(self, path: str) -> Any:
        return _done(lambda: _attributes(os.lstat(self._real(path))))

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def opened() -> paramiko.SFTPHandle:
            handle = paramiko.SFTPHandle(flags)
            file = os.fdopen(
                os.open(self._real(path), flags, 0o640), "rb" if flags & 3 == os.O_RDONLY else "wb", buffering=0
            )
            handle.readfile = handle.writefile = file  # type: ignore[attr-defined]
            return handle

        return _done(opened)

    def remove(self, path: str) -> Any:
        return _done(lambda: os.remove(self._real(path)))

    def mkdir(self, path: str, attr: Any) -> Any:
        return _done(lambda: os.mkdir(self._real(path)))

    def rmdir(self, path: str) -> Any:
        return _done(lambda: os.rmdir(self._real(path)))

    def rename(self, oldpath: str, newpath: str) -> Any:
        if not self._stub.overwrites and os.path.lexists(self._real(newpath)):
            return paramiko.SFTP_FAILURE
        return _done(lambda: os.rename(self._real(oldpath), self._real(newpath)))


def _attributes(found: os.stat_result, name: str = "") -> paramiko.SFTPAttributes:
    return paramiko.SFTPAttributes.from_stat(found, name)


def _done(call: Any) -> Any:
    try:
        found = call()
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno or 0)
    return paramiko.SFTP_OK if found is None else found
