"""A real sshd from Debian on a free loopback port, as an ordinary process with a host key of its own.

    with openssh() as server: folder = server.folder()

It serves SFTP alone. Root's sshd signs users in as `nobody`, so that permissions hold; anybody else's as whoever runs the tests. Passwords
it can't know without an account on the machine: tests/servers/sshstub.py takes them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.servers.needed import needed
from tests.servers.process import ServerFailed, free_ports, running

SSHD = "/usr/sbin/sshd"
_SEPARATION = Path("/run/sshd")
"""Where root's sshd hides processes that aren't signed in yet; its package makes it when a machine starts."""

_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_ed25519
HostKey {folder}/host_rsa
HostKey {folder}/host_ecdsa
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowUsers {user}
MaxStartups 100:30:200
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {folder}/home
"""


@dataclass(frozen=True)
class SshServer:
    """Where it is, who may sign in with which key, and its host keys (type and base64) by type."""

    port: int
    base: Path
    user: str
    key: Path
    host_keys: dict[str, str]
    host: str = "127.0.0.1"

    @property
    def host_key(self) -> str:
        """The one that clients like best."""
        return self.host_keys["ssh-ed25519"]

    @property
    def home(self) -> Path:
        """Where the user arrives."""
        return self.base / "home"

    def folder(self, prefix: str = "place") -> Path:
        """A folder of the user's that no other test has."""
        path = self.base / f"{prefix}-{secrets.token_hex(6)}"
        path.mkdir(mode=0o755)
        self.own(path)
        return path

    def own(self, path: Path) -> None:
        """Gives what a test made to the user."""
        if os.getuid() == 0:
            found = pwd.getpwnam(self.user)
            os.chown(path, found.pw_uid, found.pw_gid)


@contextlib.contextmanager
def openssh() -> Iterator[SshServer]:
    """Starts a server; tried three times, as the port may be taken meanwhile."""
    needed(SSHD, "Debian's openssh-server, which `make servers` installs as root")
    if os.getuid() == 0:
        _SEPARATION.mkdir(mode=0o755, exist_ok=True)
    for attempt in range(3):
        base = Path(tempfile.mkdtemp(prefix="sshd-"))
        base.chmod(0o755)
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, base, ignore_errors=True)
            server = _prepared(base)
            command = [SSHD, "-D", "-e", "-f", str(base / "sshd_config")]
            try:
                stack.enter_context(running(command, base / "log", partial(_greets, server.port)))
            except ServerFailed:
                if attempt == 2:
                    raise
                continue
            yield server
            return


def _prepared(base: Path) -> SshServer:
    user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    for kind in ("ed25519", "rsa", "ecdsa"):
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(base / f"host_{kind}")]
        subprocess.run([*command, "-b", "2048"] if kind == "rsa" else command, check=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(base / "user")], check=True)
    shutil.copy(base / "user.pub", base / "authorized_keys")
    (base / "authorized_keys").chmod(0o644)
    port = free_ports(1)[0]
    (base / "sshd_config").write_text(_CONFIG.format(port=port, folder=base, user=user))
    words = [(base / f"host_{kind}.pub").read_text().split() for kind in ("ed25519", "rsa", "ecdsa")]
    server = SshServer(port, base, user, base / "user", {kind: f"{kind} {body}" for kind, body, *_ in words})
    server.home.mkdir(mode=0o755)
    server.own(server.home)
    return server


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as sock:
            return sock.recv(4) == b"SSH-"
    except OSError:
        return False
