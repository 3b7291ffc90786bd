"""Sessions with servers that are reached by SSH: who they are is checked against pinned keys before anything else is said."""

from __future__ import annotations

import base64
import logging
import os
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import ClassVar, Final, TypeVar

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from reconciler.accounts.errors import account_failure
from reconciler.accounts.secrets import SecretSource
from reconciler.accounts.sftp_wire import Lost, Refusal, Wire
from reconciler.catalog.sftp import PREFIX, SftpConnection, fingerprint
from reconciler.errors import AccountError
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.accounts.sftp import SftpAccountSpec

T = TypeVar("T")
CONNECT_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 60.0
"""After which a request whose answer doesn't come counts as lost."""
_ALIVE_SECONDS: Final = 15
_OFFERED: Final = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""Signatures that a server may prove itself with, by kind of key. SHA-1 isn't among them."""
_KEY_CLASSES: Final = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)

logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SftpSession:
    """One user. Servers are connected to when they are first used; threads share one connection to each."""

    signs_in_with: ClassVar[type[AccountSpec]] = SftpAccountSpec

    def __init__(self, spec: SftpAccountSpec, secrets: SecretSource) -> None:
        self._spec = spec
        self._secrets = secrets
        self._lock = threading.Lock()
        self._servers: dict[tuple[str, int, tuple[str, ...]], SftpServer] = {}

    def server(self, connection: SftpConnection) -> SftpServer:
        """The server of a connection; touches nothing yet."""
        key = (connection.host, connection.port, connection.host_keys)
        with self._lock:
            if key not in self._servers:
                self._servers[key] = SftpServer(connection, self.sign_in)
            return self._servers[key]

    def sign_in(self, transport: paramiko.Transport, where: str) -> None:
        """Signs in with the key, the password, or one after the other where the server wants both. Raises `AccountError`."""
        tried = []
        try:
            for way, request in self._ways(transport):
                tried.append(way)
                try:
                    wants = request()
                except paramiko.BadAuthenticationType as error:
                    tried[-1] += f" (the server takes: {', '.join(error.allowed_types)})"
                    continue
                if transport.is_authenticated():
                    return
                tried[-1] += f" (the server wants more: {', '.join(wants)})"
        except paramiko.AuthenticationException as error:
            if not transport.is_active():
                raise Lost("the connection ended while signing in") from error
        detail = f"{where} refused user {self._spec.user}. Tried: {', '.join(tried)}."
        raise account_failure("A150", detail)

    def _ways(self, transport: paramiko.Transport) -> Iterator[tuple[str, Callable[[], list[str]]]]:
        if self._spec.key is not None:
            key = self._key()
            yield f"key {key.fingerprint}", lambda: transport.auth_publickey(self._spec.user, key)
        if self._spec.password is not None:
            password = self._secrets.resolve(self._spec.password)
            yield "password", lambda: transport.auth_password(self._spec.user, password.reveal())

    def _key(self) -> paramiko.PKey:
        """The private key. Raises `AccountError` A151; never says what it holds."""
        assert self._spec.key is not None
        text = self._secrets.resolve(self._spec.key).reveal()
        secret = self._secrets.resolve(self._spec.key_passphrase) if self._spec.key_passphrase else None
        locked = False
        for kind in _KEY_CLASSES:
            try:
                return kind.from_private_key(StringIO(f"{text}\n"), password=secret.reveal() if secret else None)
            except paramiko.PasswordRequiredException:
                locked = True
            except (paramiko.SSHException, ValueError, TypeError, IndexError):
                continue
        if locked and secret is None:
            raise account_failure(
                "A151", "The private key is locked with a passphrase, and keyPassphrase isn't declared."
            )
        wrong = " Or keyPassphrase isn't its passphrase." if secret else ""
        raise account_failure(
            "A151", f"The private key isn't one of Ed25519, ECDSA or RSA as ssh-keygen writes them.{wrong}"
        )


@dataclass
class _Held:
    """What must be closed in the end. `process`: who opened it; a fork must not touch it."""

    transport: paramiko.Transport | None = None
    process: int = 0

    def close(self) -> None:
        transport, self.transport = self.transport, None
        if transport is not None and self.process == os.getpid():
            transport.close()


class SftpServer:
    """One connection to one server, made when it is needed and again after it was lost. Threads take turns."""

    def __init__(self, connection: SftpConnection, sign_in: Callable[[paramiko.Transport, str], None]) -> None:
        self._connection = connection
        self._sign_in = sign_in
        self._lock = threading.RLock()
        self._held = _Held()
        self._wire: Wire | None = None
        weakref.finalize(self, self._held.close)

    @contextmanager
    def wire(self) -> Iterator[Wire]:
        """The session, for as long as the block takes. After `Lost` the next block gets a new one. Raises `Lost`, `AccountError`."""
        with self._lock:
            if self._wire is None or self._held.process != os.getpid():
                self._connect()
            assert self._wire is not None
            try:
                yield self._wire
            except Refusal:
                raise
            except BaseException:
                self.close()  # whatever it was, half a packet may be sent or read
                raise

    def holds(self, wire: Wire) -> bool:
        """Whether this is the session that the next use gets."""
        return self._wire is wire and self._held.process == os.getpid()

    def close(self) -> None:
        """Ends the connection; the next use makes another."""
        with self._lock:
            self._wire = None
            self._held.close()

    def _connect(self) -> None:
        transport = self._transport()
        self._held.close()
        self._held.transport, self._held.process = transport, os.getpid()
        try:
            self._sign_in(transport, self._connection.authority)
            transport.set_keepalive(_ALIVE_SECONDS)
            channel = transport.open_session(timeout=ANSWER_SECONDS)
            channel.settimeout(ANSWER_SECONDS)
            channel.invoke_subsystem("sftp")
            self._wire = Wire(channel)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise Lost(f"no SFTP session: {error or type(error).__name__}") from error
        except BaseException:
            self.close()
            raise

    def _transport(self) -> paramiko.Transport:
        """An encrypted connection to the server that was pinned. Raises `Lost`, `AccountError` A152."""
        seen = []
        for offered in self._offers():
            try:
                transport, key = self._handshake(offered)
            except IncompatiblePeer:
                continue
            if self._pinned(key):
                return transport
            transport.close()
            seen.append(f"{key.get_name()} {fingerprint(key.asbytes())}")
        raise self._unknown(seen)

    def _offers(self) -> Iterator[tuple[str, ...]]:
        """Kinds of signature to ask the server for, one kind after the other: it proves itself with one key at a time."""
        pins = self._connection.host_keys
        for kinds in _OFFERED:
            family = "ssh-rsa" if kinds[0].startswith("rsa") else kinds[0].partition("-nistp")[0]
            if any(pin.startswith(PREFIX) or pin.startswith(family) for pin in pins):
                yield kinds

    def _handshake(self, offered: tuple[str, ...]) -> tuple[paramiko.Transport, paramiko.PKey]:
        try:
            plain = socket.create_connection((self._connection.host, self._connection.port), CONNECT_SECONDS)
        except OSError as error:
            raise Lost(f"can't connect: {error.strerror or error or type(error).__name__}") from error
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(plain)
        transport.daemon = True
        transport.get_security_options().key_types = offered
        try:
            transport.start_client(timeout=CONNECT_SECONDS)
            return transport, transport.get_remote_server_key()
        except IncompatiblePeer:
            transport.close()
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            transport.close()
            raise Lost(f"no SSH: {error or type(error).__name__}") from error

    def _pinned(self, key: paramiko.PKey) -> bool:
        texts = {fingerprint(key.asbytes()), f"{key.get_name()} {key.get_base64()}"}
        return not texts.isdisjoint(self._connection.host_keys)

    def _unknown(self, seen: list[str]) -> AccountError:
        shown = ", ".join(seen) or "no key of a kind that is pinned"
        pinned = ", ".join(_shown(pin) for pin in self._connection.host_keys)
        return account_failure(
            "A152",
            f"{self._connection.authority} has {shown}; pinned is {pinned}. Nobody was signed in and nothing was sent. Ask the server's "
            "operator, by another way than this connection, which key is right.",
        )


def _shown(pin: str) -> str:
    """A pin as its fingerprint."""
    if pin.startswith(PREFIX):
        return pin
    kind, _, body = pin.partition(" ")
    return f"{kind} {fingerprint(base64.b64decode(body))}"
