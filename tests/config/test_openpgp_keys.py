"""Fingerprints of public keys, read without any library, are what gpg and Sequoia say; what isn't a key is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pysequoia
import pytest

from reconciler.config.load import load, load_revision
from reconciler.config.openpgp import fingerprint_in
from tests.servers.gnupg import Gpg

PROJECT = """\
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: box}}
spec: {{type: local, connection: {{path: out}}, encryption: {{type: pgp, recipients: [{recipients}]{more}}}}}
"""


@pytest.mark.parametrize("algorithm", ["rsa2048", "ed25519"])
@pytest.mark.parametrize("armor", [True, False])
def test_fingerprints_are_those_of_gpg(gpg: Gpg, algorithm: str, armor: bool) -> None:
    made = gpg.make(f"{algorithm}-{armor}", algorithm)
    assert fingerprint_in(gpg.public(made, armor=armor)) == made


@pytest.mark.parametrize("profile", [pysequoia.Profile.RFC4880, pysequoia.Profile.RFC9580])
def test_fingerprints_are_those_of_sequoia(profile: pysequoia.Profile) -> None:
    made = pysequoia.Tsk.generate("a <a@example.org>", profile=profile).extract_certificate()
    assert fingerprint_in(str(made).encode()) == fingerprint_in(bytes(made)) == made.fingerprint.upper()


def test_what_isnt_one_public_key_is_told(gpg: Gpg) -> None:
    one, two = gpg.make("one"), gpg.make("two")
    armoured = gpg.public(one)
    damaged = armoured.replace(b"\n\n", b"\n\n!!!!", 1)
    for content, said in (
        (gpg.private(one).encode(), "private key"),
        (gpg.public(one) + gpg.public(two), "2 keys"),
        (gpg.public(one, armor=False) + gpg.public(two, armor=False), "2 keys"),
        (b"not a key at all", "no OpenPGP public key"),
        (b"", "no OpenPGP public key"),
        (b"\xc6\xff", "version"),
        (damaged, "damaged"),
    ):
        with pytest.raises(ValueError, match=said):
            fingerprint_in(content)


def findings(folder: Path) -> list[tuple[str, str]]:
    return [(each.code, each.detail) for each in load(folder).diagnostics]


def declare(folder: Path, *recipients: str, more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    listed = ", ".join(f"{{fromFile: {each}}}" for each in recipients)
    (folder / "reconcile.yaml").write_text(PROJECT.format(recipients=listed, more=more))
    return folder


def test_the_effective_destination_names_the_keys(gpg: Gpg, tmp_path: Path) -> None:
    project = declare(tmp_path / "p", "keys/a.asc", "keys/b.pgp")
    a, b = gpg.make("a"), gpg.make("b")
    (project / "keys").mkdir()
    (project / "keys" / "a.asc").write_bytes(gpg.public(a))
    (project / "keys" / "b.pgp").write_bytes(gpg.public(b, armor=False))
    desired = load(project).require()
    assert desired.destination_specs["box"].recipient_keys == (a, b)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(project), *command], check=True)
    (project / "keys" / "a.asc").write_bytes(gpg.public(b))
    assert load_revision(project, "HEAD").require().destination_specs["box"].recipient_keys == (a, b)


def test_a_key_is_a_file_of_the_project(gpg: Gpg, tmp_path: Path) -> None:
    key = gpg.public(gpg.make("outside"))
    (tmp_path / "outside.asc").write_bytes(key)
    project = declare(
        tmp_path / "p", "link.asc", "../outside.asc", str(tmp_path / "outside.asc"), "none.asc", "a.asc", "a.asc"
    )
    (project / "link.asc").symlink_to(tmp_path / "outside.asc")
    (project / "a.asc").write_bytes(key)
    found = findings(project)
    assert {code for code, _ in found} == {"D160"}
    for name, said in (
        ("link.asc", "leads out of the project"),
        ("../outside.asc", "plain relative path"),
        (str(tmp_path / "outside.asc"), "plain relative path"),
        ("none.asc", "No such file"),
        ("a.asc", "named twice"),
    ):
        assert any(detail.startswith(f"{name}: ") and said in detail for _, detail in found), (name, found)


@pytest.mark.parametrize(
    ("recipients", "more", "code"),
    [
        ("", "", "C106"),
        ("{fromEnv: KEY}", "", "C101"),
        ("'-----BEGIN PGP'", "", "C103"),
        ("{fromFile: a.asc}", ", signPassphrase: {fromEnv: P}", "C109"),
        ("{fromFile: a.asc}", ", sign: literal", "S101"),
        ("{fromFile: a.asc}", ", sign: {fromFile: ../key.asc}", "P101"),
    ],
)
def test_what_isnt_declared_rightly(gpg: Gpg, tmp_path: Path, recipients: str, more: str, code: str) -> None:
    (tmp_path / "a.asc").write_bytes(gpg.public(gpg.make("declared")))
    (tmp_path / "reconcile.yaml").write_text(PROJECT.format(recipients=recipients, more=more))
    assert code in {found for found, _ in findings(tmp_path)}
