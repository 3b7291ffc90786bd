"""Which keys are used and which are refused, with the reason; all of them made by gpg."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pysequoia
import pytest

from reconciler.accounts.secrets import Secret
from reconciler.config.openpgp import fingerprint_in
from reconciler.encryption.keys import certificate, check_signer
from reconciler.errors import AccountError
from tests.servers.gnupg import Gpg, gnupg

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def ring() -> Iterator[tuple[Gpg, Path]]:
    with gnupg() as found:
        yield found


def refused(root: Path, content: bytes, applied: str = "") -> AccountError:
    (root / "key.asc").write_bytes(content)
    with pytest.raises(AccountError) as caught:
        certificate(root, "key.asc", applied or fingerprint_in(content), NOW)
    return caught.value


def test_keys_that_cant_be_encrypted_for_are_refused(ring: tuple[Gpg, Path], tmp_path: Path) -> None:
    gpg, home = ring
    expired = gpg.make("expired", expires="1y", at="20200101T000000")
    revoked = gpg.make("revoked")
    gpg.revoke(revoked, home)
    weak = gpg.make("weak", "rsa1024", "encr,sign,cert")
    signs = gpg.make("signs", "ed25519", "sign,cert")
    for fingerprint, said in (
        (expired, "expired on 2020-12-31"),
        (revoked, "was revoked"),
        (weak, "RSA1024 is not considered secure"),
        (signs, "No suitable encryption subkey"),
    ):
        found = refused(tmp_path, gpg.public(fingerprint))
        assert (found.code, said in found.detail, "key.asc" in found.detail) == ("A155", True, True), found


def test_a_subkey_that_expired_isnt_used_and_one_that_lasts_is(ring: tuple[Gpg, Path], tmp_path: Path) -> None:
    gpg, _ = ring
    made = gpg.make("rotating", "ed25519", "sign,cert", at="20200101T000000")
    gpg.add_subkey(made, "20210101T000000", at="20200101T000000")
    found = refused(tmp_path, gpg.public(made))
    assert (found.code, "No suitable encryption subkey" in found.detail) == ("A155", True), found
    gpg.add_subkey(made)
    (tmp_path / "key.asc").write_bytes(gpg.public(made))
    usable = pysequoia.Cert.from_bytes(certificate(tmp_path, "key.asc", made, NOW))
    opened = gpg.open(pysequoia.encrypt(b"hello", recipients=[usable], armor=False))
    assert opened.content == b"hello"
    assert len(opened.readers) == 1


@pytest.mark.parametrize("profile", [pysequoia.Profile.RFC4880, pysequoia.Profile.RFC9580])
def test_keys_of_either_version(tmp_path: Path, profile: pysequoia.Profile) -> None:
    made = pysequoia.Tsk.generate("new <new@example.org>", profile=profile)
    text = str(made.extract_certificate()).encode()
    (tmp_path / "key.asc").write_bytes(text)
    usable = pysequoia.Cert.from_bytes(certificate(tmp_path, "key.asc", fingerprint_in(text), NOW))
    found = pysequoia.decrypt(pysequoia.encrypt(b"hello", recipients=[usable]), decryptor=made.decryptor())
    assert found.bytes == b"hello"
    assert check_signer(Secret(str(made)), None, NOW) == fingerprint_in(text)


def test_another_key_than_the_applied_one_is_refused(ring: tuple[Gpg, Path], tmp_path: Path) -> None:
    gpg, _ = ring
    applied, other = gpg.make("applied"), gpg.make("other")
    found = refused(tmp_path, gpg.public(other), applied)
    assert found.code == "A157"
    assert applied in found.detail
    assert other in found.detail


def test_a_file_that_isnt_in_the_project_any_more(ring: tuple[Gpg, Path], tmp_path: Path) -> None:
    gpg, _ = ring
    made = gpg.make("gone")
    root, outside = tmp_path / "p", tmp_path / "outside.asc"
    root.mkdir()
    outside.write_bytes(gpg.public(made))
    for prepare in (lambda: None, lambda: (root / "key.asc").symlink_to(outside)):
        prepare()
        with pytest.raises(AccountError) as caught:
            certificate(root, "key.asc", made, NOW)
        assert caught.value.code == "A155"
    private = tmp_path / "private"
    private.mkdir()
    assert "private key" in refused(private, gpg.private(made).encode(), made).detail


def test_a_signing_key_is_opened_once_a_process(ring: tuple[Gpg, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    gpg, _ = ring
    made = gpg.make("often", passphrase="open sesame")
    text, calls, sign = Secret(gpg.private(made, "open sesame")), [], pysequoia.sign

    def counted(*arguments: object) -> bytes:
        calls.append(arguments)
        return sign(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pysequoia, "sign", counted)
    for _ in range(3):
        assert check_signer(text, Secret("open sesame"), NOW) == made
    assert len(calls) == 1
    with pytest.raises(AccountError):
        check_signer(text, Secret("another"), NOW)
    with pytest.raises(AccountError):
        check_signer(text, None, NOW)


def test_signing_keys(ring: tuple[Gpg, Path]) -> None:
    gpg, _ = ring
    signer = gpg.make("signer", passphrase="open sesame")
    text = Secret(gpg.private(signer, "open sesame"))
    assert check_signer(text, Secret("open sesame"), NOW) == signer
    expired = gpg.make("old-signer", expires="1y", at="20200101T000000")
    for key, passphrase, said in (
        (text, None, "signPassphrase isn't declared"),
        (text, Secret("wrong-one"), "signPassphrase doesn't open it"),
        (Secret("garbage-text"), None, "isn't an OpenPGP private key"),
        (Secret(gpg.public(signer).decode()), None, "isn't an OpenPGP private key"),
        (Secret(gpg.private(expired)), None, "expired on 2020-12-31"),
    ):
        with pytest.raises(AccountError) as caught:
            check_signer(key, passphrase, NOW)
        assert (caught.value.code, said in caught.value.detail) == ("A156", True), caught.value
        assert "wrong-one" not in str(caught.value)
        assert "garbage-text" not in str(caught.value)
