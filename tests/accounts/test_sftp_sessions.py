"""Sessions with SSH servers: whom they trust, how they sign in, and what they say where either fails."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import paramiko
import pytest

from reconciler.accounts.secrets import SecretSource
from reconciler.accounts.sftp import SftpSession
from reconciler.catalog.sftp import SftpConnection, fingerprint
from reconciler.destinations.base import Published
from reconciler.destinations.sftp import SftpDestination
from reconciler.errors import AccountError
from reconciler.resources.accounts.sftp import SftpAccountSpec
from tests.conformance.destinations import RUN, staged
from tests.conformance.test_destinations_sftp import connection_to, session_for
from tests.servers.openssh import SshServer
from tests.servers.sshstub import SshStub

NAME = f"us/part-{RUN}.csv"


@pytest.fixture
def root(openssh_server: SshServer) -> Path:
    return openssh_server.folder()


# who the server is


def test_another_host_key_than_the_pinned_one_is_refused_before_signing_in(
    openssh_server: SshServer, root: Path
) -> None:
    other = paramiko.ECDSAKey.generate()
    pin = f"{other.get_name()} {other.get_base64()}"
    connection = connection_to(openssh_server, str(root), hostKeys=[pin])
    with pytest.raises(AccountError) as caught:
        SftpDestination(connection, session_for(openssh_server)).probe()
    assert caught.value.code == "A152"
    kind, _, body = openssh_server.host_keys["ecdsa-sha2-nistp256"].partition(" ")
    assert f"{kind} {fingerprint(base64.b64decode(body))}" in caught.value.detail
    assert fingerprint(other.asbytes()) in caught.value.detail
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
@pytest.mark.parametrize("form", ["key", "fingerprint"])
def test_any_kind_of_host_key_can_be_pinned(openssh_server: SshServer, root: Path, kind: str, form: str) -> None:
    text = openssh_server.host_keys[kind]
    pin = text if form == "key" else fingerprint(base64.b64decode(text.partition(" ")[2]))
    # Beside one that the server doesn't have, as while keys are changed.
    old = paramiko.ECDSAKey.generate()
    connection = connection_to(openssh_server, str(root), hostKeys=[f"{old.get_name()} {old.get_base64()}", pin])
    assert SftpDestination(connection, session_for(openssh_server)).probe().steps == (
        "wrote",
        "read back",
        "removed a probe",
    )


def test_fingerprints_are_as_ssh_keygen_prints_them(openssh_server: SshServer) -> None:
    for file, kind in (("host_ed25519", "ssh-ed25519"), ("host_rsa", "ssh-rsa")):
        printed = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(openssh_server.base / f"{file}.pub")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert fingerprint(base64.b64decode(openssh_server.host_keys[kind].partition(" ")[2])) in printed.stdout


# signing in


def session(user: str = "partner", env: dict[str, str] | None = None, **ways: Any) -> SftpSession:
    spec = SftpAccountSpec.model_validate({"type": "sftp", "user": user, **ways})
    return SftpSession(spec, SecretSource(Path("/"), env or {}))


def stub_connection(stub: SshStub, **more: Any) -> SftpConnection:
    pin = f"{stub.host_key.get_name()} {stub.host_key.get_base64()}"
    declared = {"host": "127.0.0.1", "port": stub.port, "hostKeys": [pin], "path": "/in", **more}
    return SftpConnection.model_validate(declared)


@pytest.mark.parametrize("interactive", [False, True])
def test_a_password_signs_in(tmp_path: Path, interactive: bool) -> None:
    with SshStub(tmp_path, password="hunter2", interactive=interactive) as stub:
        good = session(env={"PW": "hunter2"}, password={"fromEnv": "PW"})
        place = SftpDestination(stub_connection(stub), good)
        assert place.probe().steps == ("wrote", "read back", "removed a probe")
        assert place.publish(staged(place, NAME)) is Published.DONE
        assert (tmp_path / "in" / NAME).read_bytes() == b"data"
        bad = session(env={"PW": "wrong-password"}, password={"fromEnv": "PW"})
        with pytest.raises(AccountError) as caught:
            SftpDestination(stub_connection(stub), bad).probe()
        assert caught.value.code == "A150"
        assert "partner" in caught.value.detail
        assert "wrong-password" not in str(caught.value)


def test_a_key_and_then_a_password_where_the_server_wants_both(openssh_server: SshServer, tmp_path: Path) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(str(openssh_server.key))
    with SshStub(tmp_path, password="hunter2", key=key.get_base64()) as stub:
        ways: dict[str, Any] = {"key": {"fromFile": str(openssh_server.key)}}
        with pytest.raises(AccountError) as caught:
            SftpDestination(stub_connection(stub), session(**ways)).probe()
        assert (caught.value.code, "the server wants more: password" in caught.value.detail) == ("A150", True)
        both = session(env={"PW": "hunter2"}, password={"fromEnv": "PW"}, **ways)
        assert SftpDestination(stub_connection(stub), both).probe().steps


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_with_a_passphrase(openssh_server: SshServer, root: Path, tmp_path: Path, kind: str) -> None:
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "open sesame", "-f", str(locked)], check=True)
    with (openssh_server.base / "authorized_keys").open("a") as file:
        file.write((tmp_path / "locked.pub").read_text())
    connection = connection_to(openssh_server, str(root))
    ways: dict[str, Any] = {"user": openssh_server.user, "key": {"fromFile": str(locked)}}
    good = session(**ways, env={"P": "open sesame"}, keyPassphrase={"fromEnv": "P"})
    assert SftpDestination(connection, good).probe().steps
    for bad in (session(**ways), session(**ways, env={"P": "wrong-one"}, keyPassphrase={"fromEnv": "P"})):
        with pytest.raises(AccountError) as caught:
            SftpDestination(connection, bad).probe()
        assert caught.value.code == "A151"
        assert "keyPassphrase" in caught.value.detail
        assert "wrong-one" not in str(caught.value)


def test_a_key_that_the_server_doesnt_know(openssh_server: SshServer, root: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    stranger = session(user=openssh_server.user, key={"fromFile": str(tmp_path / "k")})
    with pytest.raises(AccountError) as caught:
        SftpDestination(connection_to(openssh_server, str(root)), stranger).probe()
    assert caught.value.code == "A150"
    assert "SHA256:" in caught.value.detail, "which key was tried"


def test_what_isnt_a_key(openssh_server: SshServer, root: Path) -> None:
    stranger = session(user=openssh_server.user, env={"K": "not a key at all"}, key={"fromEnv": "K"})
    with pytest.raises(AccountError) as caught:
        SftpDestination(connection_to(openssh_server, str(root)), stranger).probe()
    assert caught.value.code == "A151"
    assert "not a key" not in str(caught.value)
