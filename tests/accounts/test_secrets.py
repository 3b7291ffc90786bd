"""Secrets are found when they are needed, and never shown."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest

from reconciler.accounts.secrets import Secret, SecretSource
from reconciler.errors import AccountError
from reconciler.resources.secrets import FromEnv, FromFile

VALUE = "hunter2-hunter2"


def test_a_secret_shows_nothing() -> None:
    secret = Secret(VALUE)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>40}",
        "{} {!r}".format(*[secret] * 2),
        str([secret]),
        str({"a": secret}),
    ]
    assert not any(VALUE in text for text in shown)
    assert str(secret) == "***"
    assert secret.reveal() == VALUE


def test_a_secret_is_not_serialised() -> None:
    for serialise in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            serialise(Secret(VALUE))


def test_secrets_compare_by_what_they_hold_and_are_no_keys() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_an_environment_variable(tmp_path: Path) -> None:
    env = {"TOKEN": VALUE}
    source = SecretSource(tmp_path, env)
    assert source.resolve(FromEnv(from_env="TOKEN")).reveal() == VALUE
    env["TOKEN"] = "rotated"
    assert source.resolve(FromEnv(from_env="TOKEN")).reveal() == "rotated"
    assert VALUE not in repr(source)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        ("abc", "abc"),
        ("abc\n", "abc"),
        ("abc\r\n", "abc"),
        ("abc\n\n", "abc\n"),
        ("  abc ", "  abc "),
        ("\n\nabc\n", "\n\nabc"),
        ("ü", "ü"),
    ],
)
def test_a_file_loses_one_line_end(tmp_path: Path, content: str, secret: str) -> None:
    (tmp_path / "s").write_bytes(content.encode())
    source = SecretSource(tmp_path, {})
    assert source.resolve(FromFile(from_file="s")).reveal() == secret
    assert source.resolve(FromFile(from_file=str(tmp_path / "s"))).reveal() == secret


def test_a_mounted_secret_is_a_link_that_all_may_read(tmp_path: Path) -> None:
    """As Kubernetes mounts them."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "key").write_text(VALUE)
    (tmp_path / "..data" / "key").chmod(0o644)
    (tmp_path / "key").symlink_to("..data/key")
    assert SecretSource(tmp_path, {}).resolve(FromFile(from_file="key")).reveal() == VALUE


@pytest.mark.parametrize(
    ("ref", "code", "named"),
    [
        (FromEnv(from_env="NOT_SET"), "A101", "NOT_SET"),
        (FromEnv(from_env="EMPTY"), "A102", "EMPTY"),
        (FromEnv(from_env="NUL"), "A102", "NUL"),
        (FromFile(from_file="absent"), "A101", "absent"),
        (FromFile(from_file="folder"), "A101", "folder"),
        (FromFile(from_file="empty"), "A102", "empty"),
        (FromFile(from_file="newline"), "A102", "newline"),
        (FromFile(from_file="latin1"), "A102", "latin1"),
        (FromFile(from_file="large"), "A102", "large"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(
    tmp_path: Path, ref: FromEnv | FromFile, code: str, named: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "newline").write_text("\n")
    (tmp_path / "latin1").write_bytes(f"{VALUE}\xfc".encode("latin1"))
    (tmp_path / "large").write_text(VALUE * 10_000)
    with pytest.raises(AccountError, match=code) as caught:
        SecretSource(tmp_path, {"EMPTY": "", "NUL": f"{VALUE}\0"}).resolve(ref)
    assert named in caught.value.detail
    assert VALUE not in str(caught.value)
    assert (
        caught.value.__context__ is None
        or VALUE not in str(caught.value.__context__)
        or caught.value.__suppress_context__
    )
