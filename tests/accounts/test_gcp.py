"""Accounts of Google Cloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.accounts.gcp import GcpSession
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.gcp import GcpAccountSpec


def session(key: str | None = None, **spec: Any) -> GcpSession:
    if key is not None:
        spec["auth"] = {"serviceAccount": {"fromEnv": "KEY"}}
    return GcpSession(
        GcpAccountSpec.model_validate({"type": "gcp", **spec}), SecretSource(Path("/"), {"KEY": key} if key else {})
    )


@pytest.mark.parametrize(
    "key",
    [
        "hush",
        "[]",
        '{"type": "service_account", "private_key": "hush"}',
        json.dumps({"type": "external_account", "credential_source": {"executable": {"command": "hush"}}}),
        '{"type": "service_account", "private_key": "hush", "client_email": "a@b", "token_uri": "https://c"}',
    ],
)
def test_keys_that_cant_be_used(key: str) -> None:
    with pytest.raises(AccountError) as caught:
        session(key).bucket("box")
    assert caught.value.code == "A163"
    assert "hush" not in str(caught.value)


def test_nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(AccountError) as caught:
        session().bucket("box")
    assert caught.value.code == "A162"


def test_what_the_environment_gives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "adc.json"
    file.write_text(
        json.dumps({"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"})
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    bucket = session(billingProject="acme-billing").bucket("box")
    assert (bucket.name, bucket.user_project) == ("box", "acme-billing")


def test_ways_to_sign_in_exclude_each_other() -> None:
    spec = {"type": "gcp", "auth": {"serviceAccount": {"fromEnv": "KEY"}, "ambient": {}}}
    (found,) = GcpAccountSpec.model_validate(spec).problems()
    assert "serviceAccount and ambient" in found[1]
