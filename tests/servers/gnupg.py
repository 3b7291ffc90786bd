"""GnuPG, the other implementation of OpenPGP: makes keys, reads what was encrypted, and says who signed it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.needed import needed


@dataclass(frozen=True)
class Opened:
    """What was in a message. `signed_by`: the fingerprint of a good signature's key, or empty; `readers`: ids of keys it is for."""

    content: bytes
    signed_by: str
    readers: tuple[str, ...]


class Gpg:
    """One keyring."""

    def __init__(self, home: Path) -> None:
        self._command = [
            "gpg",
            "--homedir",
            str(home),
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--quiet",
            "--status-fd",
            "2",
        ]

    def make(self, name: str, algorithm: str = "future-default", usage: str = "default", expires: str = "never", *,
             passphrase: str = "", at: str = "") -> str:  # fmt: skip
        """A key's fingerprint. `at`: made at that time (20200101T000000), whenever it is."""
        when = ["--faked-system-time", f"{at}!"] if at else []
        status = self._run(
            *when,
            "--passphrase",
            passphrase,
            "--quick-gen-key",
            f"{name} <{name}-{secrets.token_hex(4)}@example.org>",
            algorithm,
            usage,
            expires,
        )
        return next(line.split()[3] for line in status[1].splitlines() if "KEY_CREATED" in line)

    def add_subkey(self, fingerprint: str, expires: str = "never", *, at: str = "") -> None:
        """Another subkey for encryption."""
        when = ["--faked-system-time", f"{at}!"] if at else []
        self._run(*when, "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", expires)

    def revoke(self, fingerprint: str, home: Path) -> None:
        """Revokes a key by the certificate that was made with it."""
        certificate = (
            (home / "openpgp-revocs.d" / f"{fingerprint}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
        )
        self._run("--import", given=certificate.encode())

    def public(self, fingerprint: str, *, armor: bool = True) -> bytes:
        """As it is given away."""
        return self._run(*(["--armor"] if armor else []), "--export", fingerprint)[0]

    def private(self, fingerprint: str, passphrase: str = "") -> str:
        """As it is kept."""
        return self._run("--armor", "--passphrase", passphrase, "--export-secret-keys", fingerprint)[0].decode()

    def open(self, content: bytes) -> Opened:
        """Decrypts and verifies; fails where that can't be."""
        plain, status = self._run("--passphrase", "", "--decrypt", given=content)
        words = [line.split()[1:] for line in status.splitlines() if line.startswith("[GNUPG:]")]
        signer = next((each[10] for each in words if each[0] == "VALIDSIG"), "")
        return Opened(plain, signer, tuple(each[1] for each in words if each[0] == "ENC_TO"))

    def _run(self, *arguments: str, given: bytes = b"") -> tuple[bytes, str]:
        done = subprocess.run([*self._command, *arguments], input=given, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr.decode(errors="replace"))
        return done.stdout, done.stderr.decode(errors="replace")


@contextlib.contextmanager
def gnupg() -> Iterator[tuple[Gpg, Path]]:
    """An empty keyring and its folder; its agent is ended with it."""
    needed("/usr/bin/gpg", "Debian's gnupg, which `make servers` installs as root")
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # opening a key a thousand times faster than usual
    try:
        yield Gpg(home), home
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)
